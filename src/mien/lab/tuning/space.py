"""Search spaces: which fields of a recipe vary, over which values, and how they are sampled."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from optuna import Trial
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError, model_validator

from ...errors import RecipeError
from ..networks.build import build_network
from ..recipe import Recipe, changed

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Label = str | int | float | bool

_HINT = 'Write a field as "optimizer.lr" = { low = 1e-4, high = 1e-2, log = true } or { choices = [1e-3, 1e-2] }.'
#: Trials that differ in these fields learn from or are evaluated on other images: their objectives cannot be compared.
_FIXED = ("data.inner", "data.counts", "data.judge_counts")
_FIXED_IN_HEADS = ("emotions", "targets")
_MAX_GRID = 1_000_000


class Choices(BaseModel):
    """A categorical parameter; ``choices`` are values as TOML gives them, no two alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    choices: tuple[Any, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unique(self) -> Choices:
        if len(set(self.labels)) != len(self.choices):
            raise ValueError(f"got choices = {list(self.choices)!r}, expected no value twice")
        return self

    @property
    def labels(self) -> tuple[Label, ...]:
        """A storable name for each value: the value itself, or JSON for lists."""
        return tuple(value if isinstance(value, Label) else json.dumps(value) for value in self.choices)

    @property
    def grid(self) -> tuple[Label, ...]:
        """The points of a grid search."""
        return self.labels

    def value(self, label: Label) -> Any:
        """The value behind a label."""
        return self.choices[self.labels.index(label)]

    def suggest(self, trial: Trial, path: str) -> Label:
        """Draw a label."""
        return self.labels[self.labels.index(trial.suggest_categorical(path, self.labels))]


Number = StrictInt | Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Range(BaseModel):
    """A numeric parameter between ``low`` and ``high``, both included.

    Attributes:
        log: sample on a logarithmic scale.
        step: distance between neighboring values from ``low`` on; None for any number (of integers: every one).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    low: Number
    high: Number
    log: StrictBool = False
    step: Number | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Range:
        if self.low >= self.high:
            raise ValueError(f"got low = {self.low} and high = {self.high}, expected low < high")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError(f"got low = {self.low}, step = {self.step}, expected low > 0 and no step with log = true")
        if self.step is not None:
            steps = (self.high - self.low) / self.step if self.step > 0 else 0
            if steps < 1 or not math.isclose(steps, round(steps), rel_tol=1e-9):
                raise ValueError(f"step: got {self.step}, expected a number that leads from {self.low} to {self.high}")
        return self

    @property
    def integer(self) -> bool:
        """Whether all its numbers are integers."""
        return all(isinstance(number, int) for number in (self.low, self.high, self.step or 0))

    @property
    def grid(self) -> tuple[Label, ...]:
        """The points of a grid search; empty for a range without steps."""
        step = self.step or (1 if self.integer else None)
        if step is None or self.log:
            return ()
        count = round((self.high - self.low) / step) + 1
        return tuple(min(self.low + i * step, self.high) for i in range(count))

    def value(self, label: Label) -> Any:
        """The value itself."""
        return label

    def suggest(self, trial: Trial, path: str) -> Label:
        """Draw a number."""
        if self.integer:
            return trial.suggest_int(path, int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return trial.suggest_float(path, self.low, self.high, log=self.log, step=self.step)

    def as_float(self) -> Range:
        """The same range over floats."""
        step = None if self.step is None else float(self.step)
        return self.model_copy(update={"low": float(self.low), "high": float(self.high), "step": step})


class Space(BaseModel):
    """Which fields of a recipe vary, and how values are sampled.

    Attributes:
        name: the file's.
        parameters: how each field varies, by its path in the recipe, such as ``optimizer.lr`` or ``network.layers.0``.
        sampler: ``tpe`` (tree-structured Parzen estimator, Bergstra et al. 2011), ``random`` or ``grid``.
        pruner: ``median`` stops trials below the median at the same epoch (Golovin et al. 2017); ``none`` stops none.
        objective: ``score``, the mean accuracy of the heads (maximized), or ``loss`` (minimized).
        seed: of the sampler.
        trials: how many trials by default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    parameters: Mapping[str, Choices | Range]
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    pruner: Literal["median", "none"] = "median"
    objective: Literal["score", "loss"] = "score"
    seed: int = Field(0, ge=0, strict=True)
    trials: int = Field(20, ge=1, strict=True)

    @property
    def maximize(self) -> bool:
        """Whether a larger objective is better."""
        return self.objective == "score"

    @property
    def grid(self) -> dict[str, tuple[Label, ...]]:
        """The points of a grid search for each field.

        Raises:
            RecipeError: a range has no steps, or there are too many points.
        """
        grid = {path: parameter.grid for path, parameter in self.parameters.items()}
        for path, points in grid.items():
            if not points:
                raise RecipeError(
                    f"space, {path}: got a range without steps, expected choices or a step for a grid search",
                    hint=f'Write "{path}" = {{ choices = [...] }}, or add step = ....',
                )
        count = math.prod(map(len, grid.values()))
        if count > _MAX_GRID:
            raise RecipeError(
                f"search space {self.name}: got a grid of {count:,} points, expected at most {_MAX_GRID:,}",
                hint='Use larger steps, or sampler = "tpe" or "random".',
            )
        return grid

    def values(self, labels: Mapping[str, Label]) -> dict[str, Any]:
        """The recipe's values for what a study stores."""
        return {path: self.parameters[path].value(label) for path, label in labels.items() if path in self.parameters}


def builtin_spaces() -> list[str]:
    """Names of the search spaces that come with mien."""
    folder = resources.files(__package__) / "spaces"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load_space(name_or_path: str) -> Space:
    """Read a search space: the name of one that comes with mien, or the path of a TOML file.

    Raises:
        RecipeError: it is missing, is not TOML, or is not a valid search space.
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
    """Build a search space from plain values, as TOML holds them; ``fit_space`` checks it against a recipe.

    Raises:
        RecipeError: an unknown field, a wrong type or a contradiction.
    """
    settings = {key: value for key, value in table.items() if key != "space"}
    parameters = {path: _parameter(path, entry) for path, entry in _flatten(table.get("space") or {}, "")}
    if not parameters:
        raise RecipeError(f"search space {name}: got no field to vary, expected at least one under [space]", hint=_HINT)
    try:
        return Space(name=name, parameters=parameters, **settings)
    except (ValidationError, TypeError) as error:
        raise RecipeError(
            f"search space {name}: {_first(error)}", hint="Fields of the recipe belong under [space]."
        ) from error


def fit_space(space: Space, recipe: Recipe) -> Space:
    """The search space with its ranges over integers or floats, as the recipe's fields want them.

    Every choice and both ends of each range are put into the recipe, one at a time, and the networks among them are built on
    torch's ``meta`` device.

    Raises:
        RecipeError: the recipe lacks a field or refuses a value, or the field must be the same for all trials.
    """
    fitted = space.model_copy(
        update={"parameters": {path: _fitted(path, parameter, recipe) for path, parameter in space.parameters.items()}}
    )
    for path in fitted.parameters:
        _check_comparable(path, space.objective)
    for path, value, candidate in _candidates(fitted, recipe):
        if path.startswith(("network.", "input.")):
            try:
                with torch.device("meta"):
                    build_network(candidate)
            except RecipeError as error:
                raise RecipeError(f"space, {path} = {value!r}: {error}", hint=error.hint) from error
    return fitted


def largest_input(space: Space, recipe: Recipe) -> tuple[int, str]:
    """Side in pixels, and ``gray`` or ``rgb``: how images must be read so that they suit every trial."""
    inputs = [recipe.input, *(candidate.input for _, _, candidate in _candidates(space, recipe))]
    color = "rgb" if any(given.color == "rgb" for given in inputs) else "gray"
    return max(given.size for given in inputs), color


def _candidates(space: Space, recipe: Recipe) -> Iterator[tuple[str, Any, Recipe]]:
    """Each choice and each end of a range: the field, the value, and the recipe with this one value changed."""
    for path, parameter in space.parameters.items():
        for value in parameter.choices if isinstance(parameter, Choices) else (parameter.low, parameter.high):
            try:
                yield path, value, changed(recipe, {path: value})
            except RecipeError as error:
                raise RecipeError(f"space, {path} = {value!r}: {error}", hint=error.hint) from error


def _flatten(table: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every field below ``path``: dots in a TOML key make tables, whether the key is quoted or not."""
    if isinstance(table, dict) and not {"choices", "low", "high"} & set(table) and (table or not path):
        for key, entry in table.items():
            yield from _flatten(entry, f"{path}.{key}" if path else key)
    else:
        yield path, table


def _parameter(path: str, entry: Any) -> Choices | Range:
    kind = Choices if isinstance(entry, dict) and "choices" in entry else Range
    try:
        return kind.model_validate(entry)
    except ValidationError as error:
        raise RecipeError(f"space, {path}: {_first(error)}", hint=_HINT) from error


def _first(error: ValidationError | TypeError) -> str:
    """The first of pydantic's complaints: field, problem and value."""
    if isinstance(error, TypeError):
        return str(error)
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']} (got {first['input']!r})" if where else first["msg"].removeprefix("Value error, ")


def _fitted(path: str, parameter: Choices | Range, recipe: Recipe) -> Choices | Range:
    if isinstance(parameter, Choices):
        return parameter
    current = _current(path, recipe)
    changed(recipe, {path: current})  # raises where there is no such field
    if isinstance(current, bool) or not isinstance(current, int | float):
        raise RecipeError(
            f"space, {path}: got a range of numbers, but the recipe holds {current!r}",
            hint=f'Give choices: "{path}" = {{ choices = [...] }}.',
        )
    if isinstance(current, float):
        return parameter.as_float()
    if not parameter.integer:
        raise RecipeError(
            f"space, {path}: got {parameter.low} to {parameter.high}, expected integers, as in the recipe"
        )
    return parameter


def _current(path: str, recipe: Recipe) -> Any:
    """What the recipe holds in a field; None where there is no such field."""
    place: Any = recipe
    for step in path.split("."):
        if isinstance(place, Mapping):
            place = place.get(step)
        elif isinstance(place, tuple):
            place = place[int(step)] if step.isdigit() and int(step) < len(place) else None
        else:
            place = getattr(place, step, None)
    return place


def _check_comparable(path: str, objective: str) -> None:
    table, _, field = path.rpartition(".")
    in_heads = table.startswith("heads.") and (field in _FIXED_IN_HEADS or (field == "weight" and objective == "loss"))
    if in_heads or path == "name" or path.startswith(_FIXED):
        raise RecipeError(
            f"space, {path}: this field cannot be tuned: the {objective} of trials that differ in it is not comparable",
            hint="Leave it out of the search space, and compare such recipes with 'mien lab evaluate'.",
        )
