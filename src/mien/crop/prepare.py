"""From crops to network input: the only preprocessing there is.

The reader, the lab's evaluation and the parity checks all come through here, so that a network sees in use what it saw
when it was measured.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ..models.card import InputSpec


def network_input(crops: npt.NDArray[np.uint8], spec: InputSpec) -> npt.NDArray[np.float32]:
    """Normalise crops as a model's card says.

    Args:
        crops: uint8 (N, S, S), gray, or (N, S, S, 3), RGB, 0-255, with S = ``spec.size``.
        spec: from the model's card.

    Returns:
        float32 (N, C, S, S): ``(crops / 255 - mean) / std``. Gray crops fill each channel of a network that wants RGB;
        RGB crops become gray for one that wants gray.
    """
    scale = np.float32(1 / (255 * spec.std))
    planes = channels_first(crops, spec.channels)
    return (planes.astype(np.float32) - np.float32(255 * spec.mean)) * scale


def channels_first(images: npt.NDArray[np.uint8], channels: int) -> npt.NDArray[np.uint8]:
    """Gray uint8 (N, H, W) or RGB (N, H, W, 3) pictures as uint8 (N, channels, H, W), channels being 1 or 3."""
    if images.ndim == 3:
        return np.repeat(images[:, None], channels, axis=1) if channels > 1 else images[:, None]
    if channels == 1:
        gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
        return np.stack(gray)[:, None].astype(np.uint8) if gray else np.empty((0, 1, *images.shape[1:3]), np.uint8)
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def resize(images: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Scale pictures, uint8 (N, H, W) or (N, H, W, 3), to squares of side ``size``, averaging what is lost."""
    if images.shape[1:3] == (size, size):
        return images
    shrinks = min(images.shape[1:3]) > size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    out = np.empty((len(images), size, size, *images.shape[3:]), np.uint8)
    for source, target in zip(images, out):
        cv2.resize(source, (size, size), dst=target, interpolation=how)
    return out
