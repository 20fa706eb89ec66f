"""From gray crops to network input: the only preprocessing there is.

The reader, the lab's evaluation and the parity checks all come through here, so that a network sees in use what it saw
when it was measured.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ..models.card import InputSpec


def network_input(crops: npt.NDArray[np.uint8], spec: InputSpec) -> npt.NDArray[np.float32]:
    """Normalise gray crops as a model's card says.

    Args:
        crops: uint8 (N, S, S), gray, 0-255, with S = ``spec.size``.
        spec: from the model's card.

    Returns:
        float32 (N, 1, S, S): ``(crops / 255 - mean) / std``.
    """
    scale = np.float32(1 / (255 * spec.std))
    return (crops[:, None].astype(np.float32) - np.float32(255 * spec.mean)) * scale


def resize_gray(images: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Scale gray pictures to squares: uint8 (N, H, W) -> uint8 (N, size, size), averaging what is lost."""
    if images.shape[1:] == (size, size):
        return images
    shrinks = min(images.shape[1:]) > size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    out = np.empty((len(images), size, size), np.uint8)
    for source, target in zip(images, out):
        cv2.resize(source, (size, size), dst=target, interpolation=how)
    return out
