"""Combine the predictions of several models: soft voting, and stacking with cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from ...emotions import positions
from ...errors import DataError, OptionError

Array = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
#: For each view of the images (as they are, mirrored), each member's log-probabilities, float64 (N, K).
Views = Sequence[Sequence[Array]]

#: Probabilities below this count as this: the logarithm of 0 would decide everything alone.
MIN_PROBABILITY = 1e-12
FOLDS = 5
#: Inverse L2 penalties that the cross-validation chooses among.
PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True)
class Stack:
    """Multinomial logistic regression on the members' log-probabilities (Wolpert 1992).

    Attributes:
        weights: K rows of M * K numbers: each class's weights for the first member's log-probabilities, then the next one's.
        bias: K numbers.
    """

    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]


def restricted(logits: npt.NDArray[np.floating], labels: Sequence[str], emotions: Sequence[str]) -> Array:
    """The columns of ``emotions``: a softmax of these is the members' answer, given that it is one of them.

    Args:
        logits: float (N, L).
        labels: the label of each column.
        emotions: K of them, in the order that is wanted.

    Returns:
        float64 (N, K).
    """
    return np.asarray(logits, np.float64)[:, positions(emotions, labels)]


def voted(logs: Sequence[Array], weights: Sequence[float]) -> Array:
    """Soft voting: the logarithm of the weighted mean of the members' probabilities.

    Args:
        logs: for each of M members, its calibrated log-probabilities, float64 (N, K).
        weights: M shares that sum to 1.

    Returns:
        float64 (N, K).
    """
    mean = np.tensordot(np.asarray(weights), np.exp(np.stack(logs)), axes=1)
    return np.asarray(np.log(np.maximum(mean, MIN_PROBABILITY)), np.float64)


def stacked(logs: Sequence[Array], stack: Stack) -> Array:
    """What the stack makes of the members' log-probabilities: float64 (N, K), log-probabilities again."""
    weights, bias = np.array(stack.weights), np.array(stack.bias)
    return np.asarray(log_softmax(stack_input(logs) @ weights.T + bias, axis=1), np.float64)


def stack_input(logs: Sequence[Array]) -> Array:
    """The members' log-probabilities side by side, float64 (N, M * K), none below log(1e-12)."""
    return np.asarray(np.concatenate(list(logs), axis=1).clip(min=float(np.log(MIN_PROBABILITY))), np.float64)


def log_probabilities(logits: Array, temperature: float) -> Array:
    """float64 (N, K): the log-softmax of the logits divided by ``temperature``."""
    return np.asarray(log_softmax(logits / temperature, axis=1), np.float64)


@dataclass(frozen=True, eq=False)
class FittedStack:
    """A stack, and its predictions on images that it was not fitted on.

    Attributes:
        stack: fitted on all rows.
        unseen: float64 (N, K), log-probabilities; those of the rows that were fitted on come each from a stack that was
            fitted without their fold.
        penalty: the inverse L2 penalty that was chosen.
    """

    stack: Stack
    unseen: Array
    penalty: float


def fit_stack(views: Views, answers: _Ints, rows: _Ints, seed: int = 0) -> FittedStack:
    """Stacking (Wolpert 1992): multinomial logistic regression on the members' log-probabilities.

    It is fitted on the images as they are; the penalty is the one with the best likelihood in 5-fold cross-validation,
    where its answers are averaged over the views, as they are in use.

    Args:
        views: of images that no member was trained on.
        answers: int64 (N,), the right class of each, -1 where there is none.
        rows: which of the N to fit on; each has an answer.
        seed: of the folds.

    Raises:
        DataError: a class has fewer than 5 images among ``rows``.
    """
    classes, truth = views[0][0].shape[1], answers[rows]
    rarest = int(np.bincount(truth, minlength=classes).min())
    if rarest < FOLDS:
        raise DataError(
            f"stacking: got {rarest} images of the rarest emotion to fit on, expected at least {FOLDS}",
            hint="Vote instead, without --stacked, or bring more images.",
        )
    inputs = stack_input(views[0])[rows]
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(rows, truth))

    def held_out(penalty: float) -> Array:
        out = np.zeros((len(rows), classes))
        for learned, judged in folds:
            fold = _fit(inputs[learned], truth[learned], penalty)
            out[judged] = _over_views(views, fold, rows[judged])
        return out

    tried = {penalty: held_out(penalty) for penalty in PENALTIES}
    likelihood = {penalty: out[np.arange(len(rows)), truth].mean() for penalty, out in tried.items()}
    best = max(PENALTIES, key=lambda penalty: likelihood[penalty])
    stack = _fit(inputs, truth, best)
    unseen = _over_views(views, stack, np.arange(len(answers)))
    unseen[rows] = tried[best]
    return FittedStack(stack, unseen, best)


def shares(weights: Sequence[float], members: int) -> tuple[float, ...]:
    """The weights of a vote, made to sum to 1; no weights means equal ones.

    Raises:
        OptionError: they are not as many as the members, or not all positive.
    """
    if not weights:
        return (1 / members,) * members
    if len(weights) != members or not all(0 < weight < float("inf") for weight in weights):
        raise OptionError(
            f"weights: got {', '.join(map(str, weights))}, expected {members} positive numbers",
            hint="Give one weight for each model, in the same order, or none.",
        )
    return tuple(float(weight) / sum(weights) for weight in weights)


def _over_views(views: Views, stack: Stack, rows: _Ints) -> Array:
    answers = [stacked([logs[rows] for logs in view], stack) for view in views]
    return np.asarray(log_softmax(np.mean(answers, axis=0), axis=1), np.float64)


def _fit(inputs: Array, answers: _Ints, penalty: float) -> Stack:
    found = LogisticRegression(C=penalty, max_iter=2000).fit(inputs, answers)
    weights, bias = found.coef_, found.intercept_
    if len(weights) == 1:  # of two classes only the second has weights
        weights, bias = np.vstack([0 * weights, weights]), np.append(0, bias)
    return Stack(tuple(tuple(map(float, row)) for row in weights), tuple(map(float, bias)))
