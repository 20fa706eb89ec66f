"""Metrics of a head's predictions: accuracy, F1, likelihood, calibration error, distance to the annotators' votes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax, softmax, xlogy
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from ...errors import DataError
from ...report import interval, percent
from ...stats import equal_mass_bins, wilson

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F1 of an emotion (0 to 1; 0 if undefined), and its number of images."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Reliability:
    """Confidence and accuracy in bins of equally many images, by confidence (Niculescu-Mizil and Caruana 2005).

    ``histogram`` counts the images in each of 20 equally wide ranges of confidence between 0 and 1.
    """

    confidence: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()
    count: tuple[int, ...] = ()
    histogram: tuple[int, ...] = ()

    @property
    def ece(self) -> float:
        """Expected calibration error: the mean gap between confidence and accuracy, weighted by the bins' sizes."""
        return float(np.average(np.abs(np.subtract(self.confidence, self.accuracy)), weights=self.count))


@dataclass(frozen=True)
class Scores:
    """Metrics of a head's predictions, as plain values.

    Attributes:
        n: images with a true class; all metrics but ``kl_to_votes`` are over these.
        accuracy, interval: share of correct predictions (top-1), and its 95% confidence interval (Wilson 1927).
        macro_f1, balanced_accuracy: mean F1 and mean recall of the emotions that occur among the true classes.
        nll: mean negative log likelihood of the true classes, in nats.
        ece: expected calibration error in 15 equal-mass bins, 0 to 1 (Naeini et al. 2015; Nguyen and O'Connor 2015).
        brier: mean squared error of the probabilities, summed over the classes, 0 to 2 (Brier 1950).
        temperature: divisor of the logits for ``nll``, ``ece`` and ``brier``.
        kl_to_votes: mean KL divergence from the annotators' votes, in nats; None without votes.
        n_votes, vote_temperature: images with votes, and divisor of the logits for ``kl_to_votes``.
        classes: scores of each emotion, in the order of the head.
        confusion: images by true class (rows) and prediction (columns), in the order of the head; empty on a model's card.
        reliability: the bins of ``ece``; empty on a model's card.
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
    confusion: tuple[tuple[int, ...], ...] = ()
    reliability: Reliability = field(default_factory=Reliability)


class Weakness(str, Enum):
    """Why a model is of no use; the value completes a sentence that begins with the head."""

    ONE_CLASS = "predicts one class for every image"
    NOT_ABOVE_MAJORITY = "is not more accurate than always predicting the most frequent class"
    STUCK = "has not become more accurate over the last epochs"


def weaknesses(scores: Scores) -> tuple[Weakness, ...]:
    """What is wrong with predictions whose confusion matrix is known."""
    counts = np.array(scores.confusion)
    if not counts.size or (counts.sum(1) > 0).sum() < 2:  # images of one class cannot tell
        return ()
    found = {
        Weakness.ONE_CLASS: (counts.sum(0) > 0).sum() == 1,
        Weakness.NOT_ABOVE_MAJORITY: scores.accuracy <= counts.sum(1).max() / counts.sum(),
    }
    return tuple(weakness for weakness, holds in found.items() if holds)


@dataclass(frozen=True)
class VoteTruth:
    """Votes to compare with: float (N, K) shares (all-zero rows are left out), and the temperature to apply."""

    distribution: Floats
    temperature: float = 1.0


def score(
    logits: Floats, y_true: Labels, emotions: Sequence[str], *, temperature: float = 1.0, votes: VoteTruth | None = None
) -> Scores:
    """Compute all metrics of one head.

    Args:
        logits: float (N, K); log-probabilities are accepted.
        y_true: int64 (N,), true class, -1 if there is none.
        emotions: the K classes.
        temperature: divisor of the logits.
        votes: of the annotators.

    Raises:
        DataError: no image has a true class.
    """
    known = np.flatnonzero(y_true >= 0)
    if not len(known):
        raise DataError("no image has a true class for this head", hint="Choose another split or dataset.")
    truth, labels = y_true[known], range(len(emotions))
    log_probabilities = log_softmax(logits[known].astype(np.float64) / temperature, axis=1)
    probabilities = np.exp(log_probabilities)
    y_pred = probabilities.argmax(1)
    correct = int((y_pred == truth).sum())
    by_class = precision_recall_fscore_support(truth, y_pred, labels=labels, zero_division=0.0)
    _, recall, f1, support = by_class
    bins = reliability(probabilities, truth)
    n_votes = int((votes.distribution.sum(1) > 0).sum()) if votes else 0
    return Scores(
        n=len(truth),
        accuracy=correct / len(truth),
        interval=wilson(correct, len(truth)),
        macro_f1=float(f1[support > 0].mean()),
        balanced_accuracy=float(recall[support > 0].mean()),
        nll=-float(log_probabilities[np.arange(len(truth)), truth].mean()),
        ece=bins.ece,
        brier=float(((probabilities - np.eye(len(emotions))[truth]) ** 2).sum(1).mean()),
        temperature=temperature,
        kl_to_votes=kl_to_votes(logits / votes.temperature, votes.distribution) if votes and n_votes else None,
        n_votes=n_votes,
        vote_temperature=votes.temperature if votes and n_votes else None,
        classes={name: ClassScores(*(of[i].item() for of in by_class)) for i, name in enumerate(emotions)},
        confusion=tuple(map(tuple, confusion_matrix(truth, y_pred, labels=labels).tolist())),
        reliability=bins,
    )


def reliability(probabilities: Floats, y_true: Labels, bins: int = 15) -> Reliability:
    """Compare confidence with accuracy in equal-mass bins; fewer than ``bins`` where there are fewer images.

    Probabilities are float (N, K), N > 0, with rows that sum to 1; true classes int64 (N,), none missing.
    """
    confidence = probabilities.max(1).astype(np.float64)
    correct = probabilities.argmax(1) == y_true
    parts = equal_mass_bins(confidence, bins)
    return Reliability(
        confidence=tuple(float(confidence[part].mean()) for part in parts),
        accuracy=tuple(float(correct[part].mean()) for part in parts),
        count=tuple(map(len, parts)),
        histogram=tuple(np.histogram(confidence, bins=20, range=(0, 1))[0].tolist()),
    )


def kl_to_votes(logits: Floats, distribution: Floats) -> float:
    """Mean KL divergence of the softmax of ``logits`` from shares of votes, both float (N, K), in nats.

    All-zero rows of shares are left out; 0 is a perfect match.
    """
    known = distribution.sum(1) > 0
    votes = distribution[known].astype(np.float64)
    log_probabilities = log_softmax(logits[known].astype(np.float64), axis=1)
    return float((xlogy(votes, votes) - votes * log_probabilities).sum(1).mean())


def probabilities_at(logits: Floats, temperature: float) -> npt.NDArray[np.float64]:
    """float64 (N, K): the softmax of the logits divided by ``temperature``."""
    return np.asarray(softmax(logits.astype(np.float64) / temperature, axis=1), np.float64)


def accuracy_text(scores: Scores) -> str:
    """Accuracy with its interval and n, such as ``68.4% [66.8, 69.9], n = 3,589``."""
    return f"{percent(scores.accuracy)} {interval(scores.interval)}, n = {scores.n:,}"
