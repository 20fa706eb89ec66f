"""Which values a recipe may hold: every number within its bounds, every word one of the known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..errors import RecipeError

if TYPE_CHECKING:
    from .recipe import Augment, Head, Input, Network, Optimizer, Recipe, Schedule

#: Smallest side in pixels at which a face is still a picture.
SMALLEST = 8


def check(recipe: Recipe) -> None:
    """See that every value is one that training can use.

    Raises:
        RecipeError: one is not; the message names the field, what it holds and what it may hold.
    """
    for name, head in recipe.heads.items():
        _check_head(f"heads.{name}", head)
    _check_input(recipe.input)
    _check_network(recipe.network)
    _check_augment(recipe.augment)
    _check_optimizer(recipe.optimizer)
    _check_schedule(recipe.schedule)


def _check_head(where: str, head: Head) -> None:
    _one_of(f"{where}.targets", head.targets, ("labels", "votes"))
    _at_least(f"{where}.weight", head.weight, 0)
    _share(f"{where}.label_smoothing", head.label_smoothing)


def _check_input(given: Input) -> None:
    _at_least("input.size", given.size, SMALLEST)
    if not math.isfinite(given.mean):
        raise RecipeError(f"input.mean: got {given.mean}, expected a finite number")
    _above_zero("input.std", given.std)


def _check_network(network: Network) -> None:
    if len(network.widths) != len(network.depths) or not network.widths:
        raise RecipeError(
            f"network: got {len(network.widths)} widths and {len(network.depths)} depths, expected as many, and at least one"
        )
    for name in ("widths", "depths"):
        for i, value in enumerate(getattr(network, name)):
            _at_least(f"network.{name}[{i}]", value, 1)
    _share("network.dropout", network.dropout)


def _check_augment(augment: Augment) -> None:
    for name in ("flip", "erase"):
        probability = getattr(augment, name)
        if not 0 <= probability <= 1:
            raise RecipeError(f"augment.{name}: got {probability}, expected a probability from 0 to 1")
    for name in ("rotate", "shift", "contrast", "brightness", "gamma", "mixup", "strong_until"):
        _at_least(f"augment.{name}", getattr(augment, name), 0)
    low, high = augment.zoom
    _above_zero("augment.zoom[0]", low)
    _above_zero("augment.zoom[1]", high)
    if low > high:
        raise RecipeError(f"augment.zoom: got [{low}, {high}], expected the smaller scale first")


def _check_optimizer(optimizer: Optimizer) -> None:
    _one_of("optimizer.name", optimizer.name, ("sgd", "adamw"))
    for name in ("lr", "weight_decay", "warmup_epochs"):
        _at_least(f"optimizer.{name}", getattr(optimizer, name), 0)
    _share("optimizer.momentum", optimizer.momentum)


def _check_schedule(schedule: Schedule) -> None:
    _at_least("schedule.epochs", schedule.epochs, 1)
    _at_least("schedule.batch", schedule.batch, 2)
    for i, (start, side) in enumerate(schedule.sizes):
        _at_least(f"schedule.sizes[{i}][0]", start, 0)
        _at_least(f"schedule.sizes[{i}][1]", side, SMALLEST)
    _share("schedule.ema", schedule.ema)
    _at_least("schedule.patience", schedule.patience, 0)
    _one_of("schedule.keep", schedule.keep, ("last", "best"))


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise RecipeError(f"{name}: got {value!r}, expected one of {', '.join(choices)}")


def _at_least(name: str, value: float, least: int) -> None:
    if not least <= value < math.inf:  # NaN fails too
        raise RecipeError(f"{name}: got {value}, expected at least {least}")


def _above_zero(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise RecipeError(f"{name}: got {value}, expected more than 0")


def _share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise RecipeError(f"{name}: got {value}, expected at least 0 and less than 1")
