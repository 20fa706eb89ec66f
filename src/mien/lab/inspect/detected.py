"""In which images the face detector finds no face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ...data.dataset import Dataset
from ...detection.centerface import CenterFace
from ...types import Frame
from ..evaluate.scores import wilson

#: Images looked at; more would take minutes and tell little more.
MOST_IMAGES = 2000
#: Images are enlarged to about this side: detection in tight crops is best when faces are large (``docs/detection.md``).
_SIDE = 192
#: The smallest face to look for, as a share of the image: in a crop the face fills most of it.
_LEAST_FACE = 1 / 4


@dataclass(frozen=True)
class FaceCheck:
    """Where no face was found.

    Attributes:
        looked_at: how many images were looked at.
        missed: int64 (M,), rows without a face.
        interval: 95 % interval of the share of images without one (Wilson 1927).
    """

    looked_at: int
    missed: npt.NDArray[np.int64]
    interval: tuple[float, float]


def look_for_faces(
    faces: Dataset,
    *,
    most: int = MOST_IMAGES,
    threads: int = 0,
    tell: Callable[[int, int], None] = lambda _done, _total: None,
) -> FaceCheck:
    """Run mien's detector on the images, or on a sample drawn with a fixed seed.

    Args:
        faces: the images.
        most: images to look at.
        threads: processor threads; 0 takes all.
        tell: called with (images done, images in all).

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
