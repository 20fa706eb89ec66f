"""Every condition that faces are read under: its family, its levels, and what they mean."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ...errors import OptionError
from . import covers, detail, light, places
from .subject import Image, Subject

Spoil = Callable[[Subject, np.random.Generator], "Subject | Image"]


@dataclass(frozen=True)
class Condition:
    """One way to spoil an image.

    Attributes:
        family: what is wrong with it, in a word or two; ``clean`` where nothing is.
        level: 1 is the mildest of its family; 0 for ``clean``.
        words: what the level means.
        short: the same in as few letters as the tick of an axis has room for.
        spoil: does it.
        crop_only: whether it speaks of the crop alone, so that there is nothing to detect.
    """

    family: str
    level: int
    words: str
    short: str
    spoil: Spoil
    crop_only: bool = False

    @property
    def name(self) -> str:
        """Such as ``darkness 2``."""
        return f"{self.family} {self.level}" if self.level else self.family

    def apply(self, subject: Subject, seed: int) -> Subject:
        """The spoiled image; the same seed, image and family draw the same, so levels differ by their strength only."""
        drawn = (seed, zlib.crc32(subject.name.encode()), zlib.crc32(self.family.encode()))
        spoiled = self.spoil(subject, np.random.default_rng(drawn))
        return spoiled if isinstance(spoiled, Subject) else replace(subject, image=spoiled)


def _clean(subject: Subject, _rng: np.random.Generator) -> Subject:
    return subject


def _levels(
    family: str, spoil: Callable[..., Any], words: str, short: str, *values: float, crop_only: bool = False
) -> list[Condition]:
    """Levels of one family, mildest first; ``words`` and ``short`` hold a place for the value."""
    return [
        Condition(family, level, words.format(value), short.format(value), partial(_with, spoil, value), crop_only)
        for level, value in enumerate(values, start=1)
    ]


def _with(spoil: Callable[..., Any], value: float, subject: Subject, rng: np.random.Generator) -> Any:
    return spoil(subject, rng, value)


#: All of them, mildest first within a family; the clean image leads.
CONDITIONS: tuple[Condition, ...] = (
    Condition("clean", 0, "as it is", "clean", _clean),
    *_levels("darkness", light.dark, "light x {:g}, sensor noise", "x {:g}", 0.5, 0.25, 0.12),
    *_levels("glare", light.bright, "light x {:g}, cut off at white", "x {:g}", 1.4, 1.8),
    *_levels("low contrast", light.flat, "contrast x {:g}", "x {:g}", 0.5, 0.25, 0.12),
    *_levels("color cast", light.cast, "colored lamp, strength {:g}", "{:g}", 0.5, 1.0),
    *_levels("noise", light.noise, "sigma {:g} of 255", "{:g}", 15, 30, 60),
    *_levels("blur", detail.blur, "Gaussian, sigma {:.1%} of the face", "{:.1%}", 0.015, 0.03, 0.05),
    *_levels("motion blur", detail.shake, "line of {:.0%} of the face", "{:.0%}", 0.08, 0.15, 0.25),
    *_levels("JPEG", detail.jpeg, "quality {:g}", "q {:g}", 30, 15, 8),
    *_levels("low resolution", detail.small, "face of {:g} px", "{:g} px", 48, 32, 24, 16),
    *_levels("tilt", places.tilt, "{:g}°, to either side", "{:g}°", 10, 20, 30),
    Condition("mask", 1, "surgical mask, nose to chin", "mask", covers.mask),
    Condition("sunglasses", 1, "dark lenses over both eyes", "sunglasses", covers.sunglasses),
    *_levels("off center", places.off_center, "crop moved by {:.0%}", "{:.0%}", 0.05, 0.10, 0.15, crop_only=True),
    Condition("tight crop", 1, "side x 0.8", "tight", partial(_with, places.framed, 0.8), crop_only=True),
    Condition("loose crop", 1, "side x 1.25", "loose", partial(_with, places.framed, 1.25), crop_only=True),
)


def chosen(families: Sequence[str]) -> tuple[Condition, ...]:
    """The clean images and the conditions of these families; all conditions where none is named.

    Raises:
        OptionError: there is no such family.
    """
    known = list(dict.fromkeys(condition.family for condition in CONDITIONS))
    wanted = {family.strip().lower() for family in families}
    unknown = wanted - {family.lower() for family in known}
    if unknown:
        raise OptionError(
            f"unknown kind of spoiling: got {', '.join(sorted(unknown))}, expected some of {', '.join(known)}",
            hint="Choose of these with --only, or leave it out to try all.",
        )
    return tuple(one for one in CONDITIONS if not wanted or one.level == 0 or one.family.lower() in wanted)
