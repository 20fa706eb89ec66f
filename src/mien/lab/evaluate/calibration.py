"""How sure should the classifier be? Temperatures that make it so, and a check whether it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax, xlogy

from ...errors import DataError
from ...stats import equal_mass_bins

Floats = npt.NDArray[np.floating]

_LOWEST, _HIGHEST = 0.02, 50.0


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, for a reliability diagram (Niculescu-Mizil and Caruana 2005).

    Attributes:
        confidence: mean confidence of each bin, 0 to 1; the bins hold equally many images, least sure first.
        accuracy: share of right answers in each bin.
        count: images in each bin.
        histogram: images in each of 20 equally wide steps of confidence between 0 and 1.
    """

    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    count: tuple[int, ...]
    histogram: tuple[int, ...]

    @property
    def ece(self) -> float:
        """Expected calibration error: the mean gap between confidence and accuracy, weighted by the bins' sizes."""
        gaps = np.abs(np.subtract(self.confidence, self.accuracy))
        return float(np.average(gaps, weights=self.count))


def reliability(probabilities: Floats, answers: npt.NDArray[np.int64], bins: int = 15) -> Reliability:
    """Sort images by confidence into ``bins`` of equal size (or one less), and compare with how often they are right.

    Args:
        probabilities: float (N, K), rows sum to 1; N > 0.
        answers: int64 (N,), the right class of each; none may be missing.
        bins: how many; fewer where there are fewer images.
    """
    confidence = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == answers
    parts = equal_mass_bins(confidence, bins)
    return Reliability(
        confidence=tuple(float(confidence[part].mean()) for part in parts),
        accuracy=tuple(float(right[part].mean()) for part in parts),
        count=tuple(len(part) for part in parts),
        histogram=tuple(np.histogram(confidence, bins=20, range=(0, 1))[0].tolist()),
    )


def fit_temperature(logits: Floats, answers: npt.NDArray[np.int64]) -> float:
    """The temperature that makes the answers likeliest (temperature scaling, Guo et al. 2017, arXiv 1706.04599).

    Args:
        logits: float (N, K).
        answers: int64 (N,), the right class, -1 where there is none (such rows are left out).

    Returns:
        What to divide the logits by, between 0.02 and 50.

    Raises:
        DataError: no row has a right answer.
    """
    known = np.flatnonzero(answers >= 0)
    if not len(known):
        raise DataError("no image has a right answer to fit a temperature to", hint="Use data with more images.")
    scores, truth = logits[known].astype(np.float64), answers[known]
    return _best(lambda t: -float(log_softmax(scores / t, axis=1)[np.arange(len(truth)), truth].mean()))


def fit_vote_temperature(logits: Floats, distribution: Floats) -> float:
    """The temperature that brings the probabilities nearest to the annotators' votes, by their KL divergence.

    Args:
        logits: float (N, K).
        distribution: float (N, K), shares of the votes; all-zero rows are left out.

    Returns:
        What to divide the logits by, between 0.02 and 50.

    Raises:
        DataError: no row has votes.
    """
    if not (distribution.sum(1) > 0).any():
        raise DataError("no image has votes to fit a temperature to", hint="Use data with more images.")
    return _best(lambda t: kl_to_votes(logits / t, distribution))


def kl_to_votes(logits: Floats, distribution: Floats) -> float:
    """Mean Kullback-Leibler divergence, in nats, of the softmax of ``logits`` from the votes: 0 is a perfect match.

    Args:
        logits: float (N, K).
        distribution: float (N, K), shares of the votes; all-zero rows are left out.
    """
    known = distribution.sum(1) > 0
    votes = distribution[known].astype(np.float64)
    guesses = log_softmax(logits[known].astype(np.float64), axis=1)
    return float((xlogy(votes, votes) - votes * guesses).sum(1).mean())


def probabilities_at(logits: Floats, temperature: float) -> npt.NDArray[np.float64]:
    """float64 (N, K): the softmax of the logits divided by ``temperature``."""
    return np.asarray(softmax(logits.astype(np.float64) / temperature, axis=1), np.float64)


def _best(loss: Callable[[float], float]) -> float:
    """The temperature with the least loss; searched on a log scale, where the loss has one valley."""
    limits = (math.log(_LOWEST), math.log(_HIGHEST))
    found = minimize_scalar(
        lambda log_t: loss(math.exp(log_t)), bounds=limits, method="bounded", options={"xatol": 1e-5}
    )
    return math.exp(float(found.x))
