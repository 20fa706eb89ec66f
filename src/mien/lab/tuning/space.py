"""Search spaces: which fields of a recipe vary, over which values, and how they are sampled."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import torch
from optuna import Trial
from pydantic import Field, ValidationError, model_validator
from typing_extensions import Self

from ...errors import RecipeError
from ..networks.build import build_network
from ..recipe import Recipe, changed
from ..recipes import builtin_names
from ..validation import Settings, field_error, read_table

Label = str | int | float | bool
Number = int | float

#: Trials that differ in these fields learn from or are evaluated on other images: their objectives cannot be compared.
_FIXED = ("name", "data.inner", "data.counts", "data.evaluation_counts")
_FIXED_IN_HEADS = ("emotions", "targets")
_MAX_GRID = 1_000_000
_SPACES = resources.files(__package__) / "spaces"
_HINT = 'Write a field as "optimizer.lr" = { low = 1e-4, high = 1e-2, log = true } or { choices = [1e-3, 1e-2] }.'


class Parameter(Settings):
    """Values of one field: ``choices``, or a range from ``low`` to ``high``, both included.

    Attributes:
        choices: values as in TOML; empty for a range.
        low, high: ends of a range; integers if both ends and the field are integers.
        log: sample on a logarithmic scale.
        step: distance of values from ``low`` on; None for any number (of integers: every one).
    """

    choices: list[Any] = Field(default_factory=list)
    low: Number | None = None
    high: Number | None = None
    log: bool = False
    step: Number | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.choices and not self.model_fields_set <= {"choices"}:
            raise RecipeError(field="choices", value=self.choices, expected="either choices or a range")
        if self.choices:
            if len(set(self.labels)) != len(self.choices):
                raise RecipeError(field="choices", value=self.choices, expected="no value twice")
        elif self.low is None or self.high is None or self.low >= self.high:
            raise RecipeError(field="low", value=self.low, expected="choices, or low < high", hint=_HINT)
        elif self.log and (self.low <= 0 or self.step is not None):
            raise RecipeError(field="log", value=True, expected="low > 0 and no step on a logarithmic scale")
        elif self.step is not None:
            steps = (self.high - self.low) / self.step if self.step > 0 else 0
            if steps < 1 or not math.isclose(steps, round(steps), rel_tol=1e-9):
                raise RecipeError(field="step", value=self.step, expected=f"a step from {self.low} to {self.high}")
        return self

    @property
    def labels(self) -> tuple[Label, ...]:
        """The stored form of each choice: the value, or JSON for lists."""
        return tuple(value if isinstance(value, Label) else json.dumps(value) for value in self.choices)

    @property
    def integer(self) -> bool:
        """Whether a range has integers only."""
        return all(isinstance(number, int) for number in (self.low, self.high, self.step or 0))

    @property
    def grid(self) -> tuple[Label, ...]:
        """The points of a grid search; empty for a range without steps."""
        step = self.step or (1 if self.integer else None)
        if self.choices or step is None or self.log or self.low is None or self.high is None:
            return self.labels
        return tuple(min(self.low + i * step, self.high) for i in range(round((self.high - self.low) / step) + 1))

    def value(self, label: Label) -> Any:
        """The recipe's value for what a study stores."""
        return self.choices[self.labels.index(label)] if self.choices else label

    def suggest(self, trial: Trial, path: str) -> Label:
        """Draw a value, as a study stores it."""
        if self.low is None or self.high is None:
            return self.labels[self.labels.index(trial.suggest_categorical(path, self.labels))]
        if self.integer:
            return trial.suggest_int(path, int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return trial.suggest_float(path, self.low, self.high, log=self.log, step=self.step)


class Space(Settings):
    """A search space: the fields of a recipe that vary, and how values are sampled.

    Attributes:
        space: how each field varies, by its path in the recipe, such as ``optimizer.lr`` or ``network.layers.0``.
        sampler: ``tpe`` (tree-structured Parzen estimator, Bergstra et al. 2011), ``random`` or ``grid``.
        pruner: ``median`` stops trials below the median at the same epoch (Golovin et al. 2017); ``none`` stops none.
        objective: ``score``, the mean accuracy of the heads (maximized), or ``loss`` (minimized).
    """

    name: str
    space: dict[str, Parameter] = Field(min_length=1)
    sampler: Literal["tpe", "random", "grid"] = "tpe"
    pruner: Literal["median", "none"] = "median"
    objective: Literal["score", "loss"] = "score"
    seed: int = Field(0, ge=0)
    trials: int = Field(20, ge=1)

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
        grid = {path: parameter.grid for path, parameter in self.space.items()}
        if endless := [path for path, points in grid.items() if not points]:
            raise RecipeError(field=f"space.{endless[0]}", value="a range without steps", expected="choices or a step")
        if (count := math.prod(map(len, grid.values()))) > _MAX_GRID:
            raise RecipeError(field="space", value=f"a grid of {count:,} points", expected=f"at most {_MAX_GRID:,}")
        return grid

    def values(self, labels: Mapping[str, Label]) -> dict[str, Any]:
        """The recipe's values for what a study stores."""
        return {path: self.space[path].value(label) for path, label in labels.items() if path in self.space}


def builtin_spaces() -> list[str]:
    """Names of the search spaces shipped with mien."""
    return builtin_names(_SPACES)


def load_space(name_or_path: str | Path) -> Space:
    """Read a search space: the name of one shipped with mien, or the path of a TOML file.

    Raises:
        RecipeError: it is missing, is not TOML, or is not a valid search space.
    """
    return space_from_dict(Path(name_or_path).stem, read_table(name_or_path, _SPACES))


def space_from_dict(name: str, table: Mapping[str, Any]) -> Space:
    """Build a search space from plain values, as TOML holds them; ``fit_space`` checks it against a recipe.

    Raises:
        RecipeError: an unknown field, a wrong type or a contradiction.
    """
    try:
        return Space.model_validate({**table, "name": name, "space": dict(_flatten(table.get("space") or {}, ""))})
    except ValidationError as error:
        raise field_error(error, Space) from error


def fit_space(space: Space, recipe: Recipe) -> Space:
    """The search space with ranges over integers or floats, as the recipe's fields require.

    Every choice and both ends of each range are tried, and the networks among them are built on torch's ``meta`` device.

    Raises:
        RecipeError: the recipe lacks a field or refuses a value, or the field must be the same for all trials.
    """
    fitted = {}
    for path, parameter in space.space.items():
        _check_comparable(path, space.objective)
        for candidate in _candidates(recipe, path, parameter):
            if path.startswith(("network.", "input.")):
                with torch.device("meta"):
                    build_network(candidate)
        place: Any = recipe.model_dump(mode="json")
        for step in path.split("."):
            place = place[int(step) if isinstance(place, list) else step]
        ends = (
            {"low": parameter.low, "high": parameter.high, "step": parameter.step} if isinstance(place, float) else {}
        )
        numbers = {name: float(value) for name, value in ends.items() if value is not None}
        fitted[path] = parameter.model_copy(update=numbers)
        if isinstance(place, int) and not (parameter.choices or parameter.integer):
            raise RecipeError(field=f"space.{path}", value=parameter.step, expected="integers")
    return space.model_copy(update={"space": fitted})


def largest_input(space: Space, recipe: Recipe) -> tuple[int, str]:
    """Side in pixels, and ``gray`` or ``rgb``: how images must be read so that they suit every trial."""
    inputs = [recipe.input, *(one.input for item in space.space.items() for one in _candidates(recipe, *item))]
    color = "rgb" if any(given.color == "rgb" for given in inputs) else "gray"
    return max(given.size for given in inputs), color


def _candidates(recipe: Recipe, path: str, parameter: Parameter) -> list[Recipe]:
    """The recipe with each choice, or with each end of the range."""
    return [changed(recipe, {path: value}) for value in parameter.choices or (parameter.low, parameter.high)]


def _flatten(table: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every field below ``path``: dots in a TOML key make tables, whether the key is quoted or not."""
    if isinstance(table, dict) and not {"choices", "low", "high"} & set(table) and (table or not path):
        for key, entry in table.items():
            yield from _flatten(entry, f"{path}.{key}" if path else key)
    else:
        yield path, table


def _check_comparable(path: str, objective: str) -> None:
    table, _, field = path.rpartition(".")
    in_heads = table.startswith("heads.") and (field in _FIXED_IN_HEADS or (field == "weight" and objective == "loss"))
    if in_heads or path.startswith(_FIXED):
        hint = "Remove it from the search space, and compare such recipes with 'mien lab compare'."
        message = f"{path} cannot be tuned: the {objective} of trials that differ in it is not comparable"
        raise RecipeError(message, hint=hint, field=path)
