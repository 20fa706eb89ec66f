"""What a search space may say: which fields of a recipe vary, and how."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from ...errors import RecipeError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Label = str | int | float | bool

_WORDS = {"sampler": ("tpe", "random", "grid"), "pruner": ("median", "none"), "objective": ("score", "loss")}
_HINT = 'Write a field as "optimizer.lr" = { low = 1e-4, high = 1e-2, log = true } or { choices = [1e-3, 1e-2] }.'


@dataclass(frozen=True)
class Choices:
    """One of some values.

    Attributes:
        values: as TOML gives them; no two alike.
    """

    values: tuple[Any, ...]

    @property
    def labels(self) -> tuple[Label, ...]:
        """A plain name for each value, which a database can hold: the value itself, or a list as JSON."""
        return tuple(value if isinstance(value, Label) else json.dumps(value) for value in self.values)

    def value(self, label: Label) -> Any:
        """The value behind a label."""
        return self.values[self.labels.index(label)]


@dataclass(frozen=True)
class Range:
    """A number between two ends, both included.

    Attributes:
        low: the lower end.
        high: the upper end.
        log: whether to draw evenly on a logarithmic scale.
        step: distance between neighboring values, from ``low`` on; None for any number (of whole numbers: every one).
        whole: whether only whole numbers count.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False


@dataclass(frozen=True)
class Space:
    """Which fields of a recipe vary, and how values are drawn.

    Attributes:
        name: the file's.
        ways: how each field varies, by its path in the recipe, such as ``optimizer.lr`` or ``network.layers.0``.
        sampler: ``tpe`` (tree-structured Parzen estimator, Bergstra et al. 2011), ``random`` or ``grid``.
        pruner: ``median`` ends trials that are worse than the median trial at the same epoch (Golovin et al. 2017);
            ``none`` lets all run to their end.
        objective: ``score``, the mean accuracy of the heads, or ``loss``.
        seed: of the draws.
        trials: how many trials unless the user says otherwise.
    """

    name: str
    ways: Mapping[str, Choices | Range]
    sampler: str = "tpe"
    pruner: str = "median"
    objective: str = "score"
    seed: int = 0
    trials: int = 20

    @property
    def rising(self) -> bool:
        """Whether more is better."""
        return self.objective == "score"


def builtin_spaces() -> list[str]:
    """Names of the search spaces that come with mien."""
    folder = resources.files(__package__) / "spaces"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load_space(name_or_path: str) -> Space:
    """Read a search space: the name of one that comes with mien, or the path of a TOML file.

    Raises:
        RecipeError: it is not there, is not TOML, or says something that no space can say.
    """
    builtin = name_or_path in builtin_spaces()
    file = resources.files(__package__) / "spaces" / f"{name_or_path}.toml" if builtin else Path(name_or_path)
    if not file.is_file():
        raise RecipeError(
            f"no search space {name_or_path!r}: it is no file, and mien comes with {', '.join(builtin_spaces())}",
            hint="Give one of these names, or the path of a .toml file with a [space] table.",
        )
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{name_or_path} is not valid TOML: {error}") from error
    return space_from_dict(Path(name_or_path).stem, table)


def space_from_dict(name: str, table: Mapping[str, Any]) -> Space:
    """Build a search space from plain values, as TOML holds them.

    Whether a recipe has these fields, and can hold these values, is seen by ``mien.lab.tune.fitting.fit``.

    Raises:
        RecipeError: an unknown word, a wrong type or a contradiction.
    """
    settings = {key: value for key, value in table.items() if key != "space"}
    unknown = sorted(set(settings) - set(_WORDS) - {"seed", "trials"})
    if unknown:
        raise RecipeError(
            f"search space {name}: unknown field {', '.join(unknown)}; it has space, {', '.join(_WORDS)}, seed, trials",
            hint="Fields of the recipe stand under [space].",
        )
    for key, words in _WORDS.items():
        if settings.get(key, words[0]) not in words:
            raise RecipeError(f"{key}: got {settings[key]!r}, expected one of {', '.join(words)}")
    for key, least in (("seed", 0), ("trials", 1)):
        value = settings.get(key, least)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise RecipeError(f"{key}: got {value!r}, expected a whole number of at least {least}")
    ways = _ways(table.get("space"), "")
    if not ways:
        raise RecipeError(f"search space {name}: got no field to vary, expected at least one under [space]", hint=_HINT)
    return Space(name, ways, **settings)


def _ways(table: Any, path: str) -> dict[str, Choices | Range]:
    """Every field below ``path``: dots in a TOML key make tables, whether the key stands in quotes or not."""
    if isinstance(table, dict) and ({"choices", "low", "high"} & set(table)):
        return {path: _way(table, path)}
    if not isinstance(table, dict) or (path and not table):
        if table is None:
            return {}
        raise RecipeError(f"space, {path}: got {table!r}, expected choices, or low and high", hint=_HINT)
    found: dict[str, Choices | Range] = {}
    for key, entry in table.items():
        found |= _ways(entry, f"{path}.{key}" if path else key)
    return found


def _way(table: Mapping[str, Any], path: str) -> Choices | Range:
    known = {"choices"} if "choices" in table else {"low", "high", "log", "step"}
    if not set(table) <= known or not ("choices" in table or {"low", "high"} <= set(table)):
        raise RecipeError(f"space, {path}: got {', '.join(table)}, expected choices, or low and high", hint=_HINT)
    return _choices(table["choices"], path) if "choices" in table else _range(table, path)


def _choices(values: Any, path: str) -> Choices:
    if not isinstance(values, list) or not values or any(isinstance(value, dict) for value in values):
        raise RecipeError(f"space, {path}: got choices = {values!r}, expected a list of values", hint=_HINT)
    choices = Choices(tuple(values))
    if len(set(choices.labels)) != len(values):
        raise RecipeError(f"space, {path}: got choices = {values!r}, expected no value twice")
    return choices


def _range(table: Mapping[str, Any], path: str) -> Range:
    numbers = [table[key] for key in ("low", "high", "step") if key in table]
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in numbers):
        raise RecipeError(f"space, {path}: got {numbers}, expected numbers", hint=_HINT)
    low, high, step, log = table["low"], table["high"], table.get("step"), table.get("log", False)
    if not all(map(math.isfinite, numbers)) or low >= high:
        raise RecipeError(f"space, {path}: got low = {low} and high = {high}, expected the smaller number first")
    if not isinstance(log, bool):
        raise RecipeError(f"space, {path}.log: got {log!r}, expected true or false")
    if log and (low <= 0 or step is not None):
        raise RecipeError(
            f"space, {path}: got low = {low}, step = {step}, expected with log = true: low above 0, no step"
        )
    if step is not None:
        steps = (high - low) / step if step > 0 else 0
        if steps < 1 or not math.isclose(steps, round(steps), rel_tol=1e-9):
            raise RecipeError(f"space, {path}.step: got {step}, expected a number that leads from {low} to {high}")
    return Range(low, high, log, step, whole=all(isinstance(number, int) for number in numbers))
