"""Prepare faces for the network: align, crop, normalize, measure sharpness."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..types import Face, Frame
from .card import InputSpec

Floats = npt.NDArray[np.float32]

#: Distance from the middle of the eyes to the middle of the mouth in a FER2013 image, as a share of its side.
EYES_TO_MOUTH = 0.365
#: How far halfway between the two lies below the center of the image, as a share of its side.
BELOW_CENTRE = 0.071


def align_face(frame: Frame, face: Face, size: int, color: str = "gray") -> npt.NDArray[np.uint8]:
    """Cut out a face as a square image, turned upright by its landmarks; the border of the frame is repeated outside.

    Args:
        frame: the image.
        face: where the face is in it.
        size: side of the result in pixels.
        color: ``gray`` or ``rgb``.

    Returns:
        uint8 (size, size), or (size, size, 3) for ``rgb``; 0-255.
    """
    (x, y), side, angle = square_around(face)
    # The part of the image that the turned square can reach, shrunk by averaging so that no pixel is skipped.
    reach = side * 0.75 + 2
    x0, y0 = (min(max(0, math.floor(v - reach)), end - 1) for v, end in ((x, frame.width), (y, frame.height)))
    x1, y1 = (
        max(low + 1, min(end, math.ceil(v + reach))) for v, end, low in ((x, frame.width, x0), (y, frame.height, y0))
    )
    fine = 2 * size if side > size else size
    factor = max(1, int(side / fine / 2))  # by whole pixels first, which is fast, then by the rest
    x1, y1 = (end - (end - low) % factor if end - low > factor else end for low, end in ((x0, x1), (y0, y1)))
    part = _region(frame.image, (x0, y0, x1, y1), factor, color)
    shrink = factor * fine / side
    if shrink < 1:
        height, width = (max(1, round(n * shrink)) for n in part.shape[:2])
        part = _average(part[None], height, width)[0]
    across, down = part.shape[1] / (x1 - x0), part.shape[0] / (y1 - y0)
    turned = _warp(part, ((x - x0) * across, (y - y0) * down), side * (across + down) / 2, angle, fine)
    if fine != size:
        turned = turned.reshape(size, 2, size, 2, -1).mean((1, 3)).reshape(size, size, *turned.shape[2:])
    return (turned + 0.5).astype(np.uint8)


def _region(image: npt.NDArray[np.uint8], box: tuple[int, int, int, int], factor: int, color: str) -> Floats:
    """Cut ``box`` out of an RGB image, in the wanted color, with the mean of ``factor`` x ``factor`` pixels as a pixel."""
    x0, y0, x1, y1 = box
    part = Image.fromarray(image[y0:y1, x0:x1])
    if color != "rgb":
        part = part.convert("L")
    return np.asarray(part.reduce(factor) if factor > 1 else part, np.float32)


def square_around(face: Face) -> tuple[tuple[float, float], float, float]:
    """Return the square of a face: its center (x, y) and side in pixels, and its clockwise rotation in radians.

    With landmarks, the line from eyes to mouth determines position, size and rotation, because it changes less than the line
    between the eyes if the head turns. The size is limited by the box, because the line is short if a face looks down.
    """
    box = face.box
    center = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    side = face.margin * math.sqrt(box.width * box.height)
    if face.landmarks is None:
        return center, side, 0.0
    eyes, mouth = face.landmarks[:2].mean(0), face.landmarks[3:].mean(0)
    length = float(np.hypot(*(mouth - eyes)))
    if length < 0.1 * side:  # collapsed landmarks
        return center, side, 0.0
    down = (mouth - eyes) / length
    side = min(max(length / EYES_TO_MOUTH, 0.7 * side), 1.4 * side)
    x, y = (eyes + mouth) / 2 - down * BELOW_CENTRE * side
    return (float(x), float(y)), side, math.atan2(-float(down[0]), float(down[1]))


def _average(images: npt.NDArray[Any], height: int, width: int) -> Floats:
    """Shrink images (N, H, W) or (N, H, W, C) to the rounded means of the areas that the new pixels cover.

    With sums, not with matrix products: for these BLAS would wake a thread per core, and its threads wait actively.
    """
    means = _shrunk(_shrunk(images, height, 1), width, 2)
    halved = images.shape[1:3] == (2 * height, 2 * width)  # rounded up at .5, as OpenCV does in this case only
    return np.asarray(np.floor(means + 0.5) if halved else np.rint(means), np.float32)


def _shrunk(image: npt.NDArray[Any], new: int, axis: int) -> npt.NDArray[np.float64]:
    """float64: the means of ``new`` equal parts of an axis."""
    length = image.shape[axis]
    shape = list(image.shape)
    shape[axis] = 1
    sums = np.concatenate([np.zeros(shape), np.cumsum(image, axis, np.float64)], axis)
    ends = np.linspace(0, length, new + 1)
    whole = np.minimum(ends.astype(np.intp), length - 1)
    share = (ends - whole).reshape([-1] + [1] * (image.ndim - 1 - axis))
    before = sums.take(whole, axis)
    return np.asarray(np.diff(before + (sums.take(whole + 1, axis) - before) * share, axis=axis) * (new / length))


def _warp(image: Floats, center: tuple[float, float], side: float, angle: float, size: int) -> Floats:
    """Sample a turned square of ``image`` at ``size`` x ``size`` points, bilinearly; the border is repeated."""
    height, width = image.shape[:2]
    if min(height, width) < 2:
        image = np.pad(image, [(0, 1), (0, 1), (0, 0)][: image.ndim], mode="edge")
        height, width = image.shape[:2]
    steps = (np.arange(size) - (size - 1) / 2) * (side / size)
    across, down = steps * math.cos(angle), steps * math.sin(angle)
    x = np.clip(across - down[:, None] + (center[0] - 0.5), 0, width - 1)
    y = np.clip(down + across[:, None] + (center[1] - 0.5), 0, height - 1)
    left, top = np.minimum(x.astype(np.intp), width - 2), np.minimum(y.astype(np.intp), height - 2)
    right_share, lower_share = (x - left).astype(np.float32), (y - top).astype(np.float32)
    if image.ndim > 2:
        right_share, lower_share = right_share[..., None], lower_share[..., None]
    pixels = image.reshape(height * width, *image.shape[2:])
    first = top * width + left
    upper = pixels[first] * (1 - right_share) + pixels[first + 1] * right_share
    lower = pixels[first + width] * (1 - right_share) + pixels[first + width + 1] * right_share
    return np.asarray(np.rint(upper * (1 - lower_share) + lower * lower_share), np.float32)


def to_gray(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """RGB, uint8 (..., 3), as gray, uint8 (...), with the weights of ITU-R BT.601."""
    red, green, blue = (image[..., channel].astype(np.uint32) for channel in range(3))
    return ((red * 9798 + green * 19235 + blue * 3735 + 16384) >> 15).astype(np.uint8)


def to_tensor(crops: npt.NDArray[np.uint8], spec: InputSpec) -> npt.NDArray[np.float32]:
    """Normalize crops with the mean and deviation of a model's card.

    Args:
        crops: uint8 (N, S, S), gray, or (N, S, S, 3), RGB, 0-255, with S = ``spec.size``.
        spec: from the model's card.

    Returns:
        float32 (N, C, S, S): ``(crops / 255 - mean) / std``. Gray crops fill each channel of a network for RGB;
        RGB crops become gray for a network for gray images.
    """
    scale = np.float32(1 / (255 * spec.std))
    planes = channels_first(crops, spec.channels)
    return (planes.astype(np.float32) - np.float32(255 * spec.mean)) * scale


def channels_first(images: npt.NDArray[np.uint8], channels: int) -> npt.NDArray[np.uint8]:
    """Gray uint8 (N, H, W) or RGB (N, H, W, 3) images as uint8 (N, channels, H, W), channels being 1 or 3."""
    if images.ndim == 3:
        return np.repeat(images[:, None], channels, axis=1) if channels > 1 else images[:, None]
    if channels == 1:
        return to_gray(images)[:, None]
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def resize(images: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Scale images, uint8 (N, H, W) or (N, H, W, 3), to squares of side ``size``, averaging what is lost."""
    if images.shape[1:3] == (size, size):
        return images
    if min(images.shape[1:3]) > size:
        return _average(images, size, size).astype(np.uint8)
    side = (size, size)
    return np.stack([np.asarray(Image.fromarray(image).resize(side, Image.Resampling.BILINEAR)) for image in images])


#: Sharpness is measured at this side, as every enlarged image lacks detail.
SIDE = 48
#: Added to the variance, in squared levels, so that a blank crop has no sharpness.
_BLANK = 4.0


def sharpness(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Measure sharpness: the mean square of the Laplacian over the variance.

    The measure of Pech-Pacheco et al. (2000), made independent of brightness and contrast.

    Args:
        crops: uint8 (N, S, S), gray, or (N, S, S, 3), RGB; of any size.

    Returns:
        float32 (N,), from 0 (smooth shading) to about 2 (noise has more).
    """
    if not len(crops):
        return np.zeros(0, np.float32)
    small = resize(crops, SIDE)
    gray = small if small.ndim == 3 else to_gray(small)
    light = gray.astype(np.float32)
    center = light[:, 1:-1, 1:-1]
    beside = light[:, :-2, 1:-1] + light[:, 2:, 1:-1] + light[:, 1:-1, :-2] + light[:, 1:-1, 2:]
    return np.asarray(((4 * center - beside) ** 2).mean((1, 2)) / (light.var((1, 2)) + _BLANK), np.float32)
