"""What may be chosen of a classical model; the defaults finish on FER2013 within minutes on two cores."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...emotions import label_set
from ...errors import OptionError
from ..recipe import Head

FEATURES = ("hog", "lbp", "hog+lbp", "embedding")
MODELS = ("forest", "boosting", "logistic")


@dataclass(frozen=True)
class Forest:
    """Random forest (Breiman 2001): how many trees, and the fewest images in a leaf; small leaves make large files."""

    trees: int = 200
    least: int = 5


@dataclass(frozen=True)
class Boosting:
    """Gradient boosting on histograms (Ke et al. 2017): rounds of one tree a class, and how each tree is held back.

    Attributes:
        rounds: trees for each class.
        rate: share of each tree's answer that is added.
        leaves: of a tree, at most.
        least: fewest images in a leaf.
        l2: penalty on the leaves' values.
        columns: share of the features that each split may choose from.
    """

    rounds: int = 100
    rate: float = 0.1
    leaves: int = 31
    least: int = 20
    l2: float = 1.0
    columns: float = 0.2


@dataclass(frozen=True)
class Logistic:
    """Multinomial logistic regression on standardized features: ``c``, the inverse of its L2 penalty."""

    c: float = 0.01


@dataclass(frozen=True)
class Classical:
    """A classical model, but for the images.

    Attributes:
        features: ``hog``, ``lbp``, ``hog+lbp``, or ``embedding`` (what a trained network hands to its classifiers).
        model: ``forest``, ``boosting`` or ``logistic``.
        base: for ``embedding``: a model that comes with mien, or the path of an ONNX file with its card.
            Of images that the base was trained on its features are too good to learn from: it has seen their answers.
        emotions: the label set to tell apart (``mien.emotions.LABEL_SETS``).
        targets: ``labels``, or ``votes``: the majority of FER+'s annotators.
        class_weights: ``none``, or ``balanced``: an image counts in inverse proportion to how common its class is.
        size: side of the images in pixels; ``embedding`` takes its base's.
        cell: side of a HOG cell in pixels.
        region: side in pixels of the squares that LBP counts patterns in.
        seed: of the forest's and the boosting's random choices.
    """

    features: str = "hog"
    model: str = "boosting"
    base: str = "default"
    emotions: str = "seven"
    targets: str = "labels"
    class_weights: str = "none"
    size: int = 48
    cell: int = 8
    region: int = 12
    seed: int = 0
    forest: Forest = field(default_factory=Forest)
    boosting: Boosting = field(default_factory=Boosting)
    logistic: Logistic = field(default_factory=Logistic)

    def __post_init__(self) -> None:
        label_set(self.emotions)
        choices = {
            "features": FEATURES,
            "model": MODELS,
            "targets": ("labels", "votes"),
            "class_weights": ("none", "balanced"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise OptionError(f"{name}: got {getattr(self, name)!r}, expected one of {', '.join(allowed)}")
        limits = {"cell": ("hog", self.size // 2), "region": ("lbp", self.size)}
        for name, (kind, high) in limits.items():
            if kind in self.features and not 2 <= getattr(self, name) <= high:
                raise OptionError(
                    f"{name}: got {getattr(self, name)} pixels, expected 2 to {high} for images of {self.size}",
                    hint="HOG needs at least two cells a side, LBP at least one region.",
                )

    @property
    def head(self) -> Head:
        """What the model learns and is marked against, in the words of a recipe."""
        return Head(self.emotions, self.targets, class_weights=self.class_weights)
