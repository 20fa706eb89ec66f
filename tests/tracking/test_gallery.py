"""A video call of 25 people."""

import cv2
import numpy as np

from mien import ReadOptions, read_video

from ..conftest import make_clip

WIDE, HIGH, TILES = 384, 216, 5


def test_a_gallery_of_25_is_found_and_followed(astronaut, hopper, tmp_path):
    heads = astronaut.image[0:300, 70:370], hopper.image[20:440, 60:480]
    # Faces of both are 40% as high as the crop: 60 of 216 pixels
    heads = [cv2.resize(head, (150, 150), interpolation=cv2.INTER_AREA) for head in heads]
    frames = []
    for number in range(8):
        page = np.full((HIGH * TILES, WIDE * TILES, 3), 90, np.uint8)
        for place in range(TILES**2):
            x, y = WIDE * (place % TILES) + 110 + 2 * number, HIGH * (place // TILES) + 30
            page[y : y + 150, x : x + 150] = heads[place % 2]
        frames.append(page)
    clip = make_clip(tmp_path / "call.mp4", frames, times=[n / 10 for n in range(8)], sound=None)
    seen = [{reading.track_id for reading in found} for _, found in read_video(clip, ReadOptions(flip=False))]
    assert seen == [set(range(1, 26))] * 8
