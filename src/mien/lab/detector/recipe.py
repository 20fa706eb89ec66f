"""Recipes of the face detector: their fields, validation and loading."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from ..recipes import builtin_names
from ..validation import (
    Count,
    Index,
    NonNegative,
    Positive,
    Probability,
    Settings,
    Share,
    field_error,
    read_table,
)

_FOLDER = resources.files(__package__)


class DetectorRecipe(Settings):
    """Recipe for training a face detector.

    Attributes:
        size: side of the square training images in pixels.
        batch: images per step.
        lr, weight_decay: of AdamW; ``lr`` is the highest rate, which falls along half a cosine after the warm-up.
        warmup: share of the steps during which the learning rate rises.
        ema: decay of the exponential moving average of the weights, per step.
        precision: bf16 is faster where the processor supports it; evaluation stays in fp32.
        widths, depths: channels at strides 2, 4, 8, 16 and 32; residual layers at strides 8, 16 and 32.
        neck, refine: channels of the feature pyramid; residual layers before each head.
        box_weight, landmark_weight: of these losses; that of the score loss is 1.
        mosaic, paste: shares of training images composed of four photos, and with faces pasted on a background.
        background: share of training images cropped from a random photo without faces, in place of the next photo.
        patterns: share of training images that are synthetic textures and shapes without a face.
        rotate: share of crops that are rotated, by at most 45 degrees.
        smallest: long side in pixels; smaller faces are ignored.
        evaluate_every, checkpoint_minutes: epochs between two evaluations, and minutes between two checkpoints.
    """

    name: str = "detector"
    seed: Index = 7
    size: Annotated[int, Field(ge=32, multiple_of=32)] = 320
    epochs: Count = 40
    batch: Count = 16
    lr: Positive = 0.002
    weight_decay: NonNegative = 0.02
    warmup: Probability = 0.02
    ema: Share = 0.9995
    precision: Literal["fp32", "bf16"] = "fp32"
    widths: tuple[Count, Count, Count, Count, Count] = (16, 24, 48, 96, 128)
    depths: tuple[Index, Index, Index] = (1, 1, 1)
    neck: Count = 48
    refine: Index = 0
    box_weight: NonNegative = 3.0
    landmark_weight: NonNegative = 1.0
    mosaic: Probability = 0.22
    paste: Probability = 0.12
    background: Probability = 0.0
    patterns: Probability = 0.0
    rotate: Probability = 0.25
    smallest: NonNegative = 6.0
    evaluate_every: Count = 2
    checkpoint_minutes: Positive = 5.0


def is_detector_recipe(name_or_path: str) -> bool:
    """Whether this is a recipe of the face detector: one shipped with mien, or a TOML file with its top-level fields."""
    if Path(name_or_path).is_file() or name_or_path in builtin_names(_FOLDER):
        return "widths" in read_table(name_or_path, _FOLDER)
    return False


def load_detector_recipe(name_or_path: Path | str) -> DetectorRecipe:
    """Read a recipe: a TOML file, or the name of one shipped with mien; ``RecipeError`` if it is missing or invalid."""
    return detector_recipe_from_dict(read_table(name_or_path, _FOLDER))


def detector_recipe_from_dict(values: Mapping[str, Any]) -> DetectorRecipe:
    """A recipe from plain values, with defaults for absent fields; ``RecipeError`` if a field is not valid."""
    try:
        return DetectorRecipe.model_validate_json(json.dumps(values))  # in JSON, lists are tuples and 1 is 1.0
    except ValidationError as error:
        raise field_error(error, DetectorRecipe) from error
