"""Small images of the people of a video, to tell by eye which numbers are one person; nothing is compared or recognized."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..drawing import encoded
from ..errors import MienError
from ..io.video import Video
from ..types import Box, Frame
from .timeline import Moment, VideoTimeline

#: Longest side in pixels, and how much of the box's size is shown on each side of it.
SIDE, _AROUND = 112, 0.3
#: A frame's time may differ from that in a table by its rounding, in seconds.
_ROUNDING_S = 0.002


def thumbnails(video: VideoTimeline, folder: Path | str | None = None, most: int = 50) -> dict[int, bytes]:
    """The clearest view of each person, by number: JPEG files of at most 112 pixels.

    Args:
        video: a timeline; its ``source`` is the path of the video, as it is or beside the table.
        folder: the folder of the table.
        most: people, longest visible first.

    Returns:
        Empty if the video is not there or cannot be read; without those whose frame cannot be read.
    """
    source = Path(video.source)
    places = [source, *([Path(folder) / source, Path(folder) / video.name] if folder else [])]
    path = next((place for place in places if place.is_file()), None)
    moments = [(track.track_id, track.clearest) for track in video.ranked[:most]]
    wanted = sorted(((moment, number) for number, moment in moments if moment), key=lambda one: one[0].frame)
    found: dict[int, bytes] = {}
    if path and wanted:
        with suppress(MienError):
            for (moment, number), frame in zip(wanted, _frames(Video(path), [moment for moment, _ in wanted])):
                if frame and (face := cropped(frame.image, moment.box)) is not None:
                    found[number] = encoded(face, "JPEG", SIDE)
    return found


def cropped(image: npt.NDArray[np.uint8], box: Box) -> npt.NDArray[np.uint8] | None:
    """A face and what is around it, uint8 (h, w, 3), a copy; None if the box lies outside of the image."""
    height, width = image.shape[:2]
    across, down = _AROUND * box.width, _AROUND * box.height
    left, right = (round(float(np.clip(at, 0, width))) for at in (box.x0 - across, box.x1 + across))
    top, bottom = (round(float(np.clip(at, 0, height))) for at in (box.y0 - down, box.y1 + down))
    return image[top:bottom, left:right].copy() if right > left and bottom > top else None


def _frames(video: Video, moments: Sequence[Moment]) -> Iterator[Frame | None]:
    """The frame of each moment, in order of their numbers; None where it cannot be read."""
    if video.seekable:
        for moment in moments:
            frame = next(video.frames((moment.frame - 1, moment.time_s - _ROUNDING_S)), None)
            yield frame if frame and abs(frame.time_s - moment.time_s) <= _ROUNDING_S else None
        return
    images = video.frames()
    frame = None
    for moment in moments:
        while frame is None or frame.index < moment.frame:
            frame = next(images, None)
            if frame is None:
                return
        yield frame if frame.index == moment.frame else None
