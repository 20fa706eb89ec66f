"""Counts of labels and predictions by group, and the rates and confidence intervals that follow from them.

Counts have the shape (..., G, K, O): groups, labels (one stratum where there are none), outcomes. Outcome 0 is "no face
found", 1 to K a prediction, K + 1 to 2 K a prediction that abstained. Leading axes are resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from .predictions import Predictions

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
#: With fewer correct or fewer wrong answers the bootstrap is too narrow.
_ENOUGH = 10
_Z = float(norm.ppf(0.975))


class Measure(str, Enum):
    """What groups are compared in."""

    ACCURACY = "accuracy"
    STANDARDIZED_ACCURACY = "standardized_accuracy"
    EQUALIZED_ODDS = "equalized_odds"
    RECALL = "recall"
    FALSE_POSITIVE_RATE = "false_positive_rate"
    DETECTION_RATE = "detection_rate"
    ABSTENTION_RATE = "abstention_rate"
    PREDICTION_SHARE = "prediction_share"


@dataclass(frozen=True)
class Rate:
    """A measure and, where it is one emotion's, the emotion (else empty)."""

    measure: Measure
    emotion: str = ""


def fairness_rates(emotions: tuple[str, ...]) -> list[Rate]:
    """The rates on the last axis of what ``rates`` returns: 4 + 2 K."""
    return [
        Rate(Measure.ACCURACY),
        Rate(Measure.STANDARDIZED_ACCURACY),
        *(Rate(Measure.RECALL, emotion) for emotion in emotions),
        *(Rate(Measure.FALSE_POSITIVE_RATE, emotion) for emotion in emotions),
        Rate(Measure.DETECTION_RATE),
        Rate(Measure.ABSTENTION_RATE),
    ]


def parity_rates(emotions: tuple[str, ...]) -> list[Rate]:
    """The rates on the last axis of what ``shares`` returns: K + 2."""
    return [
        *(Rate(Measure.PREDICTION_SHARE, emotion) for emotion in emotions),
        Rate(Measure.DETECTION_RATE),
        Rate(Measure.ABSTENTION_RATE),
    ]


def count(predictions: Predictions, codes: npt.NDArray[np.int64], n_groups: int, *, by_label: bool = True) -> Counts:
    """Count outcomes.

    Args:
        predictions: N images.
        codes: int64 (N,), group of each; -1 where it has none.
        n_groups: G.
        by_label: one stratum per label; False ignores labels.

    Returns:
        int64 (G, K or 1, 2 K + 1).
    """
    k = len(predictions.emotions)
    outcome = predictions.y_pred + 1
    if predictions.abstained is not None:
        outcome = outcome + k * (predictions.abstained & (predictions.y_pred >= 0))
    strata, width = k if by_label else 1, 2 * k + 1
    stratum = predictions.y_true if by_label else np.zeros(len(predictions), np.int64)
    kept = codes >= 0
    flat = (codes[kept] * strata + stratum[kept]) * width + outcome[kept]
    return np.bincount(flat, minlength=n_groups * strata * width).reshape(n_groups, strata, width).astype(np.int64)


def rates(counts: Counts, weights: Floats) -> Floats:
    """All rates of ``fairness_rates``.

    Args:
        counts: int64 (..., G, K, 2 K + 1).
        weights: float64 (K,), distribution of labels to standardize to; all 0 if there is none.

    Returns:
        float64 (..., G, 4 + 2 K), 0 to 1, NaN where a group has no image for it.
    """
    made = _ratio(*parts(counts))
    recall = made[..., 2 : 2 + counts.shape[-2]]
    used = np.where(np.isfinite(recall), weights, 0.0)
    made[..., 1] = _ratio((np.nan_to_num(recall) * used).sum(-1), used.sum(-1))
    return made


def parts(counts: Counts) -> tuple[Counts, Counts]:
    """Numerator and denominator of each rate, int64 (..., G, 4 + 2 K) each; of standardized accuracy those of accuracy."""
    k = counts.shape[-2]
    predicted = counts[..., 1 : k + 1] + counts[..., k + 1 :]
    shown, right = predicted.sum(-1), np.diagonal(predicted, axis1=-2, axis2=-1)
    n_right, n_found, n = (some[..., None] for some in (right.sum(-1), shown.sum(-1), counts.sum((-1, -2))))
    abstained = counts[..., k + 1 :].sum((-1, -2))[..., None]
    part = [n_right, n_right, right, predicted.sum(-2) - right, n_found, abstained]
    return np.concatenate(part, -1), np.concatenate([n_found, n_found, shown, n_found - shown, n, n_found], -1)


