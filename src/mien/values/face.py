"""Where a face is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import OptionError
from .arrays import checked


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of its frame; x runs right, y down. It may reach past the border."""

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not (self.x1 > self.x0 and self.y1 > self.y0 and all(map(math.isfinite, self.xyxy))):
            raise OptionError(f"box: got {self.xyxy}, expected finite numbers, x1 > x0 and y1 > y0")

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1)."""
        return self.x0, self.y0, self.x1, self.y1

    @property
    def width(self) -> float:
        """Pixels from left to right."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Pixels from top to bottom."""
        return self.y1 - self.y0

    def iou(self, other: Box) -> float:
        """Intersection over union with another box, 0 to 1."""
        across = min(self.x1, other.x1) - max(self.x0, other.x0)
        down = min(self.y1, other.y1) - max(self.y0, other.y0)
        shared = max(0.0, across) * max(0.0, down)
        return shared / (self.width * self.height + other.width * other.height - shared)


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a frame.

    Attributes:
        box: tight around the face, from brow to chin.
        score: the detector's confidence, 0 to 1.
        landmarks: float32 (5, 2), x and y in pixels: left eye, right eye, nose, left and right corner of the mouth, left
            and right as seen in the picture; None where the detector gives none.
        margin: side of the square picture to cut around the face, as a multiple of the box's; it makes up for how
            tightly a detector draws its boxes.
    """

    box: Box
    score: float = 1.0
    landmarks: npt.NDArray[np.float32] | None = None
    margin: float = 1.0

    def __post_init__(self) -> None:
        if self.landmarks is not None:
            checked("landmarks", self.landmarks, np.float32, (5, 2))
            if not np.isfinite(self.landmarks).all():
                raise OptionError(f"landmarks: got {self.landmarks.tolist()}, expected finite numbers")
