"""The settings of one training of the face detector, read from TOML."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from ...errors import RecipeError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RECIPES = Path(__file__).parent


@dataclass(frozen=True)
class DetectorRecipe:
    """Settings of one training.

    Attributes:
        name: of the run.
        seed: of weights, order and augmentation.
        size: side of the square training images in pixels, a multiple of 32.
        epochs: passes over the training images.
        batch: images per step.
        lr: highest learning rate of AdamW.
        weight_decay: of AdamW.
        warmup: share of the steps during which the rate rises.
        ema: decay of the weight average per step.
        widths: channels at strides 2, 4, 8, 16 and 32.
        depths: residual layers at strides 8, 16 and 32.
        neck: channels of the feature pyramid.
        refine: residual layers before each head.
        box_weight: of the box loss beside the score loss.
        landmark_weight: of the landmark loss.
        mosaic: share of the training images composed of four photos.
        paste: share of the training images with faces pasted on a background.
        rotate: share of the crops that are rotated, by at most 45 degrees.
        smallest: long side in pixels; smaller faces are ignored.
        evaluate_every: epochs between two evaluations.
        checkpoint_minutes: minutes between two checkpoints.
    """

    name: str = "detector"
    seed: int = 7
    size: int = 320
    epochs: int = 40
    batch: int = 16
    lr: float = 0.002
    weight_decay: float = 0.02
    warmup: float = 0.02
    ema: float = 0.9995
    widths: tuple[int, int, int, int, int] = (16, 24, 48, 96, 128)
    depths: tuple[int, int, int] = (1, 1, 1)
    neck: int = 48
    refine: int = 0
    box_weight: float = 3.0
    landmark_weight: float = 1.0
    mosaic: float = 0.22
    paste: float = 0.12
    rotate: float = 0.25
    smallest: float = 6.0
    evaluate_every: int = 2
    checkpoint_minutes: float = 5.0

    def __post_init__(self) -> None:
        if self.size % 32 or self.size <= 0:
            raise RecipeError(f"size: got {self.size}, expected a positive multiple of 32")
        if len(self.widths) != 5 or min(*self.widths, self.neck) < 1:
            raise RecipeError(f"widths: got {self.widths}, expected five positive numbers")
        if len(self.depths) != 3 or min(*self.depths, self.refine) < 0:
            raise RecipeError(f"depths: got {self.depths}, expected three numbers of at least 0")
        for name in ("epochs", "batch", "lr", "evaluate_every"):
            if getattr(self, name) <= 0:
                raise RecipeError(f"{name}: got {getattr(self, name)}, expected a positive number")
        for name in ("warmup", "ema", "mosaic", "paste", "rotate"):
            if not 0 <= getattr(self, name) <= 1:
                raise RecipeError(f"{name}: got {getattr(self, name)}, expected 0 to 1")


def read_recipe(path: Path | str) -> DetectorRecipe:
    """Read a recipe: a TOML file, or the name of one of mien's own.

    Raises:
        RecipeError: the file is missing or no TOML, or a field is unknown, of the wrong type or out of range.
    """
    file = Path(path)
    if not file.suffix:
        file = RECIPES / f"{path}.toml"
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot read {file}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{file} is not TOML: {error}") from error
    return recipe_from_dict(values)


def recipe_from_dict(values: dict[str, Any]) -> DetectorRecipe:
    """Build a recipe from plain values; fields that are absent keep their defaults.

    Raises:
        RecipeError: a field is unknown, of the wrong type or out of range.
    """
    known = {field.name for field in fields(DetectorRecipe)}
    if unknown := sorted(set(values) - known):
        raise RecipeError(f"unknown fields {unknown}, expected some of {sorted(known)}")
    types = get_type_hints(DetectorRecipe)
    typed: dict[str, Any] = {}
    for name, value in values.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if name in ("widths", "depths"):
            fits, typed[name] = isinstance(value, (list, tuple)) and all(isinstance(w, int) for w in value), value
            typed[name] = tuple(value) if fits else value
        elif types[name] is float:
            fits, typed[name] = whole or isinstance(value, float), value
        else:
            fits, typed[name] = whole if types[name] is int else isinstance(value, str), value
        if not fits:
            raise RecipeError(f"{name}: got {value!r}, expected {types[name]}")
    return DetectorRecipe(**typed)
