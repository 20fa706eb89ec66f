"""Faces in photos that lie on their side or upside down, as without the EXIF orientation of the camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..types import Box, Face, Frame
from .base import Detector, NoDetector
from .pyramid import SMALLEST_SEEN, WHOLE_SIDE, PyramidDetector, shrunk

#: A photo is searched sideways if its clearest face has a lower score. Chosen from data, like the three values below:
#: ``docs/concepts/detection.md``.
_CLEAR_UPRIGHT = 0.7
#: The same for the search upside down: the network takes some inverted faces for upright ones.
_CLEAR_INVERTED = 0.8
#: A turned photo needs a face with this score,
_CLEAR_TURNED = 0.7
#: and with a score that is higher by this much than that of the clearest face before.
_GAIN = 0.05


def detect_turned(detector: Detector, frame: Frame, rotate: int | None) -> list[Face]:
    """Find the faces in an image after turning it clockwise, in pixels of the image as given; most certain first.

    Args:
        detector: finds upright faces.
        frame: the image.
        rotate: degrees, 0, 90, 180 or 270; None takes the image as it is, unless it shows no clear face and a turned
            copy of 640 pixels shows a clearer one.
    """
    if rotate == 0 or isinstance(detector, NoDetector):
        return detector.detect(frame)
    if rotate is not None:
        return _turned_back(detector.detect(_turned(frame, rotate)), rotate, frame)
    faces = detector.detect(frame)
    rotate = _likely_rotation(detector, frame, _best(faces))
    return faces if rotate == 0 else _turned_back(detector.detect(_turned(frame, rotate)), rotate, frame)


def _likely_rotation(detector: Detector, frame: Frame, upright: float) -> int:
    if upright >= _CLEAR_INVERTED:
        return 0
    if isinstance(detector, PyramidDetector):  # one view instead of a search from coarse to fine
        detector = replace(detector, min_face=SMALLEST_SEEN)
    scale = min(1.0, WHOLE_SIDE / max(frame.width, frame.height))
    size = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    small = Frame(shrunk(frame.image, size) if scale < 1 else frame.image)
    turns = (180,) if upright >= _CLEAR_UPRIGHT else (90, 180, 270)
    scores = {turn: _best(detector.detect(_turned(small, turn))) for turn in turns}
    best = max(turns, key=lambda turn: scores[turn])
    return best if scores[best] >= max(_CLEAR_TURNED, upright + _GAIN) else 0


def _best(faces: list[Face]) -> float:
    return max((face.score for face in faces), default=0.0)


def _turned(frame: Frame, rotate: int) -> Frame:
    turned = np.ascontiguousarray(np.rot90(frame.image, -(rotate // 90)))
    return Frame(turned, frame.name, frame.index, frame.time_s)


def _turned_back(faces: list[Face], rotate: int, frame: Frame) -> list[Face]:
    width, height = frame.width, frame.height

    def back(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        x, y = points[:, 0], points[:, 1]
        x, y = {90: (y, height - x), 180: (width - x, height - y), 270: (width - y, x)}[rotate]
        return np.stack([x, y], 1).astype(np.float32)

    def one(face: Face) -> Face:
        corners = back(np.array(face.box.xyxy, np.float32).reshape(2, 2))
        box = Box(*corners.min(0).tolist(), *corners.max(0).tolist())
        return replace(face, box=box, landmarks=None if face.landmarks is None else back(face.landmarks))

    return [one(face) for face in faces]
