"""How much a crop shows: a face that was far away, out of focus or blown up has lost what tells emotions apart."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from .prepare import resize

#: Crops are compared at this side: blown up, every picture lacks detail.
SIDE = 48
#: Added to the variance, in squared levels: a blank crop has no detail.
_BLANK = 4.0


def detail(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The energy of the finest detail in comparison to all contrast, however bright or flat the picture.

    The mean square of the Laplacian over the variance: the sharpness measure of Pech-Pacheco et al. (2000), made independent
    of contrast.

    Args:
        crops: uint8 (N, S, S), gray, or (N, S, S, 3), RGB; of any size.

    Returns:
        float32 (N,), from 0 (nothing but slow shading) to about 2 (noise has more).
    """
    if not len(crops):
        return np.zeros(0, np.float32)
    small = resize(crops, SIDE)
    gray = small if small.ndim == 3 else np.stack([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) for crop in small])
    light = gray.astype(np.float32)
    centre = light[:, 1:-1, 1:-1]
    beside = light[:, :-2, 1:-1] + light[:, 2:, 1:-1] + light[:, 1:-1, :-2] + light[:, 1:-1, 2:]
    return np.asarray(((4 * centre - beside) ** 2).mean((1, 2)) / (light.var((1, 2)) + _BLANK), np.float32)
