"""The detectors, on real photographs."""

import json
import math
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from mien import Box, Frame, ModelError, OptionError, ReadOptions
from mien.detection import create_detector, detect_turned
from mien.detection.base import NoDetector
from mien.detection.pyramid import MOST_PIXELS, PyramidDetector, coarse_to_fine, views_for
from mien.io.images import read_image

ASTRONAUT = Box(182, 58, 270, 178)


@pytest.fixture(scope="module", params=["mien", "centerface"])
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def detector(name) -> PyramidDetector:
    return create_detector(ReadOptions(detector=name))


@pytest.fixture(scope="module")
def thorough(name) -> PyramidDetector:
    """Searches at full size for faces of 20 pixels."""
    return create_detector(ReadOptions(detector=name, min_face=20))


def scaled(frame: Frame, factor: float) -> Frame:
    return Frame(
        np.asarray(cv2.resize(frame.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    )


def test_finds_the_face_and_its_landmarks(thorough, astronaut):
    (face,) = thorough.detect(astronaut)
    assert face.box.iou(ASTRONAUT) > 0.8
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_finds_fifty_faces(detector, crowd):
    found = detector.detect(crowd)
    assert len(found) == 50
    centers = {(int((f.box.x0 + f.box.x1) / 2) // 96, int((f.box.y0 + f.box.y1) / 2) // 96) for f in found}
    assert len(centers) == 50


def test_finds_a_face_of_twenty_pixels(detector, astronaut):
    factor = 20 / 100  # its face is about 86 x 114
    small = scaled(astronaut, factor)
    (face,) = detector.detect(small)
    assert face.box.iou(Box(*(value * factor for value in ASTRONAUT.xyxy))) > 0.5


@pytest.mark.slow
def test_large_faces_need_one_coarse_view_and_small_ones_finer_views(detector, thorough, astronaut):
    looked = []

    class Watched(PyramidDetector):
        def search(self, image, view):
            looked.append(view.scale)
            return super().search(image, view)

    seen = Watched(detector.network, detector.margin)
    near = Frame(np.ascontiguousarray(astronaut.image[0:360, 60:420]))
    (quick,) = seen.detect(near)
    assert looked == [320 / 360]
    (full,) = thorough.detect(near)
    assert quick.box.iou(full.box) > 0.85
    np.testing.assert_allclose(quick.landmarks, full.landmarks, atol=0.05 * full.box.width)

    looked.clear()
    sheet = np.full((1600, 1600, 3), 90, np.uint8)
    small = scaled(astronaut, 0.3).image
    sheet[: small.shape[0], : small.shape[1]] = small
    (one,) = seen.detect(Frame(sheet))
    assert looked[:2] == [320 / 1600, 640 / 1600]
    assert len(looked) > 2
    assert one.box.iou(Box(*(0.3 * value for value in ASTRONAUT.xyxy))) > 0.8


@pytest.mark.parametrize(("height", "width"), [(480, 640), (100, 100), (3000, 4000), (200, 5000)])
def test_coarse_to_fine_views_end_with_a_complete_one(height, width):
    *quick, last = coarse_to_fine(height, width)
    assert all(len(views) == 1 and views[0].scale * max(height, width) <= 640 for views in quick)
    smallest = 20 * max(1, (height * width / 6e6) ** 0.5)
    assert last[-1] == views_for(height, width, math.ceil(smallest))[-1]
    scales = [views[0].scale for views in (*quick, last)]
    assert scales == sorted(set(scales))


@pytest.mark.parametrize("turn", [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180])
def test_finds_turned_faces(detector, astronaut, turn):
    turned = Frame(np.ascontiguousarray(cv2.rotate(astronaut.image, turn)))
    (face,) = detect_turned(detector, turned, None)
    assert face.score > 0.6


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (1, 500), (33, 31), (600, 400)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_empty_image_has_no_face(detector, shape, value):
    assert detector.detect(Frame(np.full((*shape, 3), value, np.uint8))) == []


@pytest.mark.slow
def test_a_huge_image_is_searched_in_tiles(name, thorough, astronaut):
    height, width = 2400, 3000
    sheet = np.full((height, width, 3), 90, np.uint8)
    small = scaled(astronaut, 0.25).image
    sheet[1150 : 1150 + small.shape[0], 1450 : 1450 + small.shape[1]] = small  # where tiles meet
    large = scaled(astronaut, 2.2).image
    sheet[100 : 100 + large.shape[0], 1700 : 1700 + large.shape[1]] = large
    found = thorough.detect(Frame(sheet))
    assert len(found) == 2 or name == "mien"  # which also takes an ear and a patch of cloth for faces here
    assert any(f.box.iou(Box(1450 + 45, 1150 + 15, 1450 + 67, 1150 + 45)) > 0.5 for f in found)


@pytest.mark.parametrize("side", [700, 1000, 1200, 1240, 1600])
def test_a_close_up_has_one_well_framed_face_at_any_size(detector, astronaut, side):
    close = cv2.resize(astronaut.image[30:210, 135:315], (side, side), interpolation=cv2.INTER_LANCZOS4)
    noise = np.random.default_rng(0).normal(0, 6, close.shape)
    (face,) = detector.detect(Frame((close + noise).clip(0, 255).astype(np.uint8)))
    wanted = Box(*((value - origin) * side / 180 for value, origin in zip(ASTRONAUT.xyxy, (135, 30, 135, 30))))
    assert face.box.iou(wanted) > 0.75


def test_smaller_faces_are_enlarged_when_asked_for(name, astronaut):
    small = scaled(astronaut, 0.12)  # a face of about 10 x 14 pixels
    assert len(create_detector(ReadOptions(detector=name, min_face=8)).detect(small)) == 1


@pytest.mark.parametrize(("height", "width"), [(1, 1), (480, 640), (5774, 8660), (100, 60_000)])
def test_views_cover_the_image_in_bounded_pieces(height, width):
    views = views_for(height, width, 20)
    seen = np.zeros((height, width), bool) if height * width < 1e8 else None
    for x0, y0, x1, y1, scale, _ in views:
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        assert (x1 - x0) * (y1 - y0) * scale**2 <= MOST_PIXELS * 1.01
        if seen is not None and scale >= 1:
            seen[y0:y1, x0:x1] = True
    assert seen is None or seen.all()


@pytest.mark.slow
def test_the_foreground_faces_of_the_real_photos_are_found(name, detector, photos):
    missed = []
    for file, entry in json.loads((photos / "faces.json").read_text()).items():
        found = [face.box for face in detector.detect(read_image(photos / file))]
        missed += [file for box in entry["faces"] if max((Box(*box).iou(o) for o in found), default=0) < 0.4]
    assert len(missed) <= {"centerface": 0, "mien": 3}[name], missed


def test_detector_none_takes_the_image_as_the_face(astronaut):
    (face,) = NoDetector().detect(astronaut)
    assert face.box.xyxy == (0, 0, 512, 512)


def test_yunet_needs_its_file(tmp_path):
    with pytest.raises(OptionError):
        create_detector(ReadOptions(detector="yunet"))
    with pytest.raises(ModelError):
        create_detector(ReadOptions(detector=f"yunet:{tmp_path / 'none.onnx'}"))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(ModelError):
        create_detector(ReadOptions(detector=f"yunet:{broken}"))


def test_threads_share_a_detector(detector, astronaut, hopper):
    frames = [astronaut, hopper] * 8
    alone = [detector.detect(frame) for frame in frames]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(detector.detect, frames))
    assert [[face.box for face in faces] for faces in alone] == [[face.box for face in faces] for faces in together]


def test_textures_have_no_face(detector):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:480, :640]
    textures = [
        rng.integers(0, 256, (480, 640, 3), np.uint8),
        np.repeat(((x // 40 + y // 40) % 2 * 255).astype(np.uint8)[..., None], 3, 2),
        np.repeat(((np.sin(np.hypot(x - 320, y - 240) / 9) + 1) * 127).astype(np.uint8)[..., None], 3, 2),
        np.stack([x * 255 // 640, y * 255 // 480, (x + y) % 256], -1).astype(np.uint8),
    ]
    assert [detector.detect(Frame(image)) for image in textures] == [[]] * 4


@pytest.mark.parametrize("gain", [0.1, 0.25])
def test_faces_are_found_in_the_dark(detector, astronaut, gain):
    (face,) = detector.detect(Frame((astronaut.image * gain).astype(np.uint8)))
    assert face.box.iou(ASTRONAUT) > 0.6
