"""Covered faces: a surgical mask, sunglasses, drawn where the landmarks say."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from .light import Random
from .subject import Image, Subject

_MASK, _PLEAT = (168, 203, 219), (140, 178, 198)
_LENS = (22, 22, 26)
#: Half of a mask's outline, in distances between the eyes to the side and from eyes to mouth downwards.
_OUTLINE = ((0.0, 0.28), (0.28, 0.34), (0.92, 0.62), (0.90, 1.25), (0.55, 1.75), (0.0, 1.90))
_EAR = ((1.12, 0.35), (1.08, 0.90))
#: Drawing takes coordinates in sixteenths of a pixel.
_FINE = 4


def mask(subject: Subject, _rng: Random) -> Image:
    """A surgical mask from the bridge of the nose to under the chin."""
    place = _Face(subject)
    image = subject.image.copy()
    half = list(_OUTLINE)
    outline = half + [(-x, y) for x, y in half[-2:0:-1]]
    for side in (-1, 1):
        for ear, seam in zip(_EAR, (half[2], half[3])):
            place.line(image, (side * ear[0], ear[1]), (side * seam[0], seam[1]), _MASK)
    cv2.fillPoly(image, [place.at(outline)], _MASK, cv2.LINE_AA, _FINE)
    for down in (0.75, 1.0, 1.25):
        place.line(image, (-0.8, down), (0.8, down), _PLEAT)
    return image


def sunglasses(subject: Subject, _rng: Random) -> Image:
    """Dark glasses over both eyes."""
    place = _Face(subject)
    image = subject.image.copy()
    around = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    # flatter above and below than an ellipse, as lenses are
    rim = np.column_stack([np.sign(np.cos(around)) * np.abs(np.cos(around)) ** 0.7, np.sin(around)])
    for side in (-0.5, 0.5):
        cv2.fillPoly(image, [place.at(rim * (0.42, 0.34) + (side, 0.06))], _LENS, cv2.LINE_AA, _FINE)
    thick = max(1, round(subject.side / 32))
    for start, end in (((-0.2, -0.05), (0.2, -0.05)), ((-0.9, -0.05), (-1.1, 0.02)), ((0.9, -0.05), (1.1, 0.02))):
        place.line(image, start, end, _LENS, thick)
    return image


class _Face:
    """The axes of a face: from eye to eye, and from the eyes to the mouth."""

    def __init__(self, subject: Subject) -> None:
        points = subject.points.astype(np.float64)
        self._eyes, mouth = points[:2].mean(0), points[3:].mean(0)
        self._down = mouth - self._eyes
        length = float(np.hypot(*self._down))
        across = np.array([self._down[1], -self._down[0]]) / max(length, 1e-6)
        # in profile the eyes come close to each other, the head stays as wide
        self._across = across * max(float(np.hypot(*(points[1] - points[0]))), 0.75 * length)

    def at(self, places: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """int32 (N, 2): pixels, in the unit of drawing, of places (across, down) seen from between the eyes."""
        steps = np.asarray(places, np.float64)
        pixels = self._eyes + steps[:, :1] * self._across + steps[:, 1:] * self._down
        return np.asarray((pixels * 2**_FINE).round(), np.int32)

    def line(
        self,
        image: Image,
        start: tuple[float, float],
        end: tuple[float, float],
        color: tuple[int, int, int],
        thick: int = 1,
    ) -> None:
        """Draw a line between two places."""
        first, last = self.at([start, end]).tolist()
        cv2.line(image, first, last, color, thick, cv2.LINE_AA, _FINE)
