"""The fields of a training recipe: frozen values, one class for each table of the TOML file."""

from __future__ import annotations

from dataclasses import dataclass, field

from .recipe_balance import Balance


@dataclass(frozen=True)
class Head:
    """One classifier on the shared trunk.

    Attributes:
        emotions: the label set it tells apart (``mien.emotions.LABEL_SETS``).
        targets: ``labels`` (one label a picture) or ``votes`` (the annotators' distribution).
        weight: its share in the loss.
        label_smoothing: share of the target spread evenly over all classes, 0 to 1 (Szegedy et al. 2016).
        class_weights: ``none``, or ``balanced``: a picture counts in inverse proportion to how common its class is.
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
    """Which of the pictures are used, and for what.

    Attributes:
        inner: share of the training part set aside to choose epochs and settings by; the data's own validation part is then
            never looked at while training. 0 chooses by the data's validation part.
        counts: pictures of each emotion to draw from the training part, the inner part included; empty takes all.
        judge_counts: pictures of each emotion to draw from the validation and from the test part; empty takes all.
        sampling: ``shuffled`` (every picture once an epoch) or ``balanced`` (every class equally often, drawn with
            replacement).
    """

    inner: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    judge_counts: dict[str, int] = field(default_factory=dict)
    sampling: str = "shuffled"


@dataclass(frozen=True)
class Network:
    """Which trunk to build (``mien.lab.nets.choosing``), and how large.

    Attributes:
        name: ``plain`` (stages of 3x3 convolutions), ``layers`` (written out row by row) or ``timm`` (a network of the timm
            library, followed by ``layers``).
        widths, depths: channels and convolutions of each stage of ``plain``.
        branches: train each convolution of ``plain`` as several that are one in the exported network (RepVGG).
        standardise: ``plain`` gives each picture the same mean and contrast first, so that light matters little.
        layers: rows of ``layers``, or what follows the base of ``timm``; ``mien.lab.nets.rows`` has the notation.
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
    standardise: bool = False
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
    colour: str = "gray"

    @property
    def channels(self) -> int:
        """1 for gray, 3 for RGB."""
        return 3 if self.colour == "rgb" else 1


@dataclass(frozen=True)
class Augment:
    """Random changes to training pictures. Ranges are symmetric unless two numbers are given.

    Attributes:
        flip: probability of mirroring left and right.
        rotate: degrees, at most.
        shift: share of the side, at most.
        shear: degrees, at most.
        zoom: the smallest and largest scale; above 1 the face fills more of the picture.
        contrast, brightness: contrast factor 1 +- this; brightness moved by +- this (of the 0-1 range).
        gamma: exponent between 1/(1+this) and 1+this.
        noise: standard deviation of normal noise on 0-1 values.
        erase: probability that a rectangle is blanked (Zhong et al. 2017).
        spoil: probability that light, lens, camera, file or something in the way spoils the picture (``augment.spoil``).
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
    """How long, and at which picture sizes.

    Attributes:
        epochs: passes over the training part.
        batch: pictures that each step of the optimizer learns from.
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
    """Learning from pictures without labels too (FixMatch, Sohn et al. 2020, arXiv 2001.07685).

    Attributes:
        labels: share of the training pictures whose labels are used, the same share of each class; the others count as
            unlabelled.
        ratio: unlabelled pictures a step for each labelled one; 0 leaves the unlabelled ones out.
        threshold: how sure of a plain view the network must be for its guess to become the label of the changed view.
        weight: of the unlabelled loss.
    """

    labels: float = 1.0
    ratio: int = 0
    threshold: float = 0.95
    weight: float = 1.0


@dataclass(frozen=True)
class Distil:
    """Learning from the answers of trained networks too (Hinton et al. 2015, arXiv 1503.02531).

    The answers were kept for several views of each picture, changed once at random; the student learns from the very views
    that the teachers saw (consistent teaching: Beyer et al. 2022, arXiv 2106.05237).

    Attributes:
        taught: a file that ``mien lab teach`` made of the training pictures; empty does without teachers.
        weight: share of the loss that goes by the teachers, 0 to 1; the rest goes by the labels.
        temperature: by which the logits of both sides are divided.
    """

    taught: str = ""
    weight: float = 0.5
    temperature: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """A whole training run, but for the pictures."""

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
