"""In which pictures the face detector finds no face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ...detect.centerface import CenterFace
from ...values.frame import Frame
from ..dataset.faces import FaceSet
from ..evaluate.scores import wilson

#: Pictures looked at; more would take minutes and tell little more.
MOST_PICTURES = 2000
#: Pictures are enlarged to about this side: detection in tight crops is best when faces are large (``docs/detection.md``).
_SIDE = 192
#: The smallest face to look for, as a share of the picture: in a crop the face fills most of it.
_LEAST_FACE = 1 / 4


@dataclass(frozen=True)
class FaceCheck:
    """Where no face was found.

    Attributes:
        looked_at: how many pictures were looked at.
        missed: int64 (M,), rows without a face.
        interval: 95 % interval of the share of pictures without one (Wilson 1927).
    """

    looked_at: int
    missed: npt.NDArray[np.int64]
    interval: tuple[float, float]


def look_for_faces(
    faces: FaceSet,
    *,
    most: int = MOST_PICTURES,
    threads: int = 0,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
) -> FaceCheck:
    """Run mien's detector on the pictures, or on a sample drawn with a fixed seed.

    Args:
        faces: the pictures.
        most: pictures to look at.
        threads: processor threads; 0 takes all.
        tell: called with (pictures done, pictures in all).

    Raises:
        ModelError: the detector's weights are missing or damaged.
    """
    rows = np.sort(np.random.default_rng(0).permutation(len(faces))[:most])
    detector = CenterFace(min_face=round(_SIDE * _LEAST_FACE), threads=threads)
    missed = []
    for done, row in enumerate(rows.tolist(), start=1):
        if not detector.detect(Frame(_enlarged(faces.images[row]), str(faces.names[row]))):
            missed.append(row)
        tell(done, len(rows))
    return FaceCheck(len(rows), np.array(missed, np.int64), wilson(len(missed), len(rows)))


def _enlarged(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    times = max(1.0, _SIDE / max(image.shape[:2]))
    large = cv2.resize(image, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(cv2.cvtColor(large, cv2.COLOR_GRAY2RGB) if large.ndim == 2 else large, np.uint8)
