"""Every condition of a robustness test: a corruption of the image or of the crop, and its level."""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as Images
from PIL import ImageDraw

from ...errors import OptionError
from ...model.preprocess import square_around
from .. import augment
from .samples import Image, Sample, moved_face, resized

Random = np.random.Generator
Color = tuple[int, int, int]

#: Lamps: what red, green and blue are multiplied by at full strength.
_CASTS = ((1.3, 1.0, 0.5), (0.6, 0.95, 1.3), (0.75, 1.15, 0.7))


@dataclass(frozen=True)
class Condition:
    """One corruption at one level: 1 is the mildest of its family, and 0 is ``clean``.

    ``description`` and ``short`` say what the level means; ``crop_only`` ones change the crop, not the image, so that there
    is nothing to detect.
    """

    family: str
    level: int
    description: str
    short: str
    corrupt: Callable[[Sample, Random], Sample | Image]
    crop_only: bool = False

    @property
    def name(self) -> str:
        """Such as ``darkness 2``."""
        return f"{self.family} {self.level}" if self.level else self.family

    def apply(self, sample: Sample, seed: int) -> Sample:
        """The corrupted image; the same seed, image and family draw the same, so levels differ by their strength only."""
        drawn = (seed, zlib.crc32(sample.name.encode()), zlib.crc32(self.family.encode()))
        changed = self.corrupt(sample, np.random.default_rng(drawn))
        return changed if isinstance(changed, Sample) else replace(sample, image=changed)


def _dark(sample: Sample, rng: Random, light: float) -> Image:
    noise = rng.standard_normal(sample.image.shape, np.float32)
    return _image(augment.dim(_tensor(sample.image), light, 255 * _tensor(noise)))


def _bright(sample: Sample, _rng: Random, light: float) -> Image:
    return _image(_tensor(sample.image) * light)


def _low_contrast(sample: Sample, _rng: Random, contrast: float) -> Image:
    return _image(augment.scale_contrast(_tensor(sample.image), contrast))


def _color_cast(sample: Sample, rng: Random, strength: float) -> Image:
    full = torch.tensor(_CASTS[int(rng.integers(len(_CASTS)))]).view(1, 3, 1, 1)
    return _image(_tensor(sample.image) * (1 + strength * (full - 1)))


def _noise(sample: Sample, rng: Random, spread: float) -> Image:
    return _image(_tensor(sample.image) + spread * _tensor(rng.standard_normal(sample.image.shape, np.float32)))


def _blur(sample: Sample, _rng: Random, share: float) -> Image:
    sigma = share * sample.side
    return _image(augment.gaussian_blur(_tensor(sample.image), sigma, math.ceil(3 * sigma)))


def _motion_blur(sample: Sample, rng: Random, share: float) -> Image:
    length = share * sample.side
    angle = float(rng.uniform(0, math.pi))
    return _image(augment.motion_blur(_tensor(sample.image), length, angle, math.ceil(length / 2) + 1))


def _jpeg(sample: Sample, _rng: Random, quality: int) -> Image:
    file = io.BytesIO()
    Images.fromarray(sample.image).save(file, "JPEG", quality=quality)
    return np.array(Images.open(file))


def _low_resolution(sample: Sample, _rng: Random, pixels: int) -> Sample:
    """The whole image shrunk until the face is ``pixels`` large, and read at that size."""
    height, width = (max(1, round(n * pixels / sample.side)) for n in sample.image.shape[:2])
    by = np.array([width / sample.image.shape[1], height / sample.image.shape[0]])
    face, landmarks = moved_face(sample.face, by, np.zeros(2)), (sample.landmarks * by).astype(np.float32)
    return Sample(sample.name, resized(sample.image, width, height), face, landmarks, float(pixels))


