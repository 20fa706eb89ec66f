"""Training recipes: their fields, validation and loading."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from typing_extensions import Self

from ..emotions import LABEL_SETS
from ..errors import RecipeError
from .recipes import builtin_names, read_text
from .validation import (
    Count,
    Emotion,
    Index,
    LabelSet,
    NonNegative,
    Positive,
    PositiveShare,
    Probability,
    Settings,
    Share,
    field_error,
    invalid,
    read_table,
)  # fmt: skip

_RECIPES = resources.files(__package__) / "recipes"
_PURPOSES = {
    "Your own data": ("seven", "default", "tiny", "smoke"),
    "The shipped models": ("default-distilled", "default-narrow", "narrow-robust", "tiny-distilled"),
    "Few labels": ("few-labels", "few-labels-unlabeled", "few-labels-distilled"),
}
#: Smallest side in pixels at which a face can be recognized.
MIN_SIDE = 8
Side = Annotated[int, Field(ge=MIN_SIDE)]
HeadName = Annotated[str, Field(pattern=r"^[^\W\d]\w*$")]


class Head(Settings):
    """One classifier on the shared trunk.

    Attributes:
        emotions: the label set it tells apart (``mien.emotions.LABEL_SETS``).
        targets: ``labels`` (one label per image) or ``votes`` (the annotators' distribution).
        weight: its share in the loss.
        label_smoothing: share of the target spread evenly over all classes (Szegedy et al. 2016).
        class_weights: ``none``, or ``balanced``: an image counts in inverse proportion to the frequency of its class.
        output: ``softmax``, or ``sigmoid``: a single unit for the first of two classes.
    """

    emotions: LabelSet = "seven"
    targets: Literal["labels", "votes"] = "labels"
    weight: NonNegative = 1.0
    label_smoothing: Share = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    output: Literal["softmax", "sigmoid"] = "softmax"

    @model_validator(mode="after")
    def _sigmoid_needs_two_classes(self) -> Self:
        if self.output == "sigmoid" and len(LABEL_SETS[self.emotions]) != 2:
            raise invalid("output", "sigmoid", f"softmax, because {self.emotions!r} has more than two emotions")
        return self


class Data(Settings):
    """Selection of images.

    Attributes:
        inner: share of the training part set aside to choose epochs by; the validation part is then not used in
            training. 0 chooses by the validation part.
        counts: images of each emotion to draw from the training part, the inner part included; empty takes all.
        evaluation_counts: images of each emotion to draw from the validation and from the test part; empty takes all.
        sampling: ``shuffled`` (every image once per epoch) or ``balanced`` (every class equally often, with replacement).
    """

    inner: Share = 0.0
    counts: dict[Emotion, Count] = Field(default_factory=dict)
    evaluation_counts: dict[Emotion, Count] = Field(default_factory=dict)
    sampling: Literal["shuffled", "balanced"] = "shuffled"


class Input(Settings):
    """Network input: side in pixels, mean and standard deviation of 0-1 values, color mode."""

    size: Side = 48
    mean: float = 0.508
    std: Positive = 0.255
    color: Literal["gray", "rgb"] = "gray"

    @property
    def channels(self) -> int:
        """1 for gray, 3 for RGB."""
        return 3 if self.color == "rgb" else 1


class Network(Settings):
    """The trunk (``mien.lab.networks.build``).

    Attributes:
        name: ``vgg`` (stages of 3x3 convolutions), ``layers`` (a list of layers) or ``timm`` (a network of the timm
            library, followed by ``layers``).
        widths, depths: channels and convolutions of each stage of ``vgg``.
        reparameterize: train each convolution of ``vgg`` as several that are folded into one on export (RepVGG).
        batch_norm: ``vgg`` normalizes after each convolution; False for exported weights, which have it folded in.
        instance_norm: ``vgg`` normalizes the mean and contrast of each image first.
        layers: rows of ``layers``, or what follows the base of ``timm``; ``mien.lab.networks.layer_spec`` has the notation.
        backbone: the base's name in timm, such as ``vgg16``.
        weights: initial weights of the base: ``none`` (random), ``imagenet`` (fetched by timm), or the path of a file; for
            ``vgg``, ``none``, or what to continue from: the run or checkpoint of the same network, or, without batch norm,
            an exported or included model.
        frozen: keep the weights of the base.
        base_range: ``own`` scales pixels to the range that the base was trained on, ``zero-one`` to 0-1.
        dropout: share of features dropped before the heads while training.
    """

    name: Literal["vgg", "layers", "timm"] = "vgg"
    widths: Annotated[tuple[Count, ...], Field(min_length=1)] = (24, 48, 128, 256)
    depths: tuple[Count, ...] = (2, 2, 2, 3)
    reparameterize: bool = False
    batch_norm: bool = True
    instance_norm: bool = False
    layers: tuple[str, ...] = ()
    backbone: str = ""
    weights: str = "none"
    frozen: bool = False
    base_range: Literal["own", "zero-one"] = "own"
    dropout: Share = 0.3

    @model_validator(mode="after")
    def _fields_fit_the_network(self) -> Self:
        unused = {
            "vgg": ("layers", "backbone", "frozen", "base_range"),
            "layers": ("reparameterize", "batch_norm", "instance_norm", "backbone", "weights", "frozen", "base_range"),
            "timm": ("reparameterize", "batch_norm", "instance_norm"),
        }
        for name in unused[self.name]:
            value, default = getattr(self, name), Network.model_fields[name].default
            if value != default:
                expected = f"{default!r}, because a network {self.name!r} does not use it"
                raise invalid(name, value, expected, "Leave it out, or choose another network.name.")
        if self.name == "layers" and not self.layers:
            raise invalid("layers", (), "a row such as 'conv 32x3 same > relu > pool'")
        if self.name == "timm" and not self.backbone:
            raise invalid("backbone", "", "the name of a timm network, such as 'vgg16'")
        if len(self.widths) != len(self.depths):
            raise invalid("depths", self.depths, f"{len(self.widths)} values, as many as widths")
        return self


class Augment(Settings):
    """Random changes to training images. Ranges are symmetric unless two numbers are given.

    Attributes:
        flip: probability of mirroring left and right.
        rotate, shear: at most this many degrees.
        shift: at most this share of the side.
        zoom: the smallest and largest scale; above 1 the face fills more of the image.
        contrast, brightness: contrast factor 1 +- this; brightness moved by +- this (of the 0-1 range).
        gamma: exponent between 1/(1+this) and 1+this.
        noise: standard deviation of normal noise on 0-1 values.
        erase: probability that a rectangle is blanked (Zhong et al. 2017).
        corrupt: probability of one of the corruptions in ``mien.lab.augment``.
        mixup: alpha of the Beta distribution (Zhang et al. 2018); 0 turns it off.
        strong_until: the epoch from which on there is no erasing or mixup; 0 keeps them to the end.
    """

    flip: Probability = 0.5
    rotate: NonNegative = 15.0
    shift: NonNegative = 0.08
    shear: NonNegative = 0.0
    zoom: tuple[Positive, Positive] = (0.87, 1.2)
    contrast: NonNegative = 0.3
    brightness: NonNegative = 0.1
    gamma: NonNegative = 0.3
    noise: NonNegative = 0.0
    erase: Probability = 0.5
    corrupt: Probability = 0.0
    mixup: NonNegative = 0.2
    strong_until: Index = 0

    @model_validator(mode="after")
    def _smaller_zoom_first(self) -> Self:
        if self.zoom[0] > self.zoom[1]:
            raise invalid("zoom", self.zoom, "the smaller scale first")
        return self


class Optimizer(Settings):
    """The optimizer and the schedule of its learning rate.

    Attributes:
        name: ``sgd`` (with Nesterov momentum), ``adam`` (Kingma and Ba 2015; weight decay joins the gradient, as L2 does) or
            ``adamw`` (Loshchilov and Hutter 2019).
        lr: the highest learning rate.
        momentum: of ``sgd``.
        weight_decay: of kernels, not of biases and batch norms. For ``adam``, Keras's L2 of x is 2x here.
        warmup_epochs: linear rise to ``lr``.
        decay: ``cosine`` (to zero at the last epoch), ``plateau`` (times ``plateau_factor`` after ``plateau_patience``
            epochs without a lower validation loss) or ``constant``.
    """

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    lr: NonNegative = 0.1
    momentum: Share = 0.9
    weight_decay: NonNegative = 5e-4
    warmup_epochs: NonNegative = 2.0
    decay: Literal["cosine", "plateau", "constant"] = "cosine"
    plateau_factor: Share = 0.2
    plateau_patience: Index = 3

    @model_validator(mode="after")
    def _no_warmup_before_a_plateau(self) -> Self:
        if self.decay == "plateau" and self.warmup_epochs:
            raise invalid("warmup_epochs", self.warmup_epochs, '0 with decay = "plateau"')
        return self


class Schedule(Settings):
    """Length of the run, batches and image sizes.

    Attributes:
        epochs: passes over the training part.
        batch: images per optimizer step.
        accumulate: parts that a batch is divided into to save memory; batch norm sees one part at a time.
        sizes: (first epoch, side in pixels) pairs, to train on small images first; empty for full size throughout.
        ema: decay of the moving average of the weights that is validated and kept; 0 turns it off.
        patience: epochs without a better validation before stopping early; 0 never stops early.
        monitor: what ``patience`` and ``keep = "best"`` go by: ``score`` (mean accuracy of the heads) or ``loss``.
        keep: ``last`` or ``best`` (by ``monitor``): which epoch becomes the model.
        precision: ``32-true``, ``bf16-mixed``, or ``fastest``: the faster of the two in a short trial.
    """

    epochs: Count = 100
    batch: Annotated[int, Field(ge=2)] = 128
    accumulate: Count = 1
    sizes: tuple[tuple[Index, Side], ...] = ()
    ema: Share = 0.998
    patience: Index = 0
    monitor: Literal["score", "loss"] = "score"
    keep: Literal["last", "best"] = "best"
    precision: Literal["fastest", "32-true", "bf16-mixed"] = "fastest"

    @model_validator(mode="after")
    def _equal_parts(self) -> Self:
        if self.batch < 2 * self.accumulate or self.batch % self.accumulate:
            raise invalid("accumulate", self.accumulate, f"equal parts of {self.batch} images, at least two in each")
        return self

    def size_at(self, epoch: int, full: int) -> int:
        """The side in pixels at which ``epoch`` (from 0) trains."""
        return next((size for start, size in reversed(self.sizes) if epoch >= start), full)


class Semi(Settings):
    """Semi-supervised learning (FixMatch, Sohn et al. 2020, arXiv 2001.07685).

    Attributes:
        labels: share of the training images whose labels are used, the same share of each class.
        ratio: unlabeled images per labeled one in a step; 0 leaves them out.
        threshold: least confidence on the weakly changed image for the prediction to become a label.
        weight: of the unlabeled loss.
    """

    labels: PositiveShare = 1.0
    ratio: Index = 0
    threshold: PositiveShare = 0.95
    weight: NonNegative = 1.0

    @model_validator(mode="after")
    def _some_images_unlabeled(self) -> Self:
        if self.ratio and self.labels == 1:
            raise invalid("ratio", self.ratio, "0 with labels = 1", "Set semi.labels below 1, such as 0.1.")
        return self


class Distillation(Settings):
    """Distillation (Hinton et al. 2015, arXiv 1503.02531).

    The student sees the views that the teachers saw (Beyer et al. 2022, arXiv 2106.05237).

    Attributes:
        teachers: a file of ``mien lab distill`` with the teachers' predictions; empty for no distillation.
        weight: share of the loss that goes by the teachers; the rest goes by the labels.
        temperature: divisor of the logits of both sides.
    """

    teachers: str = ""
    weight: Probability = 0.5
    temperature: Positive = 1.0


class Balance(Settings):
    """Groups that are balanced in training, however many images each has.

    Attributes:
        groups: a CSV file with a column ``name`` (image names as in the dataset) and columns of groups, such as
            ``mien audit attributes DATA --out FILE`` writes; empty balances nothing.
        column: the column of groups; several, separated by commas, are crossed.
        method: ``sample`` (images of small groups are drawn more often) or ``weight`` (they count more in the loss: inverse
            frequency, 1 on average; He and Garcia 2009).
        by_emotion: balance each emotion of each group, not each group.
        most: how often one image is drawn in an epoch, or how much it counts, at most.
    """

    groups: str = ""
    column: str = ""
    method: Literal["sample", "weight"] = "sample"
    by_emotion: bool = False
    most: Annotated[float, Field(ge=1)] = 10.0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns, without repeats."""
        return tuple(dict.fromkeys(name.strip() for name in self.column.split(",") if name.strip()))

    @model_validator(mode="after")
    def _file_and_column(self) -> Self:
        if self.groups and not self.columns:
            raise invalid("column", "", f"a column of {self.groups}", "Such as balance.column=brightness_group.")
        if not self.groups and (self.column or self.by_emotion):
            hint = "Make one with 'mien audit attributes DATA --out groups.csv', or leave the table [balance] out."
            raise invalid("groups", "", "a CSV file with the group of each image", hint)
        return self


class Recipe(Settings):
    """A whole training run, except for the images."""

    name: str
    heads: Annotated[dict[HeadName, Head], Field(min_length=1)]
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    data: Data = Data()
    input: Input = Input()
    network: Network = Network()
    augment: Augment = Augment()
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    semi: Semi = Semi()
    distillation: Distillation = Distillation()
    balance: Balance = Balance()

    @model_validator(mode="after")
    def _tables_fit_each_other(self) -> Self:
        given, network, schedule = self.input, self.network, self.schedule
        sides = [side for _, side in schedule.sizes]
        if network.name == "timm" and (given.color, given.mean, given.std) != ("rgb", 0, 1):
            hint = 'Set color = "rgb", mean = 0.0 and std = 1.0 under [input]: timm networks scale images themselves.'
            raise invalid("input", (given.color, given.mean, given.std), "RGB values from 0 to 1", hint)
        if sides and any("flatten" in row.split() for row in network.layers):
            hint = "A network with 'flatten' has a fixed input size: leave schedule.sizes out, or use 'mean'."
            raise invalid("schedule.sizes", schedule.sizes, "none", hint)
        least = 2 ** (len(network.widths) - 1)
        if network.name == "vgg" and min([given.size, *sides]) < least:
            hint = f"{len(network.widths)} stages need images of {least} pixels or more (input.size, schedule.sizes)."
            raise invalid("network.widths", network.widths, "fewer stages", hint)
        warmup, last = self.optimizer.warmup_epochs, schedule.sizes[-1][0] if schedule.sizes else 0
        if warmup and warmup >= schedule.epochs:
            hint = "Train longer, or add --set optimizer.warmup_epochs=0."
            raise invalid("optimizer.warmup_epochs", warmup, f"less than the {schedule.epochs} epochs of the run", hint)
        if last and last >= schedule.epochs:
            hint = "Train longer, or add --set schedule.sizes=[] to train at full size throughout."
            raise invalid("schedule.sizes", schedule.sizes, f"first epochs below {schedule.epochs}", hint)
        if self.balance.groups and self.balance.method == "sample" and self.data.sampling == "balanced":
            hint = "To balance groups and emotions, set balance.by_emotion = true and leave data.sampling out."
            raise invalid("data.sampling", "balanced", "shuffled with [balance]", hint)
        if self.balance.groups and self.balance.method == "weight" and self.distillation.teachers:
            hint = "Teachers' predictions have no weights."
            raise invalid("balance.method", "weight", "sample with distillation.teachers", hint)
        if self.distillation.teachers and self.semi.ratio:
            hint = "Teachers' predictions cover every image: leave either of them out."
            raise invalid("semi.ratio", self.semi.ratio, "0 with distillation.teachers", hint)
        return self


def builtin_recipes() -> list[str]:
    """Names of the recipes that come with mien."""
    return builtin_names(_RECIPES)


def recipes_by_purpose() -> dict[str, dict[str, str]]:
    """The recipes that come with mien: purpose -> name -> what it is for, in a line."""
    named = {name for names in _PURPOSES.values() for name in names}
    others = {"Reproductions of published networks": tuple(n for n in builtin_recipes() if n not in named)}
    return {
        purpose: {name: recipe_text(name).partition("\n")[0].lstrip("# ") for name in names}
        for purpose, names in (_PURPOSES | others).items()
    }


def recipe_text(name_or_path: str | Path) -> str:
    """The TOML text of a recipe.

    Raises:
        RecipeError: it does not exist.
    """
    return read_text(name_or_path, _RECIPES)


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Read a recipe: the name of one that comes with mien, or the path of a TOML file.

    Raises:
        RecipeError: it does not exist, is not TOML, or is not valid.
    """
    return recipe_from_dict(read_table(name_or_path, _RECIPES))


def recipe_from_dict(table: Mapping[str, Any]) -> Recipe:
    """Build and check a recipe from plain values, as TOML or a checkpoint holds them.

    Raises:
        RecipeError: an unknown field, a wrong type or a contradiction.
    """
    try:
        return Recipe.model_validate_json(json.dumps(table, default=str))  # in JSON, lists are tuples and 1 is 1.0
    except ValidationError as error:
        raise field_error(error, Recipe) from error


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with some of its fields changed.

    Args:
        recipe: stays as it is.
        changes: new values by the path of the field, such as ``optimizer.lr``, ``heads.labels.label_smoothing`` or, for one
            element of a list, ``network.layers.0``.

    Raises:
        RecipeError: there is no such field, or it cannot hold the value.
    """
    table = recipe.model_dump(mode="json")
    for path, value in changes.items():
        *way, last = path.split(".")
        place: Any = table
        try:
            for step in way:
                place = place[int(step) if isinstance(place, list) else step]
            place[int(last) if isinstance(place, list) else last] = value
        except (LookupError, TypeError, ValueError):
            hint = "Give the table and the field, such as optimizer.lr or heads.NAME.weight."
            message = f"{path}: the recipe {recipe.name!r} has no such field"
            raise RecipeError(message, hint=hint, field=path) from None
    return recipe_from_dict(table)
