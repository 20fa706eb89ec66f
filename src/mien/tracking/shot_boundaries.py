"""Does a frame begin a new scene?"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

#: Columns and rows of the small images that are compared.
_SIZE = (32, 18)
#: Rows and columns that are enough to make them of; the mean of all the pixels would take milliseconds.
_ENOUGH = 90
#: Where both images are darker than this, 0-255, they are not compared: black bars never change.
_DARK = 24
#: Gray levels of noise that are taken for granted, so that flat images do not differ in their noise alone.
_NOISE = 2.0
#: A place has changed when it differs by more than this many standard deviations of the image.
_CHANGE = 0.4
#: A cut changes at least this share of the places, and leaves less than this correlation; the one alone is not enough,
#: for a camera that turns lowers the correlation, and a person who steps in front of it changes much. Both, and the
#: numbers above, are chosen from data: see ``docs/concepts/tracking.md``.
LEAST_CHANGED, LEAST_LIKENESS = 0.75, 0.5

Small = npt.NDArray[np.float32]


class ShotDetector:
    """Compares each frame with the one before, in small. Brightness and contrast may change without being a cut."""

    def __init__(self) -> None:
        self._last: Small | None = None

    def at(self, image: npt.NDArray[np.uint8]) -> bool:
        """Whether ``image``, uint8 (H, W, 3), RGB, shows another scene than the one given last."""
        step = max(1, min(image.shape[:2]) // _ENOUGH)
        coarse = np.ascontiguousarray(image[::step, ::step])
        small: Small = cv2.resize(coarse, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
        last, self._last = self._last, small
        return last is not None and _differ(last, small)


def _differ(one: Small, other: Small) -> bool:
    lit = np.maximum(one, other).max(axis=2) >= _DARK
    if not lit.any():
        return False
    first, second = _standard(one[lit]), _standard(other[lit])
    changed = (np.abs(first - second).max(axis=1) > _CHANGE).mean()
    return bool(changed >= LEAST_CHANGED and (first * second).mean() < LEAST_LIKENESS)


def _standard(colors: Small) -> Small:
    """(N, 3) with mean 0 and standard deviation 1, noise counted in."""
    centerd = colors - colors.mean()
    scaled: Small = centerd / np.sqrt((centerd**2).mean() + _NOISE**2)
    return scaled
