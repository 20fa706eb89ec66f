"""Photometric augmentation: color, light, blur, noise and JPEG compression."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from .data import Pixels

_GRAY, _INFRARED, _DARK, _FLAT, _BLUR, _NOISE, _JPEG = 0.12, 0.06, 0.10, 0.08, 0.14, 0.14, 0.14
_VALUES = np.arange(256, dtype=np.float32) / 255
#: Weights of red, green and blue; skin is bright in infrared light.
_INFRARED_MIX = (0.95, 0.1, -0.05, 0.0)
_NOISE_BANK = 1 << 20
_noise: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []


def change_tones(image: Image.Image, rng: np.random.Generator) -> Pixels:
    """Change color, light, sharpness and noise at random.

    Returns:
        RGB uint8 (H, W, 3).
    """
    chance = rng.random(7)
    infrared = chance[0] < _INFRARED
    if infrared:
        image = image.convert("L", (*_INFRARED_MIX,)).convert("RGB")
    elif chance[0] < _INFRARED + _GRAY:
        image = image.convert("L").convert("RGB")
    image = image.point(_curves(rng, infrared, bool(chance[1] < _DARK), bool(chance[2] < _FLAT)))
    if chance[3] < _BLUR:
        image = _blurred(image, rng)
    pixels = np.asarray(image)
    if chance[4] < _NOISE or (chance[1] < _DARK and chance[5] < 0.5):
        pixels = _noisy(pixels, rng)
    return _compressed(pixels, rng) if chance[6] < _JPEG else pixels


def _curves(rng: np.random.Generator, infrared: bool, dark: bool, flat: bool) -> list[int]:
    """A lookup table of 3 x 256 values for gamma, contrast, brightness and color cast."""
    gamma = np.exp(rng.uniform(-0.45, 0.45)) * (0.6 if infrared else 1.0)
    cast = np.exp(rng.normal(0, 0 if infrared else 0.06, 3))[:, None]
    curve = _VALUES**gamma * cast
    contrast, brightness = rng.uniform(0.75, 1.3), rng.uniform(-0.12, 0.12)
    if infrared and rng.random() < 0.5:
        contrast *= 1.5
    curve = (curve - 0.5) * contrast + 0.5 + brightness
    if dark:
        curve = curve * rng.uniform(0.06, 0.4)
    if flat:
        share = rng.uniform(0.15, 0.5)
        curve = curve * share + rng.uniform(0, 1 - share)
    values: list[int] = np.clip(curve * 255 + 0.5, 0, 255).astype(np.uint8).ravel().tolist()
    return values


def _blurred(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    if rng.random() < 0.5:
        return image.filter(ImageFilter.BoxBlur(rng.uniform(0.5, 2.5)))
    smaller = [max(1, round(side / rng.uniform(1.3, 3.0))) for side in image.size]
    return image.resize((smaller[0], smaller[1]), Image.Resampling.BILINEAR).resize(
        image.size, Image.Resampling.BILINEAR
    )


def _noisy(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    if not _noise:  # drawing normal numbers is the slowest step
        _noise.append(np.random.default_rng(0).standard_normal(_NOISE_BANK).astype(np.float32))
    start = int(rng.integers(_NOISE_BANK - pixels.size)) if pixels.size < _NOISE_BANK else 0
    noise = np.resize(_noise[0][start : start + pixels.size], pixels.shape)
    if rng.random() < 0.3:
        noise = np.repeat(noise[..., :1], 3, 2)
    return np.clip(pixels + noise * rng.uniform(2, 18), 0, 255).astype(np.uint8)


def _compressed(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(rng.integers(15, 65)))
    return np.asarray(Image.open(file).convert("RGB"))