def shares(counts: Counts) -> Floats:
    """All rates of ``parity_rates``, float64 (..., G, K + 2), from counts without labels, int64 (..., G, 1, 2 K + 1)."""
    return _ratio(*share_parts(counts))


def share_parts(counts: Counts) -> tuple[Counts, Counts]:
    """Numerator and denominator of each of ``shares``, int64 (..., G, K + 2) each."""
    flat = counts[..., 0, :]
    k = flat.shape[-1] // 2
    predicted = flat[..., 1 : k + 1] + flat[..., k + 1 :]
    n_found, n = predicted.sum(-1, keepdims=True), flat.sum(-1, keepdims=True)
    part = [predicted, n_found, flat[..., k + 1 :].sum(-1, keepdims=True)]
    return np.concatenate(part, -1), np.concatenate([np.broadcast_to(n_found, predicted.shape), n, n_found], -1)


def label_distribution(counts: Counts) -> Floats:
    """float64 (K,): shares of the labels that every group shows, over all groups; all 0 if there is none.

    Args:
        counts: int64 (G, K, 2 K + 1), of the groups that are compared.
    """
    shown = counts[..., 1:].sum(-1)
    total = np.where((shown > 0).all(0), shown.sum(0), 0).astype(np.float64)
    return np.asarray(total / max(1.0, total.sum()), np.float64)


def images_behind(counts: Counts) -> Counts:
    """Images each rate is based on, int64 (G, 4 + 2 K), faces found or not: permutations keep these numbers."""
    shown = counts.sum(-1)
    n = shown.sum(-1, keepdims=True)
    return np.concatenate([n, n, shown, n - shown, n, n], -1)


@dataclass(frozen=True, eq=False)
class Limits:
    """Shares of G groups, R each, with Wilson intervals; float64 (G, R), NaN where undefined.

    Attributes:
        value, low, high: the share and its 95% interval (Wilson 1927).
        few: bool (G, R), based on few images of one kind.
    """

    value: Floats
    low: Floats
    high: Floats
    few: npt.NDArray[np.bool_]

    def difference(self, upper: int, lower: int, rate: int) -> tuple[float, float] | None:
        """95% interval of a difference of two groups (Newcombe 1998, method 10); None where the bootstrap is reliable.

        Of a group that is always right every resample is always right: with few errors the bootstrap undercovers.
        """
        if not (self.few[upper, rate] or self.few[lower, rate]):
            return None
        a, b = self.value[upper, rate], self.value[lower, rate]
        down = np.hypot(a - self.low[upper, rate], self.high[lower, rate] - b)
        up = np.hypot(self.high[upper, rate] - a, b - self.low[lower, rate])
        return float(a - b - down), float(a - b + up)


def limits(part: Counts, whole: Counts) -> Limits:
    """Shares with Wilson intervals; int64 (G, R) each, ``whole`` at least ``part``."""
    n = np.where(whole > 0, whole, np.nan)
    share = part / n
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    few = np.minimum(part, whole - part) < _ENOUGH
    return Limits(share, np.minimum(middle - half, share), np.maximum(middle + half, share), few)


def with_mean(told: Limits, rate: int, parts: range, weights: Floats) -> Limits:
    """The same, with one rate as a weighted mean of others (Zou and Donner 2008); ``few`` stays as it is.

    Args:
        told: limits of all rates.
        rate: index of the mean.
        parts: indices of its K parts.
        weights: float64 (K,); parts that a group does not have are left out of its mean.
    """
    own = slice(parts.start, parts.stop)
    used = np.where(np.isfinite(told.value[:, own]), weights, 0.0)
    total = used.sum(1, keepdims=True)
    share = np.where(total > 0, used / np.where(total > 0, total, 1.0), np.nan)

    def spread(values: Floats) -> Floats:
        return np.asarray(np.sqrt(((share * np.nan_to_num(values - told.value[:, own])) ** 2).sum(1)), np.float64)

    value, low, high = told.value.copy(), told.low.copy(), told.high.copy()
    value[:, rate] = (share * np.nan_to_num(told.value[:, own])).sum(1)
    low[:, rate] = value[:, rate] - spread(told.low[:, own])
    high[:, rate] = value[:, rate] + spread(told.high[:, own])
    return Limits(value, low, high, told.few)


def _ratio(part: npt.NDArray[np.number], whole: npt.NDArray[np.number]) -> Floats:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)
