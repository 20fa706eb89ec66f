"""What a training recipe may say: a TOML file, read into frozen values and checked at once."""

from __future__ import annotations

import dataclasses
import sys
import typing
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from ..errors import RecipeError
from .recipe_check import check

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")


@dataclass(frozen=True)
class Head:
    """One classifier on the shared trunk.

    Attributes:
        emotions: the label set it tells apart (``mien.emotions.LABEL_SETS``).
        targets: ``labels`` (one label a picture) or ``votes`` (the annotators' distribution).
        weight: its share in the loss.
        label_smoothing: share of the target spread evenly over all classes, 0 to 1 (Szegedy et al. 2016).
    """

    emotions: str = "seven"
    targets: str = "labels"
    weight: float = 1.0
    label_smoothing: float = 0.0


@dataclass(frozen=True)
class Network:
    """Which trunk to build (``mien.lab.nets.choosing``), and how large."""

    name: str = "plain"
    widths: tuple[int, ...] = (24, 48, 128, 256)
    depths: tuple[int, ...] = (2, 2, 2, 3)
    dropout: float = 0.3


@dataclass(frozen=True)
class Input:
    """How pixels become network input: side in pixels, and the mean and standard deviation of 0-1 gray values."""

    size: int = 48
    mean: float = 0.508
    std: float = 0.255


@dataclass(frozen=True)
class Augment:
    """Random changes to training pictures. Ranges are symmetric unless two numbers are given.

    Attributes:
        flip: probability of mirroring left and right.
        rotate: degrees, at most.
        shift: share of the side, at most.
        zoom: the smallest and largest scale; above 1 the face fills more of the picture.
        contrast, brightness: contrast factor 1 +- this; brightness moved by +- this (of the 0-1 range).
        gamma: exponent between 1/(1+this) and 1+this.
        erase: probability that a rectangle is blanked (Zhong et al. 2017).
        mixup: alpha of the Beta distribution (Zhang et al. 2018); 0 turns it off.
        strong_until: from this epoch on, no more erasing or mixup; 0 keeps them to the end.
    """

    flip: float = 0.5
    rotate: float = 15.0
    shift: float = 0.08
    zoom: tuple[float, float] = (0.87, 1.2)
    contrast: float = 0.3
    brightness: float = 0.1
    gamma: float = 0.3
    erase: float = 0.5
    mixup: float = 0.2
    strong_until: int = 0


@dataclass(frozen=True)
class Optimizer:
    """SGD with Nesterov momentum or AdamW, with linear warm-up and cosine decay to zero.

    Weight decay leaves biases and batch norms alone.
    """

    name: str = "sgd"
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup_epochs: float = 2.0


@dataclass(frozen=True)
class Schedule:
    """How long, and at which picture sizes.

    Attributes:
        epochs: passes over the training part.
        batch: pictures a step.
        sizes: (first epoch, side in pixels) pairs: train small first, which is faster; empty for full size throughout.
        ema: decay of the moving average of the weights that is validated and kept; 0 turns it off.
        patience: epochs without a better validation score before stopping early; 0 never stops early.
        keep: ``last`` or ``best`` (by validation score): which epoch becomes the model.
    """

    epochs: int = 100
    batch: int = 128
    sizes: tuple[tuple[int, int], ...] = ()
    ema: float = 0.998
    patience: int = 0
    keep: str = "best"

    def size_at(self, epoch: int, full: int) -> int:
        """The side in pixels at which ``epoch`` (from 0) trains."""
        return next((size for start, size in reversed(self.sizes) if epoch >= start), full)


@dataclass(frozen=True)
class Recipe:
    """A whole training run, but for the data."""

    name: str
    heads: dict[str, Head]
    seed: int = 0
    input: Input = field(default_factory=Input)
    network: Network = field(default_factory=Network)
    augment: Augment = field(default_factory=Augment)
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)


def builtin_recipes() -> list[str]:
    """Names of the recipes that come with mien."""
    folder = resources.files(__package__) / "recipes"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load_recipe(name_or_path: str) -> Recipe:
    """Read a recipe: the name of one that comes with mien, or the path of a TOML file.

    Raises:
        RecipeError: it is not there, is not TOML, or says something that no recipe can say.
    """
    if name_or_path in builtin_recipes():
        text = (resources.files(__package__) / "recipes" / f"{name_or_path}.toml").read_text("utf-8")
    elif Path(name_or_path).is_file():
        text = Path(name_or_path).read_text("utf-8")
    else:
        raise RecipeError(
            f"no recipe {name_or_path!r}: it is no file, and mien comes with {', '.join(builtin_recipes())}",
            hint="Give one of these names, or the path of a .toml file.",
        )
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{name_or_path} is not valid TOML: {error}") from error
    return recipe_from_dict(table)


def recipe_from_dict(table: dict[str, Any]) -> Recipe:
    """Build and check a recipe from plain values, as TOML or a checkpoint holds them.

    Raises:
        RecipeError: an unknown field, a wrong type or a contradiction.
    """
    table = dict(table)
    heads = table.pop("heads", None)
    if not isinstance(heads, dict) or not heads:
        raise RecipeError("heads: got none, expected at least one [heads.NAME] table")
    parsed = {name: _build(Head, entry, f"heads.{name}") for name, entry in heads.items()}
    recipe = _build(Recipe, {**table, "heads": parsed}, "recipe")
    check(recipe)
    return recipe


def _build(kind: type[T], table: Any, where: str) -> T:
    if not isinstance(table, dict):
        raise RecipeError(f"{where}: got {table!r}, expected a table")
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(table) - set(hints))
    if unknown:
        raise RecipeError(f"{where}: unknown field {', '.join(unknown)}; the fields are {', '.join(hints)}")
    needed = [f.name for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING]  # type: ignore[arg-type]  # kind is always a dataclass here
    missing = [name for name in needed if name not in table]
    if missing:
        raise RecipeError(f"{where}: missing field {', '.join(missing)}")
    return kind(**{name: _value(hints[name], value, f"{where}.{name}") for name, value in table.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    """``value`` as ``hint`` wants it: TOML has no tuples and writes 1.0 as 1."""
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else _build(hint, value, where)  # type: ignore[arg-type]  # never an instance
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)
        if not isinstance(value, (list, tuple)):
            raise RecipeError(f"{where}: got {value!r}, expected a list")
        if inner[-1] is not Ellipsis and len(value) != len(inner):
            raise RecipeError(f"{where}: got {len(value)} values, expected {len(inner)}")
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        return tuple(_value(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(kinds, value)))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if typing.get_origin(hint) is dict:
        return value
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise RecipeError(f"{where}: got {value!r}, expected {hint.__name__}")
    return value
