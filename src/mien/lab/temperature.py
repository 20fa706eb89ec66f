"""Temperature scaling: fit what the logits of each head are divided by."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from ..data.dataset import INNER, VALIDATION, Dataset, copies_of_training
from ..errors import DataError
from ..model.card import ModelCard
from .evaluation.classifier import Classifier, classifier_of_onnx, predict
from .evaluation.evaluate import evaluate, vote_truth
from .evaluation.metrics import Floats, Labels, kl_to_votes
from .targets import hard_targets

_LOWEST, _HIGHEST = 0.02, 50.0


def fit_temperature(logits: Floats, y_true: Labels) -> float:
    """The temperature that maximizes the likelihood (temperature scaling, Guo et al. 2017, arXiv 1706.04599).

    Args:
        logits: float (N, K).
        y_true: int64 (N,), true class, -1 where there is none (such rows are left out).

    Returns:
        The divisor of the logits, 0.02 to 50.

    Raises:
        DataError: no row has a true class.
    """
    known = np.flatnonzero(y_true >= 0)
    if not len(known):
        raise DataError("no image has a true class to fit a temperature to", hint="Use data with more images.")
    scores, truth = logits[known].astype(np.float64), y_true[known]
    return _minimum(lambda t: -float(log_softmax(scores / t, axis=1)[np.arange(len(truth)), truth].mean()))


def fit_vote_temperature(logits: Floats, distribution: Floats) -> float:
    """The temperature that minimizes the KL divergence from the annotators' votes.

    Args:
        logits: float (N, K).
        distribution: float (N, K), shares of the votes; all-zero rows are left out.

    Returns:
        The divisor of the logits, 0.02 to 50.

    Raises:
        DataError: no row has votes.
    """
    if not (distribution.sum(1) > 0).any():
        raise DataError("no image has votes to fit a temperature to", hint="Use data with more images.")
    return _minimum(lambda t: kl_to_votes(logits / t, distribution))


def _minimum(loss: Callable[[float], float]) -> float:
    """The temperature with the least loss; on a log scale, where the loss has one minimum."""
    limits = (math.log(_LOWEST), math.log(_HIGHEST))
    found = minimize_scalar(lambda t: loss(math.exp(t)), bounds=limits, method="bounded", options={"xatol": 1e-5})
    return math.exp(float(found.x))


def chosen_by(faces: Dataset) -> str:
    """The part that settings and temperatures are chosen by: ``inner`` where there is one, else ``validation``."""
    return INNER if (faces.split == INNER).any() else VALIDATION


def rows_to_fit(faces: Dataset, split: str, usable: npt.NDArray[np.bool_]) -> Labels:
    """The usable rows of a part that are not copies of training images, or all usable ones if there are only copies."""
    fresh = usable & ~copies_of_training(faces, split)
    return np.flatnonzero(fresh if fresh.any() else usable)


def calibrated(classifier: Classifier, faces: Dataset, split: str = VALIDATION) -> Classifier:
    """Fit the temperatures of every head on one part of the data, with mirror images averaged.

    Copies of training images are left out unless nothing else is left. A temperature without images to fit it to stays.

    Raises:
        DataError: there is no such part, or it lacks the votes that a head is compared with.
    """
    part = faces.part(split)
    logits = predict(classifier, part.images, flip=True)
    heads = {}
    for name, head in classifier.heads.items():
        mark = classifier.recipe_heads[name]
        y_true, votes = hard_targets(part, mark), vote_truth(part, mark, head)
        if len(rows := rows_to_fit(faces, split, y_true >= 0)):
            head = replace(head, temperature=fit_temperature(logits[name][rows], y_true[rows]))  # noqa: PLW2901
        if votes and len(rows := rows_to_fit(faces, split, votes.distribution.sum(1) > 0)):
            fitted = fit_vote_temperature(logits[name][rows], votes.distribution[rows])
            head = replace(head, vote_temperature=fitted)  # noqa: PLW2901
        heads[name] = head
    return replace(classifier, heads=heads)


def scored_card(card: ModelCard, weights: bytes, faces: Dataset) -> ModelCard:
    """The card with fitted temperatures and measured scores; both come from the part that ``chosen_by`` names.

    Args:
        card: of the model; the temperatures and scores on it are replaced.
        weights: content of its ONNX file.
        faces: the data it was trained on; a ``validation`` part is preferred for the scores.

    Raises:
        DataError: the part is missing, or no head has true classes in it.
    """
    fitted_on = chosen_by(faces)
    card = replace(card, heads=calibrated(classifier_of_onnx(weights, card), faces, fitted_on).heads)
    measured_on = VALIDATION if (faces.split == VALIDATION).any() else fitted_on
    return replace(card, scores=evaluate(classifier_of_onnx(weights, card), faces, measured_on).summary())
