"""Lost detail: out of focus, shaken, compressed, far away."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from .light import Random
from .subject import Image, Subject, moved_face


def blur(subject: Subject, _rng: Random, share: float) -> Image:
    """Out of focus: a Gaussian whose standard deviation is ``share`` of the face's side."""
    sigma = share * subject.side
    return np.asarray(cv2.GaussianBlur(subject.image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.uint8)


def shake(subject: Subject, rng: Random, share: float) -> Image:
    """Moved while the shutter was open: a straight line of ``share`` of the face's side, in any direction."""
    kernel = _line(share * subject.side, float(rng.uniform(0, math.pi)))
    return np.asarray(cv2.filter2D(subject.image, -1, kernel, borderType=cv2.BORDER_REPLICATE), np.uint8)


def jpeg(subject: Subject, _rng: Random, quality: int) -> Image:
    """Saved as JPEG in this quality, 1 to 100."""
    _, data = cv2.imencode(".jpg", subject.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def small(subject: Subject, _rng: Random, pixels: int) -> Subject:
    """Far away: the whole image shrunk until the face is ``pixels`` large, and read at that size."""
    scale = pixels / subject.side
    height, width = (max(1, round(n * scale)) for n in subject.image.shape[:2])
    image = np.asarray(cv2.resize(subject.image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    by = np.array([width / subject.image.shape[1], height / subject.image.shape[0]])
    points = (subject.points * by).astype(np.float32)
    return replace(
        subject, image=image, face=moved_face(subject.face, by, np.zeros(2)), points=points, side=float(pixels)
    )


def _line(length: float, angle: float) -> npt.NDArray[np.float32]:
    """float32 (K, K): a kernel that averages along a line; its pixels share what falls between them."""
    half = max(1, math.ceil(length / 2))
    kernel = np.zeros((2 * half + 3, 2 * half + 3), np.float32)
    for step in np.linspace(-length / 2, length / 2, 4 * half + 1):
        x, y = half + 1 + step * math.cos(angle), half + 1 + step * math.sin(angle)
        column, row = math.floor(x), math.floor(y)
        right, below = x - column, y - row
        kernel[row : row + 2, column : column + 2] += np.outer((1 - below, below), (1 - right, right))
    return np.asarray(kernel / kernel.sum(), np.float32)