def _tilt(sample: Sample, rng: Random, degrees: float) -> Image:
    """The image turned around the middle of the face, to either side as likely."""
    angle = degrees if rng.integers(2) else -degrees
    height, width = sample.image.shape[:2]
    # around a face crop the border is repeated, around a photo its mean color
    pad = 0 if sample.face.landmarks is not None else max(height, width) // 2
    padded = Images.fromarray(np.pad(sample.image, ((pad, pad), (pad, pad), (0, 0)), "edge"))
    fill = tuple(sample.image.reshape(-1, 3).mean(0).round().astype(int).tolist())
    center = (sample.center[0] + pad, sample.center[1] + pad)
    turned = padded.rotate(angle, Images.Resampling.BILINEAR, center=center, fillcolor=fill)
    return np.array(turned.crop((pad, pad, pad + width, pad + height)))


def _off_center(sample: Sample, rng: Random, share: float) -> Sample:
    """Cropped beside the face, by ``share`` of the crop's side, in any direction."""
    angle = float(rng.uniform(0, 2 * math.pi))
    step = share * square_around(sample.face)[1] * np.array([math.cos(angle), math.sin(angle)])
    return replace(sample, face=moved_face(sample.face, np.ones(2), step))


def _framed(sample: Sample, _rng: Random, scale: float) -> Sample:
    """Cropped too tight (``scale`` below 1) or with too much around it."""
    by, center = np.full(2, scale), np.array(square_around(sample.face)[0])
    return replace(sample, face=moved_face(sample.face, by, center * (1 - scale)))


def mask(sample: Sample, _rng: Random) -> Image:
    """A surgical mask from the bridge of the nose to under the chin."""
    face = _FaceDrawing(sample)
    half = [(0.0, 0.28), (0.28, 0.34), (0.92, 0.62), (0.90, 1.25), (0.55, 1.75), (0.0, 1.90)]
    for side in (-1, 1):
        for ear, seam in zip(((1.12, 0.35), (1.08, 0.90)), half[2:4]):
            face.line((side * ear[0], ear[1]), (side * seam[0], seam[1]), (168, 203, 219))
    face.polygon(half + [(-x, y) for x, y in half[-2:0:-1]], (168, 203, 219))
    for down in (0.75, 1.0, 1.25):
        face.line((-0.8, down), (0.8, down), (140, 178, 198))
    return face.image()


def sunglasses(sample: Sample, _rng: Random) -> Image:
    """Dark glasses over both eyes."""
    face, color = _FaceDrawing(sample), (22, 22, 26)
    around = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    # flatter above and below than an ellipse, as lenses are
    rim = np.column_stack([np.sign(np.cos(around)) * np.abs(np.cos(around)) ** 0.7, np.sin(around)])
    for side in (-0.5, 0.5):
        face.polygon(rim * (0.42, 0.34) + (side, 0.06), color)
    thick = max(1, round(sample.side / 32))
    for start, end in (((-0.2, -0.05), (0.2, -0.05)), ((-0.9, -0.05), (-1.1, 0.02)), ((0.9, -0.05), (1.1, 0.02))):
        face.line(start, end, color, thick)
    return face.image()


class _FaceDrawing:
    """Draws on a face, in steps from eye to eye and from the eyes to the mouth; smooth edges by four-fold size."""

    _FINE = 4

    def __init__(self, sample: Sample) -> None:
        points = sample.landmarks.astype(np.float64)
        self._eyes, mouth = points[:2].mean(0), points[3:].mean(0)
        self._down = mouth - self._eyes
        length = float(np.hypot(*self._down))
        across = np.array([self._down[1], -self._down[0]]) / max(length, 1e-6)
        # in profile the eyes come close to each other, the head stays as wide
        self._across = across * max(float(np.hypot(*(points[1] - points[0]))), 0.75 * length)
        self._image = Images.fromarray(sample.image)

    def polygon(self, places: npt.ArrayLike, color: Color) -> None:
        """Fill the polygon of these (across, down) places, seen from between the eyes."""
        self._paint(color, lambda pen: pen.polygon(self._at(places), 255))

    def line(self, start: tuple[float, float], end: tuple[float, float], color: Color, thick: int = 1) -> None:
        self._paint(color, lambda pen: pen.line(self._at([start, end]), 255, thick * self._FINE))

    def image(self) -> Image:
        return np.array(self._image)

    def _paint(self, color: Color, draw: Callable[[ImageDraw.ImageDraw], None]) -> None:
        size = self._image.size
        stencil = Images.new("L", (size[0] * self._FINE, size[1] * self._FINE))
        draw(ImageDraw.Draw(stencil))
        self._image.paste(color, mask=stencil.resize(size, Images.Resampling.BOX))

    def _at(self, places: npt.ArrayLike) -> list[tuple[float, float]]:
        steps = np.asarray(places, np.float64)
        pixels = self._eyes + steps[:, :1] * self._across + steps[:, 1:] * self._down
        return [(x, y) for x, y in ((pixels + 0.5) * self._FINE).tolist()]


