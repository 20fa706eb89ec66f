"""Does a search space fit a recipe? Seen before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import torch

from ...errors import RecipeError
from ..networks.build import build_network
from ..recipe import Recipe, changed
from .space import Choices, Range, Space

#: What may not vary: trials that learn or are judged on other images or answers cannot be compared.
_SAME_FOR_ALL = ("data.inner", "data.counts", "data.judge_counts")
_SAME_IN_HEADS = ("emotions", "targets")


def fit(space: Space, recipe: Recipe) -> Space:
    """The search space with its ranges as the recipe's fields want them: whole numbers or not.

    Every choice and both ends of each range are put into the recipe, one at a time, and the networks among them built
    (without memory for their weights).

    Raises:
        RecipeError: the recipe lacks a field, refuses a value, or the field must be the same for all trials.
    """
    fitted = replace(space, ways={path: _fitted(path, way, recipe) for path, way in space.ways.items()})
    for path in fitted.ways:
        _check_comparable(path, space.objective)
    for path, value, candidate in candidates(fitted, recipe):
        if path.startswith(("network.", "input.")):
            try:
                with torch.device("meta"):
                    build_network(candidate)
            except RecipeError as error:
                raise RecipeError(f"space, {path} = {value!r}: {error}", hint=error.hint) from error
    return fitted


def candidates(space: Space, recipe: Recipe) -> Iterator[tuple[str, Any, Recipe]]:
    """Each choice and each end of a range: the field, the value, and the recipe with this one value changed.

    Raises:
        RecipeError: the recipe refuses one.
    """
    for path, way in space.ways.items():
        for value in way.values if isinstance(way, Choices) else (way.low, way.high):
            try:
                yield path, value, changed(recipe, {path: value})
            except RecipeError as error:
                raise RecipeError(f"space, {path} = {value!r}: {error}", hint=error.hint) from error


def largest_input(space: Space, recipe: Recipe) -> tuple[int, str]:
    """Side in pixels and color in which images must be read so that every trial finds what it wants."""
    inputs = [recipe.input, *(candidate.input for _, _, candidate in candidates(space, recipe))]
    color = "rgb" if any(given.color == "rgb" for given in inputs) else "gray"
    return max(given.size for given in inputs), color


def _fitted(path: str, way: Choices | Range, recipe: Recipe) -> Choices | Range:
    if isinstance(way, Choices):
        return way
    changed(recipe, {path: _held(path, recipe)})  # says so where there is no such field
    held = _held(path, recipe)
    if isinstance(held, bool) or not isinstance(held, int | float):
        raise RecipeError(
            f"space, {path}: got a range of numbers, but the recipe holds {held!r}",
            hint=f'Give choices: "{path}" = {{ choices = [...] }}.',
        )
    if isinstance(held, int) and not way.whole:
        raise RecipeError(f"space, {path}: got {way.low} to {way.high}, expected whole numbers, as in the recipe")
    if isinstance(held, int):
        return way
    step = None if way.step is None else float(way.step)
    return replace(way, low=float(way.low), high=float(way.high), step=step, whole=False)


def _held(path: str, recipe: Recipe) -> Any:
    place: Any = asdict(recipe)
    for step in path.split("."):
        if isinstance(place, dict):
            place = place.get(step)
        elif isinstance(place, tuple) and step.isdigit() and int(step) < len(place):
            place = place[int(step)]
        else:
            return None
    return place


def _check_comparable(path: str, objective: str) -> None:
    table, _, field = path.rpartition(".")
    in_heads = table.startswith("heads.") and (field in _SAME_IN_HEADS or (field == "weight" and objective == "loss"))
    if in_heads or path == "name" or path.startswith(_SAME_FOR_ALL):
        raise RecipeError(
            f"space, {path}: got a field that cannot be tuned: the {objective} of trials that differ in it means different "
            "things",
            hint="Leave it out of the search space, and compare such recipes by 'mien lab evaluate'.",
        )
