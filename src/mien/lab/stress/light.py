"""Light, color and noise: spoilings that change the values of pixels and leave their places alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .subject import Image, Subject

Random = np.random.Generator

#: Lamps: what red, green and blue are multiplied by at full strength.
_CASTS = ((1.3, 1.0, 0.5), (0.6, 0.95, 1.3), (0.75, 1.15, 0.7))


def dark(subject: Subject, rng: Random, light: float) -> Image:
    """Less light, not brightened again: pixel values times ``light``, with the noise of a sensor.

    The noise has a part that grows with the light (photons) and one that does not (reading out), of 2 gray levels.
    """
    values = subject.image.astype(np.float32) * light
    spread = np.sqrt(0.2 * values + 4.0)
    return _bytes(values + spread * rng.standard_normal(values.shape, np.float32))


def bright(subject: Subject, _rng: Random, light: float) -> Image:
    """Too much light: pixel values times ``light``, cut off at white."""
    return _bytes(subject.image.astype(np.float32) * light)


def flat(subject: Subject, _rng: Random, contrast: float) -> Image:
    """Fog or backlight: distances from the mean value times ``contrast``."""
    values = subject.image.astype(np.float32)
    mean = values.mean()
    return _bytes((values - mean) * contrast + mean)


def cast(subject: Subject, rng: Random, strength: float) -> Image:
    """The light of a warm, a cold or a greenish lamp, each as likely."""
    full = np.array(_CASTS[int(rng.integers(len(_CASTS)))], np.float32)
    return _bytes(subject.image * (1 + strength * (full - 1)))


def noise(subject: Subject, rng: Random, spread: float) -> Image:
    """Normal noise on each pixel and color of a face of ``subject.FACE`` pixels; ``spread`` in gray levels of 255."""
    values = subject.image.astype(np.float32)
    return _bytes(values + spread * rng.standard_normal(values.shape, np.float32))


def _bytes(values: npt.NDArray[np.floating]) -> Image:
    return np.asarray(values.round().clip(0, 255), np.uint8)
