"""Training recipes: fields, checks and loading."""

from __future__ import annotations

import dataclasses
import difflib
import math
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from ..emotions import EMOTIONS, LABEL_SETS
from ..errors import RecipeError

WAYS = ("sample", "weight")


@dataclass(frozen=True)
class Balance:
    """Groups that a network is to learn from alike, however many images each has.

    Attributes:
        groups: a CSV file with a column ``name``, the images' names as in the data set, and columns of groups, such as
            ``mien audit attributes DATA --out FILE`` writes; empty balances nothing.
        column: the column that says who belongs together; several, separated by commas, are crossed.
        how: ``sample`` (images of small groups are drawn more often) or ``weight`` (they count more in the loss: inverse
            frequency, 1 on average; He and Garcia 2009).
        by_emotion: each emotion of each group counts alike, not each group.
        most: how often one image is drawn in an epoch, or how much it counts, at most.
    """

    groups: str = ""
    column: str = ""
    how: str = "sample"
    by_emotion: bool = False
    most: float = 10.0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns, each once."""
        return tuple(dict.fromkeys(name.strip() for name in self.column.split(",") if name.strip()))


def check_balance(balance: Balance, sampling: str, taught: bool) -> None:
    """See that the table can be followed.

    Args:
        balance: the table.
        sampling: ``data.sampling`` of the same recipe.
        taught: the recipe learns from teachers too.

    Raises:
        RecipeError: it cannot.
    """
    if balance.how not in WAYS:
        raise RecipeError(f"balance.how: got {balance.how!r}, expected one of {', '.join(WAYS)}")
    if not 1 <= balance.most < math.inf:
        raise RecipeError(f"balance.most: got {balance.most}, expected at least 1")
    if not balance.groups:
        if balance.column or balance.by_emotion:
            raise RecipeError(
                "balance.groups: got none, expected a CSV file that says which image belongs to which group",
                hint="Make one with 'mien audit attributes DATA --out groups.csv', or leave the table [balance] out.",
            )
        return
    if not balance.columns:
        raise RecipeError(
            f"balance.column: got none, expected the column of {balance.groups} that groups the images",
            hint="Such as --set balance.column=brightness_group.",
        )
    if balance.how == "sample" and sampling == "balanced":
        raise RecipeError(
            "data.sampling: got 'balanced' beside [balance], expected 'shuffled': images can be drawn by one rule only",
            hint="For groups and emotions alike, set balance.by_emotion = true and leave data.sampling out.",
        )
    if balance.how == "weight" and taught:
        raise RecipeError(
            "balance.how: got 'weight' beside distil.taught, expected 'sample': what teachers say has no weights",
            hint='Set balance.how = "sample".',
        )


@dataclass(frozen=True)
class Head:
    """One classifier on the shared trunk.

    Attributes:
        emotions: the label set it tells apart (``mien.emotions.LABEL_SETS``).
        targets: ``labels`` (one label an image) or ``votes`` (the annotators' distribution).
        weight: its share in the loss.
        label_smoothing: share of the target spread evenly over all classes, 0 to 1 (Szegedy et al. 2016).
        class_weights: ``none``, or ``balanced``: an image counts in inverse proportion to how common its class is.
        output: ``softmax``, or ``sigmoid``: a single unit for the first of two classes.
    """

    emotions: str = "seven"
    targets: str = "labels"
    weight: float = 1.0
    label_smoothing: float = 0.0
    class_weights: str = "none"
    output: str = "softmax"


@dataclass(frozen=True)
class Data:
    """Which of the images are used, and for what.

    Attributes:
        inner: share of the training part set aside to choose epochs and settings by; the data's own validation part is then
            never looked at while training. 0 chooses by the data's validation part.
        counts: images of each emotion to draw from the training part, the inner part included; empty takes all.
        judge_counts: images of each emotion to draw from the validation and from the test part; empty takes all.
        sampling: ``shuffled`` (every image once an epoch) or ``balanced`` (every class equally often, drawn with
            replacement).
    """

    inner: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    judge_counts: dict[str, int] = field(default_factory=dict)
    sampling: str = "shuffled"


@dataclass(frozen=True)
class Network:
    """Which trunk to build (``mien.lab.networks.build``), and how large.

    Attributes:
        name: ``plain`` (stages of 3x3 convolutions), ``layers`` (written out row by row) or ``timm`` (a network of the timm
            library, followed by ``layers``).
        widths, depths: channels and convolutions of each stage of ``plain``.
        branches: train each convolution of ``plain`` as several that are one in the exported network (RepVGG).
        standardize: ``plain`` gives each image the same mean and contrast first, so that light matters little.
        layers: rows of ``layers``, or what follows the base of ``timm``; ``mien.lab.networks.layer_spec`` has the notation.
        backbone: the base's name in timm, such as ``vgg16``.
        weights: what the base starts from: ``none`` (random), ``imagenet`` (fetched by timm), or the path of a file; for
            ``plain``, ``none``, or the checkpoint of a run of the same network, which is gone on with.
        frozen: whether the base stays as it starts.
        base_range: ``own`` gives the base the range of pixel values that it was trained on, ``zero-one`` plain 0 to 1.
        dropout: share of features dropped before the heads while training.
    """

    name: str = "plain"
    widths: tuple[int, ...] = (24, 48, 128, 256)
    depths: tuple[int, ...] = (2, 2, 2, 3)
    branches: bool = False
    standardize: bool = False
    layers: tuple[str, ...] = ()
    backbone: str = ""
    weights: str = "none"
    frozen: bool = False
    base_range: str = "own"
    dropout: float = 0.3


@dataclass(frozen=True)
class Input:
    """How pixels become network input: side in pixels, mean and standard deviation of 0-1 values, ``gray`` or ``rgb``."""

    size: int = 48
    mean: float = 0.508
    std: float = 0.255
    color: str = "gray"

    @property
    def channels(self) -> int:
        """1 for gray, 3 for RGB."""
        return 3 if self.color == "rgb" else 1


@dataclass(frozen=True)
class Augment:
    """Random changes to training images. Ranges are symmetric unless two numbers are given.

    Attributes:
        flip: probability of mirroring left and right.
        rotate: degrees, at most.
        shift: share of the side, at most.
        shear: degrees, at most.
        zoom: the smallest and largest scale; above 1 the face fills more of the image.
        contrast, brightness: contrast factor 1 +- this; brightness moved by +- this (of the 0-1 range).
        gamma: exponent between 1/(1+this) and 1+this.
        noise: standard deviation of normal noise on 0-1 values.
        erase: probability that a rectangle is blanked (Zhong et al. 2017).
        spoil: probability that light, lens, camera, file or something in the way spoils the image (``augment.spoil``).
        mixup: alpha of the Beta distribution (Zhang et al. 2018); 0 turns it off.
        strong_until: from this epoch on, no more erasing or mixup; 0 keeps them to the end.
    """

    flip: float = 0.5
    rotate: float = 15.0
    shift: float = 0.08
    shear: float = 0.0
    zoom: tuple[float, float] = (0.87, 1.2)
    contrast: float = 0.3
    brightness: float = 0.1
    gamma: float = 0.3
    noise: float = 0.0
    erase: float = 0.5
    spoil: float = 0.0
    mixup: float = 0.2
    strong_until: int = 0


@dataclass(frozen=True)
class Optimizer:
    """What moves the weights, and how the learning rate falls.

    Attributes:
        name: ``sgd`` (with Nesterov momentum), ``adam`` (Kingma and Ba 2015; weight decay joins the gradient, as L2 does) or
            ``adamw`` (Loshchilov and Hutter 2019).
        lr: the highest learning rate.
        momentum: of ``sgd``.
        weight_decay: of kernels; biases and batch norms are left alone. For ``adam``, Keras's L2 of x is 2x here.
        warmup_epochs: linear rise to ``lr``.
        decay: ``cosine`` (to zero at the last epoch), ``plateau`` (times ``plateau_factor`` after ``plateau_patience``
            epochs without a lower validation loss) or ``constant``.
    """

    name: str = "sgd"
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup_epochs: float = 2.0
    decay: str = "cosine"
    plateau_factor: float = 0.2
    plateau_patience: int = 3


@dataclass(frozen=True)
class Schedule:
    """How long, and at which image sizes.

    Attributes:
        epochs: passes over the training part.
        batch: images that each step of the optimizer learns from.
        accumulate: parts that a batch goes through the network in: more need less memory. Batch norm sees one part
            at a time.
        sizes: (first epoch, side in pixels) pairs: train small first, which is faster; empty for full size throughout.
        ema: decay of the moving average of the weights that is validated and kept; 0 turns it off.
        patience: epochs without a better validation before stopping early; 0 never stops early.
        watch: what ``patience`` and ``keep = "best"`` go by: ``score`` (mean accuracy of the heads) or ``loss``.
        keep: ``last`` or ``best`` (by ``watch``): which epoch becomes the model.
        precision: ``32-true``, ``bf16-mixed``, or ``fastest``: whichever of the two a short trial finds faster.
    """

    epochs: int = 100
    batch: int = 128
    accumulate: int = 1
    sizes: tuple[tuple[int, int], ...] = ()
    ema: float = 0.998
    patience: int = 0
    watch: str = "score"
    keep: str = "best"
    precision: str = "fastest"

    def size_at(self, epoch: int, full: int) -> int:
        """The side in pixels at which ``epoch`` (from 0) trains."""
        return next((size for start, size in reversed(self.sizes) if epoch >= start), full)


@dataclass(frozen=True)
class Semi:
    """Learning from images without labels too (FixMatch, Sohn et al. 2020, arXiv 2001.07685).

    Attributes:
        labels: share of the training images whose labels are used, the same share of each class; the others count as
            unlabeled.
        ratio: unlabeled images a step for each labeled one; 0 leaves the unlabeled ones out.
        threshold: how sure of a plain view the network must be for its guess to become the label of the changed view.
        weight: of the unlabeled loss.
    """

    labels: float = 1.0
    ratio: int = 0
    threshold: float = 0.95
    weight: float = 1.0


@dataclass(frozen=True)
class Distil:
    """Learning from the answers of trained networks too (Hinton et al. 2015, arXiv 1503.02531).

    The answers were kept for several views of each image, changed once at random; the student learns from the very views
    that the teachers saw (consistent teaching: Beyer et al. 2022, arXiv 2106.05237).

    Attributes:
        taught: a file that ``mien lab teach`` made of the training images; empty does without teachers.
        weight: share of the loss that goes by the teachers, 0 to 1; the rest goes by the labels.
        temperature: by which the logits of both sides are divided.
    """

    taught: str = ""
    weight: float = 0.5
    temperature: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """A whole training run, but for the images."""

    name: str
    heads: dict[str, Head]
    seed: int = 0
    data: Data = field(default_factory=Data)
    input: Input = field(default_factory=Input)
    network: Network = field(default_factory=Network)
    augment: Augment = field(default_factory=Augment)
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    semi: Semi = field(default_factory=Semi)
    distil: Distil = field(default_factory=Distil)
    balance: Balance = field(default_factory=Balance)


#: Smallest side in pixels at which a face is still an image.
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
    if recipe.network.name == "timm" and (recipe.input.color, recipe.input.mean, recipe.input.std) != ("rgb", 0, 1):
        raise RecipeError(
            "input: a network of timm takes RGB values from 0 to 1 and scales them itself (network.base_range)",
            hint='Set color = "rgb", mean = 0.0 and std = 1.0 under [input].',
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
            f"semi.ratio: got {recipe.semi.ratio} beside distil.taught, expected 0: teachers answer for every image",
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
    _one_of("input.color", given.color, ("gray", "rgb"))
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
        "layers": ("branches", "standardize", "backbone", "weights", "frozen", "base_range"),
        "timm": ("branches", "standardize"),
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
    """The network can take images of every size that the run trains at."""
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
            f"network.widths: {len(network.widths)} stages halve images of {small[0]} pixels to nothing, expected {least} "
            "pixels or more",
            hint="Use fewer stages, or larger images (input.size, schedule.sizes).",
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
            "at least two images"
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
            f"semi.ratio: got {semi.ratio}, but semi.labels = 1 leaves no image without its label",
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


if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "Augment",
    "Balance",
    "Data",
    "Distil",
    "Head",
    "Input",
    "Network",
    "Optimizer",
    "Recipe",
    "Schedule",
    "Semi",
    "builtin_recipes",
    "changed",
    "load_recipe",
    "recipe_from_dict",
    "recipe_text",
]

T = TypeVar("T")


def builtin_recipes() -> list[str]:
    """Names of the recipes that come with mien."""
    folder = resources.files(__package__) / "recipes"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def recipe_text(name: str) -> str:
    """The TOML text of a recipe that comes with mien.

    Raises:
        RecipeError: there is none of that name.
    """
    known = builtin_recipes()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        meant = f"did you mean {near[0]!r}?" if near else "it is no file, and mien has none of that name"
        raise RecipeError(
            f"no recipe {name!r}: {meant}",
            hint=f"Give the path of a .toml file, or one of these: {', '.join(known)}.",
        )
    return (resources.files(__package__) / "recipes" / f"{name}.toml").read_text("utf-8")


def load_recipe(name_or_path: str) -> Recipe:
    """Read a recipe: the name of one that comes with mien, or the path of a TOML file.

    Raises:
        RecipeError: it is not there, is not TOML, or says something that no recipe can say.
    """
    builtin = name_or_path in builtin_recipes() or not Path(name_or_path).is_file()
    try:
        text = recipe_text(name_or_path) if builtin else Path(name_or_path).read_text("utf-8")
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with some of its fields changed.

    Args:
        recipe: stays as it is.
        changes: new values by the path of the field, such as ``optimizer.lr``, ``heads.labels.label_smoothing`` or, for one
            element of a list, ``network.layers.0``.

    Raises:
        RecipeError: there is no such field, or it cannot hold the value.
    """
    table = dataclasses.asdict(recipe)
    for path, value in changes.items():
        *way, last = path.split(".")
        place: Any = table
        for step in way:
            place = place[step] if isinstance(place, dict) and step in place else None
        if isinstance(place, dict) and (last in place or path.startswith("data.")):
            place[last] = value
        elif isinstance(place, tuple) and last.isdecimal() and int(last) < len(place):
            at = int(last)
            recipe_part: Any = table
            for step in way[:-1]:
                recipe_part = recipe_part[step]
            recipe_part[way[-1]] = (*place[:at], value, *place[at + 1 :])
        else:
            raise RecipeError(
                f"{path}: the recipe {recipe.name!r} has no such field",
                hint="Give the table and the field, such as optimizer.lr or heads.NAME.weight.",
            )
    return recipe_from_dict(table)


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
        return _table(typing.get_args(hint)[1], value, where)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise RecipeError(f"{where}: got {value!r}, expected {hint.__name__}")
    return value


def _table(kind: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RecipeError(f"{where}: got {value!r}, expected a table")
    return {name: _value(kind, item, f"{where}.{name}") for name, item in value.items()}
