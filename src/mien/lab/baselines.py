"""Baselines: image features and a scikit-learn classifier in one pipeline, saved with skops beside a model card.

The file is used like any other model (``mien read --model hog-boosting.skops``) where the extra ``lab`` is installed.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import skops.io
from pydantic import Field, ValidationError, model_validator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from typing_extensions import Self

from ..data.dataset import TRAIN, Dataset
from ..data.loading import load
from ..emotions import label_set
from ..errors import DataError, ModelError, OptionError, RecipeError
from ..io.atomic import write_atomically
from ..model.card import HeadCard, InputSpec, ModelCard, load_model
from ..model.preprocess import resize, to_tensor
from ..model.session import PIPELINE_HEAD
from ..progress import Progress, no_progress
from .evaluation.evaluate import Evaluation
from .features import Embedding, HandcraftedFeatures, compute_features, trunk_of
from .recipe import Head, Recipe, load_recipe
from .sampling import hard_targets, subset
from .temperature import chosen_by, scored_card
from .validation import Index, LabelSet, Settings, field_error

#: The classes, and arguments with which they finish on FER2013 within minutes on two cores.
_CLASSIFIERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "forest": (RandomForestClassifier, {"n_estimators": 200, "min_samples_leaf": 5, "n_jobs": -1}),
    # Early stopping would set images aside at random, and leave copies of them behind.
    "boosting": (
        HistGradientBoostingClassifier,
        {"max_features": 0.2, "l2_regularization": 1.0, "early_stopping": False},
    ),
    "logistic": (LogisticRegression, {"C": 0.01, "max_iter": 1000}),
}


class BaselineSettings(Settings):
    """Settings of a baseline.

    Attributes:
        features: ``hog``, ``lbp``, ``hog+lbp``, or ``embedding`` (what a trained network passes to its classifiers).
        classifier: random forest, histogram gradient boosting, or logistic regression on standardized features.
        parameters: arguments of the scikit-learn classifier, in place of mien's.
        base: for ``embedding``: a model shipped with mien, or the path of an ONNX file with its card. Its features of its
            own training images are optimistic, since it has seen their labels.
        emotions: the label set (``mien.emotions.LABEL_SETS``).
        targets: ``labels``, or ``votes``: the majority of FER+'s annotators.
        class_weights: ``none``, or ``balanced``: an image counts in inverse proportion to the frequency of its class.
        size: side of the images in pixels; ``embedding`` takes its base's.
        cell: side of a HOG cell in pixels.
        region: side in pixels of the squares in which LBP are counted.
        seed: of the classifier.
    """

    features: Literal["hog", "lbp", "hog+lbp", "embedding"] = "hog"
    classifier: Literal["forest", "boosting", "logistic"] = "boosting"
    parameters: dict[str, Any] = Field(default_factory=dict)
    base: str = "default"
    emotions: LabelSet = "seven"
    targets: Literal["labels", "votes"] = "labels"
    class_weights: Literal["none", "balanced"] = "none"
    size: int = Field(48, ge=8)
    cell: int = 8
    region: int = 12
    seed: Index = 0

    @model_validator(mode="after")
    def _squares_fit_the_image(self) -> Self:
        for field, kind, high in (("cell", "hog", self.size // 2), ("region", "lbp", self.size)):
            if kind in self.features and not 2 <= getattr(self, field) <= high:
                expected = f"2 to {high} pixels for images of {self.size}"
                raise RecipeError(field=field, value=getattr(self, field), expected=expected)
        return self

    @property
    def head(self) -> Head:
        """The target of the baseline, as a head of a recipe."""
        return Head(emotions=self.emotions, targets=self.targets, class_weights=self.class_weights)


@dataclass(frozen=True)
class BaselineResult:
    """A fitted baseline.

    Attributes:
        path: the skops file; its card is beside it.
        evaluation: on the validation part, or where there is none on the part that the temperature was fitted on.
        n_features: features of an image.
        feature_s, fit_s: seconds that computing the training images' features took, and fitting.
    """

    path: Path
    evaluation: Evaluation
    n_features: int
    feature_s: float
    fit_s: float


def baseline(
    settings: BaselineSettings,
    data: str | Path | Dataset,
    out: str | Path,
    *,
    name: str = "",
    license: str = "not stated",
    recipe: Recipe | str | None = None,
    progress: Progress = no_progress,
) -> BaselineResult:
    """Fit on the training part, calibrate on ``inner`` or else ``validation``, write ``NAME.skops`` and its card.

    Args:
        settings: features, classifier and label set.
        data: as in ``mien.data.load``, or a loaded dataset; images without a label in the label set are left out.
        out: the folder; files of that name are replaced.
        name: name of the model; empty means ``FEATURES-CLASSIFIER``.
        license: license of the model, for the card.
        recipe: train on the same images as this recipe, to compare with a network.
        progress: called while features are computed, and before each further step.

    Raises:
        DataError: a part or a class has no images, or the votes are missing.
        ModelError: there is no such base, or it has no features.
        OptionError: ``name`` cannot be a file name, or the classifier lacks a parameter.
        OutputError: ``out`` cannot be written to.
    """
    name = name or f"{settings.features}-{settings.classifier}"
    if Path(name).name != name:
        raise OptionError(f"name: got {name!r}, expected a file name without folders", hint="Use out for the folder.")
    transformer, spec, base = open_features(settings)
    data = data if isinstance(data, Dataset) else load(data, spec.size, color=spec.color)
    if recipe is not None:
        data = subset(data, load_recipe(recipe) if isinstance(recipe, str) else recipe)
    part = data.part(TRAIN)
    data.part(chosen_by(data))  # raises early if it is missing
    answers = hard_targets(part, settings.head)
    known = np.flatnonzero(answers >= 0)
    part, answers = part.take(known), answers[known]
    classes = label_set(settings.emotions)
    if missing := [emotion for number, emotion in enumerate(classes) if not (answers == number).any()]:
        hint = "Choose a smaller label set with --emotions, or use more images."
        raise DataError(f"got no training images of {', '.join(missing)}, expected some of each emotion", hint=hint)
    started = time.perf_counter()
    features = compute_features(transformer, to_tensor(resize(part.images, spec.size), spec), progress)
    computed = time.perf_counter()
    progress(0, None, "fitting")
    classifier = _classifier(settings).fit(features, answers)
    fit_s = time.perf_counter() - computed
    progress(0, None, "evaluating")
    weights = skops.io.dumps(make_pipeline(transformer, *(step for _, step in classifier.steps)))
    card = _card(settings, spec, base, part, weights, _parameters(classifier), name=name, license=license)
    card, evaluation = scored_card(card, weights, data)
    path = Path(out) / card.weights
    write_atomically(path, weights)
    write_atomically(path.with_suffix(".json"), card.to_json().encode())
    return BaselineResult(path, evaluation, features.shape[1], computed - started, fit_s)


def baseline_settings(**fields: Any) -> BaselineSettings:
    """Settings from plain values.

    Raises:
        RecipeError: a field is unknown, has a wrong value, or contradicts another.
    """
    try:
        return BaselineSettings(**fields)
    except ValidationError as error:
        raise field_error(error, BaselineSettings) from error


def open_features(settings: BaselineSettings) -> tuple[HandcraftedFeatures | Embedding, InputSpec, ModelCard | None]:
    """The transformer, how its images are prepared, and the card of the base of an embedding.

    Raises:
        ModelError: the base does not exist or has no features.
    """
    if settings.features != "embedding":
        # Mean 0 and this std leave pixels as they are, 0 to 255.
        spec = InputSpec(settings.size, 0.0, 1 / 255)
        return HandcraftedFeatures(settings.features, settings.cell, settings.region), spec, None
    try:
        card, weights = load_model(settings.base)
    except ModelError as error:
        hint = "Give 'default', or an .onnx file with its card; export checkpoints first."
        raise ModelError(f"base: {error}", hint=hint) from error
    return Embedding(trunk_of(weights, card)), card.input, card


def _classifier(settings: BaselineSettings) -> Pipeline:
    make, arguments = _CLASSIFIERS[settings.classifier]
    weight = "balanced" if settings.class_weights == "balanced" else None
    try:
        classifier = make(**{**arguments, "class_weight": weight, "random_state": settings.seed, **settings.parameters})
    except TypeError as error:
        raise OptionError(f"parameters: {error}", hint="Use the arguments of the scikit-learn class.") from error
    return make_pipeline(*([StandardScaler()] if settings.classifier == "logistic" else []), classifier)


def _parameters(pipeline: Pipeline) -> int:
    """Nodes of all trees, or weights."""
    classifier = pipeline[-1]
    if isinstance(classifier, RandomForestClassifier):
        classifier.set_params(n_jobs=1)  # threads cost more than a few images
        return sum(tree.tree_.node_count for tree in classifier.estimators_)
    if isinstance(classifier, HistGradientBoostingClassifier):
        return sum(len(tree.nodes) for trees in classifier._predictors for tree in trees)
    return int(classifier.coef_.size + classifier.intercept_.size)


def _card(
    settings: BaselineSettings, spec: InputSpec, base: ModelCard | None, part: Dataset, weights: bytes, parameters: int,
    *, name: str, license: str,
) -> ModelCard:  # fmt: skip
    data, source = f"{part.name}: {len(part):,} training images", {}
    if base is not None:
        data += f"; features from the model {base.name!r}, trained on: {base.data}"
        source = {"name": base.name, "sha256": base.sha256, "data": base.data}
    details = {**settings.model_dump(), "base": source}
    return ModelCard(
        name=name,
        weights=f"{name}.skops",
        sha256=hashlib.sha256(weights).hexdigest(),
        license=license,
        data=data,
        input=spec,
        heads={PIPELINE_HEAD: HeadCard(label_set(settings.emotions))},
        parameters=parameters + (base.parameters if base else 0),
        macs=base.macs if base else 0,
        recipe={"name": name, "heads": {PIPELINE_HEAD: settings.head.model_dump()}, "baseline": details},
    )
