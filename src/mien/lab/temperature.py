"""Fit temperatures and recall offsets of a network's heads, and write them with its scores into the model card."""

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
from ..model.classifier import calibrated_logits
from .evaluation.classifier import Classifier, classifier_of_onnx, predict
from .evaluation.evaluate import Evaluation, evaluate, vote_truth
from .evaluation.metrics import Floats, Labels, kl_to_votes
from .sampling import hard_targets

#: Share of an emotion's validation images that its recall offset finds.
RECALL = 0.9


def fit_temperature(logits: Floats, y_true: Labels) -> float:
    """The divisor of logits, float (N, K), 0.02 to 50, of greatest likelihood (Guo et al. 2017, arXiv 1706.04599).

    Rows without a true class, -1 in int64 (N,), are left out.

    Raises:
        DataError: no row has a true class.
    """
    known = np.flatnonzero(y_true >= 0)
    if not len(known):
        raise DataError("no image has a true class to fit a temperature to", hint="Use data with more images.")
    scores, truth = logits[known].astype(np.float64), y_true[known]
    return _minimum(lambda t: -float(log_softmax(scores / t, axis=1)[np.arange(len(truth)), truth].mean()))


def fit_vote_temperature(logits: Floats, distribution: Floats) -> float:
    """The divisor of logits, float (N, K), 0.02 to 50, with the least KL divergence from the votes, shares, float (N, K).

    Raises:
        DataError: no row has votes.
    """
    if not (distribution.sum(1) > 0).any():
        raise DataError("no image has votes to fit a temperature to", hint="Use data with more images.")
    return _minimum(lambda t: kl_to_votes(logits / t, distribution))


def _minimum(loss: Callable[[float], float]) -> float:
    """The temperature with the least loss; on a log scale, where the loss has one minimum."""
    limits = (math.log(0.02), math.log(50.0))
    found = minimize_scalar(lambda t: loss(math.exp(t)), bounds=limits, method="bounded", options={"xatol": 1e-5})
    return math.exp(float(found.x))


def fit_recall_offsets(logits: Floats, y_true: Labels) -> tuple[float, ...]:
    """For each class, the least offset of its logit, 0 or more, that finds ``RECALL`` of its images.

    Args:
        logits: float (N, K), calibrated.
        y_true: int64 (N,); -1 without a true class. A class without images gets 0.
    """
    offsets = []
    for k in range(logits.shape[1]):
        rows = logits[y_true == k].astype(np.float64)
        behind = np.delete(rows, k, axis=1).max(axis=1) - rows[:, k]  # below 0: it is read as the class already
        needed = float(np.quantile(behind, RECALL, method="inverted_cdf")) if len(rows) else -1.0
        offsets.append(needed + 0.001 if needed >= 0 else 0.0)
    return tuple(offsets)


def chosen_by(faces: Dataset) -> str:
    """The part that settings and temperatures are chosen by: ``inner`` where there is one, else ``validation``."""
    return INNER if (faces.split == INNER).any() else VALIDATION


def rows_to_fit(faces: Dataset, split: str, usable: npt.NDArray[np.bool_]) -> Labels:
    """The usable rows of a part that are not copies of training images, or all usable ones if there are only copies."""
    fresh = usable & ~copies_of_training(faces, split)
    return np.flatnonzero(fresh if fresh.any() else usable)


def calibrated(classifier: Classifier, faces: Dataset, split: str = VALIDATION) -> Classifier:
    """Fit temperatures and recall offsets of every head on one part of the data, with mirror images averaged.

    Copies of training images are left out unless nothing else is left. A temperature without images to fit it to stays.
    ``DataError`` if there is no such part, or it lacks the votes that a head is compared with.
    """
    part = faces.part(split)
    logits = predict(classifier, part.images, flip=True)
    heads = {}
    for name, head in classifier.heads.items():
        mark = classifier.recipe_heads[name]
        y_true, votes = hard_targets(part, mark), vote_truth(part, mark, head)
        if len(rows := rows_to_fit(faces, split, y_true >= 0)):
            shares = (np.bincount(y_true[rows], minlength=len(head.emotions)) / len(rows)).tolist()
            fitted = fit_temperature(logits[name][rows], y_true[rows])
            head = replace(head, temperature=fitted, class_shares=tuple(shares) if votes else None)  # noqa: PLW2901
            offsets = fit_recall_offsets(calibrated_logits(logits[name][rows], head, "balanced"), y_true[rows])
            head = replace(head, recall_offsets=offsets)  # noqa: PLW2901
        if votes and len(rows := rows_to_fit(faces, split, votes.distribution.sum(1) > 0)):
            fitted = fit_vote_temperature(logits[name][rows], votes.distribution[rows])
            head = replace(head, vote_temperature=fitted)  # noqa: PLW2901
        heads[name] = head
    return replace(classifier, heads=heads)


def scored_card(card: ModelCard, weights: bytes, faces: Dataset) -> tuple[ModelCard, Evaluation]:
    """The card of an ONNX file with fitted temperatures and measured scores; ``faces``: the data it was trained on.

    Temperatures are fitted on the part that ``chosen_by`` names; the scores are of ``validation``, if there is such a part.

    Raises:
        DataError: the part is missing, or no head has true classes in it.
    """
    fitted_on = chosen_by(faces)
    card = replace(card, heads=calibrated(classifier_of_onnx(weights, card), faces, fitted_on).heads)
    measured_on = VALIDATION if (faces.split == VALIDATION).any() else fitted_on
    evaluation = evaluate(classifier_of_onnx(weights, card), faces, measured_on)
    return replace(card, scores=evaluation.summary()), evaluation
