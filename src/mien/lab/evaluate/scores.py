"""How good is one set of predictions? Every figure that mien reports, computed in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from ...errors import DataError
from ...stats import wilson
from .calibration import Floats, Reliability, kl_to_votes, probabilities_at, reliability


@dataclass(frozen=True)
class ClassScores:
    """One emotion: precision, recall and F1 (0 to 1; 0 where undefined) and how many images show it."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Scores:
    """The quality of a head's predictions; plain values, ready for JSON.

    Attributes:
        n: images with a right answer; all figures but ``kl_to_votes`` are over these.
        accuracy: share of right answers (top-1).
        interval: 95 % interval of the accuracy (Wilson 1927).
        macro_f1: mean F1 of the emotions that occur among the answers.
        balanced_accuracy: mean recall of the emotions that occur among the answers.
        nll: mean negative log likelihood of the answers, in nats.
        ece: expected calibration error in 15 bins of equal size, 0 to 1 (Naeini et al. 2015; Nguyen and O'Connor 2015).
        brier: mean squared error of the probabilities, summed over the classes, 0 to 2 (Brier 1950).
        temperature: what the logits were divided by for ``nll``, ``ece`` and ``brier``.
        kl_to_votes: mean KL divergence from the annotators' votes, in nats; None where there are no votes.
        n_votes: images with votes; 0 where there are none.
        vote_temperature: what the logits were divided by for ``kl_to_votes``.
        classes: each emotion's own scores, in the order of the head.
        confusion: images by right answer (rows) and prediction (columns), in the order of the head.
        reliability: the bins behind ``ece``.
    """

    n: int
    accuracy: float
    interval: tuple[float, float]
    macro_f1: float
    balanced_accuracy: float
    nll: float
    ece: float
    brier: float
    temperature: float
    kl_to_votes: float | None
    n_votes: int
    vote_temperature: float | None
    classes: dict[str, ClassScores]
    confusion: tuple[tuple[int, ...], ...]
    reliability: Reliability


@dataclass(frozen=True)
class VoteTruth:
    """Votes to compare with: float (N, K) shares (all-zero rows are left out), and the temperature to do it at."""

    distribution: Floats
    temperature: float = 1.0


def score(
    logits: Floats,
    answers: npt.NDArray[np.int64],
    emotions: Sequence[str],
    *,
    temperature: float = 1.0,
    votes: VoteTruth | None = None,
) -> Scores:
    """Mark predictions against the right answers.

    Args:
        logits: float (N, K); log-probabilities will do.
        answers: int64 (N,), the right class of each, -1 where there is none.
        emotions: the K classes.
        temperature: divides the logits before the softmax.
        votes: the annotators' votes, where there are any.

    Raises:
        DataError: no image has a right answer.
    """
    known = np.flatnonzero(answers >= 0)
    if not len(known):
        raise DataError(
            "none of the images has a right answer to mark against", hint="Choose another split or data set."
        )
    truth = answers[known]
    probabilities = probabilities_at(logits[known], temperature)
    guesses = probabilities.argmax(1)
    labels = range(len(emotions))
    precision, recall, f1, support = precision_recall_fscore_support(truth, guesses, labels=labels, zero_division=0.0)
    bins = reliability(probabilities, truth)
    likelihood = log_softmax(logits[known].astype(np.float64) / temperature, axis=1)[np.arange(len(truth)), truth]
    right = int((guesses == truth).sum())
    n_votes = int((votes.distribution.sum(1) > 0).sum()) if votes else 0
    return Scores(
        n=len(truth),
        accuracy=right / len(truth),
        interval=wilson(right, len(truth)),
        macro_f1=float(f1[support > 0].mean()),
        balanced_accuracy=float(recall[support > 0].mean()),
        nll=-float(likelihood.mean()),
        ece=bins.ece,
        brier=float(((probabilities - np.eye(len(emotions))[truth]) ** 2).sum(1).mean()),
        temperature=temperature,
        kl_to_votes=kl_to_votes(logits / votes.temperature, votes.distribution) if votes and n_votes else None,
        n_votes=n_votes,
        vote_temperature=votes.temperature if votes and n_votes else None,
        classes={
            name: ClassScores(float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
            for i, name in enumerate(emotions)
        },
        confusion=tuple(tuple(row) for row in confusion_matrix(truth, guesses, labels=labels).tolist()),
        reliability=bins,
    )


def points(scores: Scores) -> str:
    """Accuracy with its interval and n, in the words of every report: ``68.4 % [66.8, 69.9], n = 3,589``."""
    low, high = scores.interval
    return f"{100 * scores.accuracy:.1f} % [{100 * low:.1f}, {100 * high:.1f}], n = {scores.n:,}"