def _tensor(image: npt.NDArray[Any]) -> torch.Tensor:
    """(H, W, 3) in gray levels of 255 -> float32 (1, 3, H, W), 0-1."""
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)[None])).float() / 255


def _image(values: torch.Tensor) -> Image:
    return np.ascontiguousarray((values[0] * 255).round().clamp(0, 255).byte().numpy().transpose(1, 2, 0))


def _levels(
    family: str,
    corrupt: Callable[[Sample, Random, Any], Sample | Image],
    description: str,
    short: str,
    *values: float,
    crop_only: bool = False,
) -> list[Condition]:
    """Levels of one family, mildest first; ``description`` and ``short`` hold a place for the value."""

    def at(value: float, sample: Sample, rng: Random) -> Sample | Image:
        return corrupt(sample, rng, value)

    return [
        Condition(family, level, description.format(value), short.format(value), partial(at, value), crop_only)
        for level, value in enumerate(values, start=1)
    ]


#: All of them, mildest first within a family; the clean image leads.
CONDITIONS: tuple[Condition, ...] = (
    Condition("clean", 0, "as it is", "", lambda sample, _rng: sample),
    *_levels("darkness", _dark, "light x {:g}, sensor noise", "x {:g}", 0.5, 0.25, 0.12),
    *_levels("glare", _bright, "light x {:g}, clipped at white", "x {:g}", 1.4, 1.8),
    *_levels("low contrast", _low_contrast, "contrast x {:g}", "x {:g}", 0.5, 0.25, 0.12),
    *_levels("color cast", _color_cast, "colored lamp, strength {:g}", "{:g}", 0.5, 1.0),
    *_levels("noise", _noise, "sigma {:g} of 255", "{:g}", 15, 30, 60),
    *_levels("blur", _blur, "Gaussian, sigma {:.1%} of the face", "{:.1%}", 0.015, 0.03, 0.05),
    *_levels("motion blur", _motion_blur, "line of {:.0%} of the face", "{:.0%}", 0.08, 0.15, 0.25),
    *_levels("JPEG", _jpeg, "quality {:g}", "q {:g}", 30, 15, 8),
    *_levels("low resolution", _low_resolution, "face of {:g} px", "{:g} px", 48, 32, 24, 16),
    *_levels("tilt", _tilt, "{:g}°, to either side", "{:g}°", 10, 20, 30),
    Condition("mask", 1, "surgical mask, nose to chin", "", mask),
    Condition("sunglasses", 1, "dark lenses over both eyes", "", sunglasses),
    *_levels("off center", _off_center, "crop moved by {:.0%}", "{:.0%}", 0.05, 0.10, 0.15, crop_only=True),
    *_levels("tight crop", _framed, "side x {:g}", "", 0.8, crop_only=True),
    *_levels("loose crop", _framed, "side x {:g}", "", 1.25, crop_only=True),
)


def chosen(families: Sequence[str]) -> tuple[Condition, ...]:
    """The clean images and the conditions of these families, all where none is named; ``OptionError`` for unknown ones."""
    known = list(dict.fromkeys(condition.family for condition in CONDITIONS))
    wanted = {family.strip().lower() for family in families}
    unknown = wanted - {family.lower() for family in known}
    if unknown:
        message = f"unknown corruption: got {', '.join(sorted(unknown))}, expected some of {', '.join(known)}"
        raise OptionError(message, hint="Choose with --corruption, or leave it out to test all.")
    return tuple(one for one in CONDITIONS if not wanted or one.level == 0 or one.family.lower() in wanted)
