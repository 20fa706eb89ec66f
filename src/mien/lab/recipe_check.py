"""Which values a recipe may hold: every number within its bounds, every word one of the known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..emotions import EMOTIONS, LABEL_SETS
from ..errors import RecipeError
from .recipe_balance import check_balance
from .recipe_fields import Network

if TYPE_CHECKING:
    from .recipe_fields import Augment, Data, Distil, Head, Input, Optimizer, Recipe, Schedule, Semi

#: Smallest side in pixels at which a face is still a picture.
SMALLEST = 8


def check(recipe: Recipe) -> None:
    """See that every value is one that training can use.

    Raises:
        RecipeError: one is not; the message names the field, what it holds and what it may hold.
    """
    if not 0 <= recipe.seed < 2**32:
        raise RecipeError(f"seed: got {recipe.seed}, expected 0 to {2**32 - 1}")
    for name, head in recipe.heads.items():
        if not name.isidentifier():
            raise RecipeError(f"heads.{name}: got {name!r}, expected a name of letters, digits and underscores")
        _check_head(f"heads.{name}", head)
    _check_data(recipe.data)
    _check_input(recipe.input)
    _check_network(recipe.network)
    if recipe.network.name == "timm" and (recipe.input.colour, recipe.input.mean, recipe.input.std) != ("rgb", 0, 1):
        raise RecipeError(
            "input: a network of timm takes RGB values from 0 to 1 and scales them itself (network.base_range)",
            hint='Set colour = "rgb", mean = 0.0 and std = 1.0 under [input].',
        )
    _check_augment(recipe.augment)
    _check_optimizer(recipe.optimizer)
    _check_schedule(recipe.schedule)
    _check_lengths(recipe)
    _check_sides(recipe)
    _check_semi(recipe.semi)
    _check_distil(recipe.distil)
    check_balance(recipe.balance, recipe.data.sampling, bool(recipe.distil.taught))
    if recipe.distil.taught and recipe.semi.ratio:
        raise RecipeError(
            f"semi.ratio: got {recipe.semi.ratio} beside distil.taught, expected 0: teachers answer for every picture",
            hint="Leave either of them out.",
        )


def _check_head(where: str, head: Head) -> None:
    _one_of(f"{where}.emotions", head.emotions, tuple(LABEL_SETS))
    _one_of(f"{where}.targets", head.targets, ("labels", "votes"))
    _one_of(f"{where}.class_weights", head.class_weights, ("none", "balanced"))
    _one_of(f"{where}.output", head.output, ("softmax", "sigmoid"))
    if head.output == "sigmoid" and len(LABEL_SETS[head.emotions]) != 2:
        raise RecipeError(
            f"{where}.output: got 'sigmoid' for {head.emotions!r}, expected a label set of two emotions, such as 'happy-sad'"
        )
    _at_least(f"{where}.weight", head.weight, 0)
    _share(f"{where}.label_smoothing", head.label_smoothing)


def _check_data(data: Data) -> None:
    _share("data.inner", data.inner)
    _one_of("data.sampling", data.sampling, ("shuffled", "balanced"))
    for name in ("counts", "judge_counts"):
        for emotion, count in getattr(data, name).items():
            _one_of(f"data.{name}", emotion, EMOTIONS)
            _at_least(f"data.{name}.{emotion}", count, 1)


def _check_input(given: Input) -> None:
    _one_of("input.colour", given.colour, ("gray", "rgb"))
    _at_least("input.size", given.size, SMALLEST)
    if not math.isfinite(given.mean):
        raise RecipeError(f"input.mean: got {given.mean}, expected a finite number")
    _above_zero("input.std", given.std)


def _check_network(network: Network) -> None:
    _one_of("network.name", network.name, ("plain", "layers", "timm"))
    _one_of("network.base_range", network.base_range, ("own", "zero-one"))
    _check_unused(network)
    if network.name == "layers" and not network.layers:
        raise RecipeError("network.layers: got none, expected at least one row such as 'conv 32x3 same > relu > pool'")
    if network.name == "timm" and not network.backbone:
        raise RecipeError("network.backbone: got none, expected the name of a network of timm, such as 'vgg16'")
    if len(network.widths) != len(network.depths) or not network.widths:
        raise RecipeError(
            f"network: got {len(network.widths)} widths and {len(network.depths)} depths, expected as many, and at least one"
        )
    for name in ("widths", "depths"):
        for i, value in enumerate(getattr(network, name)):
            _at_least(f"network.{name}[{i}]", value, 1)
    _share("network.dropout", network.dropout)


def _check_unused(network: Network) -> None:
    """A field that the network does not look at must not look as if it did something."""
    idle = {
        "plain": ("layers", "backbone", "frozen", "base_range"),
        "layers": ("branches", "standardise", "backbone", "weights", "frozen", "base_range"),
        "timm": ("branches", "standardise"),
    }
    for name in idle.get(network.name, ()):
        default = Network.__dataclass_fields__[name].default
        if getattr(network, name) != default:
            raise RecipeError(
                f"network.{name}: got {getattr(network, name)!r}, for which a network {network.name!r} has no use",
                hint="Leave it out, or choose another network.name.",
            )


def _check_lengths(recipe: Recipe) -> None:
    """What begins late begins before the run is over."""
    schedule, warmup = recipe.schedule, recipe.optimizer.warmup_epochs
    if warmup and warmup >= schedule.epochs:
        raise RecipeError(
            f"optimizer.warmup_epochs: got {warmup:g}, expected less than the {schedule.epochs} epochs of the run",
            hint="Train longer, or add --set optimizer.warmup_epochs=0.",
        )
    last = schedule.sizes[-1][0] if schedule.sizes else 0
    if last and last >= schedule.epochs:
        raise RecipeError(
            f"schedule.sizes: the last size begins with epoch {last}, but the run ends after {schedule.epochs}",
            hint="Train longer, or add --set schedule.sizes=[] to train at full size throughout.",
        )


def _check_sides(recipe: Recipe) -> None:
    """The network can take pictures of every size that the run trains at."""
    network, sides = recipe.network, [side for _, side in recipe.schedule.sizes]
    if sides and any("flatten" in row.split() for row in network.layers):
        raise RecipeError(
            f"schedule.sizes: got {', '.join(map(str, sides))}, but a network with 'flatten' takes one size only",
            hint="Leave schedule.sizes out, or use 'mean' in place of 'flatten'.",
        )
    least = 2 ** (len(network.widths) - 1)
    small = [side for side in (recipe.input.size, *sides) if side < least]
    if network.name == "plain" and small:
        raise RecipeError(
            f"network.widths: {len(network.widths)} stages halve pictures of {small[0]} pixels to nothing, expected {least} "
            "pixels or more",
            hint="Use fewer stages, or larger pictures (input.size, schedule.sizes).",
        )


def _check_augment(augment: Augment) -> None:
    for name in ("flip", "erase", "spoil"):
        probability = getattr(augment, name)
        if not 0 <= probability <= 1:
            raise RecipeError(f"augment.{name}: got {probability}, expected a probability from 0 to 1")
    for name in ("rotate", "shift", "shear", "contrast", "brightness", "gamma", "noise", "mixup", "strong_until"):
        _at_least(f"augment.{name}", getattr(augment, name), 0)
    low, high = augment.zoom
    _above_zero("augment.zoom[0]", low)
    _above_zero("augment.zoom[1]", high)
    if low > high:
        raise RecipeError(f"augment.zoom: got [{low}, {high}], expected the smaller scale first")


def _check_optimizer(optimizer: Optimizer) -> None:
    _one_of("optimizer.name", optimizer.name, ("sgd", "adam", "adamw"))
    _one_of("optimizer.decay", optimizer.decay, ("cosine", "plateau", "constant"))
    _share("optimizer.plateau_factor", optimizer.plateau_factor)
    _at_least("optimizer.plateau_patience", optimizer.plateau_patience, 0)
    if optimizer.decay == "plateau" and optimizer.warmup_epochs:
        raise RecipeError(f'optimizer.warmup_epochs: got {optimizer.warmup_epochs}, expected 0 with decay = "plateau"')
    for name in ("lr", "weight_decay", "warmup_epochs"):
        _at_least(f"optimizer.{name}", getattr(optimizer, name), 0)
    _share("optimizer.momentum", optimizer.momentum)


def _check_schedule(schedule: Schedule) -> None:
    _at_least("schedule.epochs", schedule.epochs, 1)
    _at_least("schedule.batch", schedule.batch, 2)
    _at_least("schedule.accumulate", schedule.accumulate, 1)
    _one_of("schedule.precision", schedule.precision, ("fastest", "32-true", "bf16-mixed"))
    if schedule.batch < 2 * schedule.accumulate or schedule.batch % schedule.accumulate:
        raise RecipeError(
            f"schedule.accumulate: got {schedule.accumulate} parts of a batch of {schedule.batch}, expected equal parts of "
            "at least two pictures"
        )
    _one_of("schedule.watch", schedule.watch, ("score", "loss"))
    for i, (start, side) in enumerate(schedule.sizes):
        _at_least(f"schedule.sizes[{i}][0]", start, 0)
        _at_least(f"schedule.sizes[{i}][1]", side, SMALLEST)
    _share("schedule.ema", schedule.ema)
    _at_least("schedule.patience", schedule.patience, 0)
    _one_of("schedule.keep", schedule.keep, ("last", "best"))


def _check_semi(semi: Semi) -> None:
    if not 0 < semi.labels <= 1:
        raise RecipeError(f"semi.labels: got {semi.labels}, expected more than 0 and at most 1")
    _at_least("semi.ratio", semi.ratio, 0)
    if semi.ratio and semi.labels == 1:
        raise RecipeError(
            f"semi.ratio: got {semi.ratio}, but semi.labels = 1 leaves no picture without its label",
            hint="Set semi.labels to the share of labels to use, such as 0.1.",
        )
    _at_least("semi.weight", semi.weight, 0)
    if not 0 < semi.threshold <= 1:
        raise RecipeError(f"semi.threshold: got {semi.threshold}, expected more than 0 and at most 1")


def _check_distil(distil: Distil) -> None:
    if not 0 <= distil.weight <= 1:
        raise RecipeError(f"distil.weight: got {distil.weight}, expected 0 to 1")
    if not 0 < distil.temperature < math.inf:
        raise RecipeError(f"distil.temperature: got {distil.temperature}, expected more than 0")


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
