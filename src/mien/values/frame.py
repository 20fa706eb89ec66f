"""One picture on its way through the stages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import OptionError
from .arrays import checked


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture: a photo, or one frame of a video.

    Attributes:
        image: uint8 (H, W, 3), RGB, 0-255, upright (EXIF orientation applied).
        name: where it came from: a path, or a word such as ``"array"``.
        index: its number in its source; 0 for a photo.
        time_s: when it was taken, in seconds from the start of its source; 0.0 for a photo.
    """

    image: npt.NDArray[np.uint8]
    name: str = "array"
    index: int = 0
    time_s: float = 0.0

    def __post_init__(self) -> None:
        hint = "Give RGB pixels with values 0-255; convert OpenCV's BGR with image[..., ::-1].copy()."
        checked("image", self.image, np.uint8, (None, None, 3), hint)
        if not self.image.size:
            raise OptionError(f"image: got {self.image.shape}, expected at least 1 x 1 pixels")

    @property
    def height(self) -> int:
        """Rows, in pixels."""
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        """Columns, in pixels."""
        return int(self.image.shape[1])
