"""The detector protocol, and the detector for images that are one face."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..types import Box, Face, Frame

#: Faces scored lower are dropped unless the user chooses. Chosen from data: ``docs/concepts/detection.md``.
THRESHOLDS = {"mien": 0.55, "centerface": 0.3, "yunet": 0.7, "none": 0.0}

#: A reading abstains if its face has a lower score: most of those are no faces. Chosen from data, as above.
SURE_SCORES = {"mien": 0.6, "centerface": 0.6}


class Detector(Protocol):
    """Finds faces."""

    def detect(self, frame: Frame) -> list[Face]:
        """Find the faces in ``frame``, most certain first."""
        ...


def suppress(
    boxes: npt.NDArray[np.float32], scores: npt.NDArray[np.float32], most_overlap: float
) -> npt.NDArray[np.int64]:
    """Greedy non-maximum suppression.

    A box is dropped if its intersection over union with a better one exceeds ``most_overlap``, or if 80% of one of the two
    lies inside the other.

    Args:
        boxes: float32 (N, 4), x0, y0, x1, y1.
        scores: float32 (N,).
        most_overlap: intersection over union, 0 to 1.

    Returns:
        int64 (M,): indices of the boxes to keep, best first.
    """
    kept: list[int] = []
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    left = np.argsort(-scores, kind="stable")
    while left.size:
        best, rest = left[0], left[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.clip(high - low, 0, None).prod(1)
        apart = shared <= most_overlap * (areas[best] + areas[rest] - shared)
        nested = shared > 0.8 * np.minimum(areas[best], areas[rest])
        left = rest[apart & ~nested]
    return np.array(kept, np.int64)


def as_faces(
    boxes: npt.NDArray[np.float32],
    scores: npt.NDArray[np.float32],
    landmarks: npt.NDArray[np.float32],
    margin: float,
) -> list[Face]:
    """Arrays -> values: ``boxes`` (N, 4), ``scores`` (N,), ``landmarks`` (N, 5, 2); ``margin`` as in ``Face``."""
    return [
        Face(Box(*box.tolist()), float(score), points.astype(np.float32), margin)
        for box, score, points in zip(boxes, scores, landmarks)
    ]


class NoDetector:
    """Takes every image as one face."""

    def detect(self, frame: Frame) -> list[Face]:
        """Return one face without landmarks, as large as the image."""
        return [Face(Box(0.0, 0.0, float(frame.width), float(frame.height)))]
