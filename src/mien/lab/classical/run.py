"""Fit a classical model and write it as an ordinary ONNX model with its card, or nothing."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...data.dataset import TRAIN, VALIDATION, Dataset
from ...emotions import label_set
from ...errors import ModelError, OptionError
from ...io.atomic import write_atomically
from ...model.card import HeadCard, ModelCard
from ...model.preprocess import resize, to_tensor
from ...model.session import open_session
from ..evaluate.calibration import probabilities_at
from ..evaluate.predict import classifier_of_onnx
from ..evaluate.protocol import Evaluation, evaluate
from ..evaluate.temperature import calibrated, chosen_by
from ..targets import hard_targets
from .convert import LEAST_PROBABILITY, piece_of
from .estimators import fitted
from .features import compute_features, open_features
from .graph import Front, joined
from .settings import Classical

#: The one output of these models.
HEAD = "labels"
TOLERANCE = 1e-4
_COMPARED = 256


@dataclass(frozen=True)
class Fitted:
    """What came of it.

    Attributes:
        path: the ONNX file; its card lies beside it.
        evaluation: its scores on the part that its temperature was fitted on.
        features: how many numbers stand for an image.
        feature_s: seconds that computing the training images' features took.
        fit_s: seconds that fitting took.
        difference: largest difference of a probability between scikit-learn and onnxruntime.
    """

    path: Path
    evaluation: Evaluation
    features: int
    feature_s: float
    fit_s: float
    difference: float


def fit_classical(
    settings: Classical,
    faces: Dataset,
    out: Path,
    *,
    name: str = "",
    license: str = "MIT",
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> Fitted:
    """Fit on the training part, calibrate and measure on ``inner`` or else ``validation``, write ``NAME.onnx`` and its card.

    Features and classifier are one ONNX graph, so that the file works wherever an exported network does. It is data: opening
    it runs nothing but tensor operations, as a pickle would not promise.

    Args:
        settings: features, model, label set.
        faces: the data; images without an answer for the label set are left out.
        out: the folder; files of that name are replaced.
        name: of the model; empty takes ``FEATURES-MODEL``.
        license: of the model, for the card.
        progress: called with (what is done, done, total).

    Raises:
        DataError: a part or a class has no images, or the votes that are asked for are missing.
        ModelError: there is no such base, or onnxruntime does not compute what scikit-learn computes.
        OptionError: ``name`` cannot be a file name.
        OutputError: ``out`` cannot be written to.
    """
    name = name or f"{settings.features}-{settings.model}"
    if Path(name).name != name:
        raise OptionError(f"name: got {name!r}, expected a file name without folders", hint="Choose the folder too.")
    part, judge = faces.part(TRAIN), chosen_by(faces)
    faces.part(judge)  # say now that it is missing, not after minutes
    answers = hard_targets(part, settings.head)
    known = np.flatnonzero(answers >= 0)
    part, answers = part.take(known), answers[known]
    front, base = open_features(settings)
    started = time.perf_counter()
    features = compute_features(front, part.images, progress=lambda done, total: progress("features", done, total))
    feature_s = time.perf_counter() - started
    progress("fitting", 0, 0)
    started = time.perf_counter()
    estimator = fitted(settings, features, answers)
    fit_s = time.perf_counter() - started
    progress("writing and measuring", 0, 0)
    piece, size = piece_of(estimator, front.features, HEAD)
    weights = joined(front, piece, HEAD, len(label_set(settings.emotions)))
    difference = _checked(weights, estimator, front, part.images[:_COMPARED], features[:_COMPARED])
    card = _card(settings, front, base, part, weights, size, name=name, license=license)
    card = replace(card, heads=calibrated(classifier_of_onnx(weights, card), faces, judge).heads)
    judged_by = VALIDATION if (faces.split == VALIDATION).any() else judge
    evaluation = evaluate(classifier_of_onnx(weights, card), faces, judged_by)
    path = out / card.weights
    write_atomically(path, weights)
    write_atomically(path.with_suffix(".json"), replace(card, scores=evaluation.summary()).to_json().encode())
    return Fitted(path, evaluation, features.shape[1], feature_s, fit_s, difference)


def _checked(
    weights: bytes,
    estimator: Any,
    front: Front,
    images: npt.NDArray[np.uint8],
    features: npt.NDArray[np.float32],
) -> float:
    """The largest difference of a probability between the file and scikit-learn, which must not be above 0.0001."""
    pictures = to_tensor(resize(images, front.input.size), front.input)
    (logits,) = open_session(weights, 0, "the new file").run([HEAD], {"images": pictures})
    expected = np.maximum(estimator.predict_proba(features), LEAST_PROBABILITY)
    difference = float(np.abs(probabilities_at(logits, 1.0) - expected).max())
    if not difference <= TOLERANCE:  # also where it is NaN
        raise ModelError(
            f"the file differs from scikit-learn: got probabilities {difference:.2g} apart, expected {TOLERANCE} at most",
            hint="Nothing was written. Try another version of scikit-learn or onnxruntime, and report this as a bug.",
        )
    return difference


def _card(
    settings: Classical,
    front: Front,
    base: dict[str, Any],
    part: Dataset,
    weights: bytes,
    size: int,
    *,
    name: str,
    license: str,
) -> ModelCard:
    learned = f"{part.name}: {len(part):,} training images"
    if base:
        learned += f"; their features come from the model {base['name']!r}, trained on: {base['data']}"
    return ModelCard(
        name=name,
        weights=f"{name}.onnx",
        sha256=hashlib.sha256(weights).hexdigest(),
        license=license,
        data=learned,
        input=front.input,
        heads={HEAD: HeadCard(label_set(settings.emotions))},
        parameters=front.parameters + size,
        macs=front.macs,
        recipe={"name": name, "heads": {HEAD: asdict(settings.head)}, "classical": {**asdict(settings), "base": base}},
    )
