"""How bright, how rich in contrast and how sharp each image is; and which are blank, dark or blurred."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

#: An image whose gray values spread less than this (standard deviation, of 255) shows nothing.
LEAST_CONTRAST = 2.0
#: How many robust standard deviations below the median a value must lie to stand out (Iglewicz and Hoaglin 1993).
OUTLYING = 3.5
#: Makes the median absolute deviation of normal values their standard deviation.
_MAD_TO_STD = 1.4826
#: A median of fewer images says little.
_LEAST_IMAGES = 20

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Quality:
    """What was measured of N images.

    Attributes:
        brightness: float32 (N,), mean gray, 0 to 255.
        contrast: float32 (N,), standard deviation of the grays, 0 to 127.5.
        light: float32 (N,), the gray that 95 % of the pixels stay below, 0 to 255: how bright the brightest parts are.
        sharpness: float32 (N,), variance of the Laplacian (Pech-Pacheco et al. 2000) as a multiple of the variance of the
            grays, so that a faint image is not taken for a blurred one; 0 for a blank image.
        least_light: below it an image is dark; -inf where the set is too small or too even to say.
        least_sharpness: below it an image is blurred; 0 where the set is too small or too even to say.
    """

    brightness: Floats
    contrast: Floats
    light: Floats
    sharpness: Floats
    least_light: float
    least_sharpness: float

    @property
    def blank(self) -> npt.NDArray[np.bool_]:
        """Bool (N,): one gray all over, or nearly so."""
        return np.asarray(self.contrast < LEAST_CONTRAST, bool)

    @property
    def dark(self) -> npt.NDArray[np.bool_]:
        """Bool (N,): even the brightest parts are dark, as this set goes."""
        return np.asarray((self.light < self.least_light) & ~self.blank, bool)

    @property
    def blurred(self) -> npt.NDArray[np.bool_]:
        """Bool (N,): fewer edges than this set's images have."""
        return np.asarray((self.sharpness < self.least_sharpness) & ~self.blank, bool)


def measure(images: npt.NDArray[np.uint8], tell: Callable[[int, int], None] = lambda _done, _total: None) -> Quality:
    """Measure all images; the limits come from the set itself: the median less 3.5 robust standard deviations.

    Args:
        images: uint8 (N, H, W) gray, or (N, H, W, 3) RGB; 0-255.
        tell: called with (images done, images in all).
    """
    values = np.zeros((4, len(images)), np.float32)
    for row, image in enumerate(images):
        values[:, row] = _measured(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image)
        if row % 512 == 0:
            tell(row, len(images))
    tell(len(images), len(images))
    brightness, contrast, light, sharpness = values
    seen = contrast >= LEAST_CONTRAST
    return Quality(
        brightness,
        contrast,
        light,
        sharpness,
        least_light=low_outlier(light[seen]),
        # Sharpness spans powers of ten, and is nearly normal on their scale.
        least_sharpness=float(np.exp(low_outlier(np.log(np.maximum(sharpness[seen], 1e-6))))),
    )


def low_outlier(values: Floats) -> float:
    """Below what a value stands out: the median less 3.5 robust standard deviations (1.4826 x median absolute deviation).

    Minus infinity for fewer than 20 values, or where half of them are equal.
    """
    if len(values) < _LEAST_IMAGES:
        return -np.inf
    middle = float(np.median(values))
    spread = _MAD_TO_STD * float(np.median(np.abs(values - middle)))
    return middle - OUTLYING * spread if spread > 0 else -np.inf


def _measured(gray: npt.NDArray[np.uint8]) -> tuple[float, float, float, float]:
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(gray))
    flat = gray.reshape(-1)
    light = float(np.partition(flat, int(0.95 * (flat.size - 1)))[int(0.95 * (flat.size - 1))])
    if deviation < LEAST_CONTRAST:
        return mean, deviation, light, 0.0
    edges = float(cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_32F))[1][0, 0])
    return mean, deviation, light, (edges / deviation) ** 2
