"""Counts of labels and predictions by group, and the rates and confidence intervals that follow from them.

Counts have the shape (..., G, K, O): groups, labels (one stratum where there are none), outcomes. Outcome 0 is "no face
found", 1 to K a prediction, K + 1 to 2 K a prediction that abstained. Leading axes are resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from ..stats import Counts, Floats, Interval, difference_interval, wilson_limits
from .predictions import Predictions

#: With fewer correct or fewer wrong answers the bootstrap is too narrow.
_ENOUGH = 10


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


def rate_list(emotions: tuple[str, ...], *, labeled: bool) -> list[Rate]:
    """The rates on the last axis of ``rates``: R = 4 + 2 K with labels, K + 2 without."""

    def each(measure: Measure) -> list[Rate]:
        return [Rate(measure, emotion) for emotion in emotions]

    if labeled:
        first = [Rate(Measure.ACCURACY), Rate(Measure.STANDARDIZED_ACCURACY)]
        first += each(Measure.RECALL) + each(Measure.FALSE_POSITIVE_RATE)
    else:
        first = each(Measure.PREDICTION_SHARE)
    return [*first, Rate(Measure.DETECTION_RATE), Rate(Measure.ABSTENTION_RATE)]


def count(predictions: Predictions, codes: npt.NDArray[np.int64], n_groups: int) -> Counts:
    """Count outcomes: int64 (G, K, 2 K + 1), or (G, 1, 2 K + 1) without labels; ``codes`` as in ``Grouping``."""
    k = len(predictions.emotions)
    outcome = predictions.y_pred + 1
    if predictions.abstained is not None:
        outcome = outcome + k * (predictions.abstained & (predictions.y_pred >= 0))
    shape = (n_groups, k if predictions.has_labels else 1, 2 * k + 1)
    kept = codes >= 0
    cells = (codes[kept], np.maximum(predictions.y_true[kept], 0), outcome[kept])
    counts: Counts = np.zeros(shape, np.int64)
    np.add.at(counts, cells, 1)
    return counts


def rates(counts: Counts, weights: Floats | None) -> Floats:
    """All rates of ``rate_list``.

    Args:
        counts: int64 (..., G, K or 1, 2 K + 1).
        weights: float64 (K,), distribution of labels to standardize to, all 0 if there is none; None without labels.

    Returns:
        float64 (..., G, R), 0 to 1, NaN where a group has no image for it.
    """
    made = _ratio(*parts(counts, labeled=weights is not None))
    if weights is not None:
        recall = made[..., 2 : 2 + len(weights)]
        used = np.where(np.isfinite(recall), weights, 0.0)
        made[..., 1] = _ratio((np.nan_to_num(recall) * used).sum(-1), used.sum(-1))
    return made


def parts(counts: Counts, *, labeled: bool) -> tuple[Counts, Counts]:
    """Numerator and denominator of each rate, int64 (..., G, R) each; of standardized accuracy those of accuracy."""
    k = counts.shape[-1] // 2
    predicted = counts[..., 1 : k + 1] + counts[..., k + 1 :]
    n_found, n = predicted.sum((-1, -2))[..., None], counts.sum((-1, -2))[..., None]
    abstained = counts[..., k + 1 :].sum((-1, -2))[..., None]
    if not labeled:
        shares = predicted.sum(-2)
        part, whole = [shares, n_found, abstained], [np.broadcast_to(n_found, shares.shape), n, n_found]
    else:
        shown, right = predicted.sum(-1), np.diagonal(predicted, axis1=-2, axis2=-1)
        n_right = right.sum(-1)[..., None]
        part = [n_right, n_right, right, predicted.sum(-2) - right, n_found, abstained]
        whole = [n_found, n_found, shown, n_found - shown, n, n_found]
    return np.concatenate(part, -1), np.concatenate(whole, -1)


def label_distribution(counts: Counts) -> Floats:
    """float64 (K,): shares of the labels that every group shows, over all groups; all 0 if there is none."""
    shown = counts[..., 1:].sum(-1)
    total = np.where((shown > 0).all(0), shown.sum(0), 0).astype(np.float64)
    return np.asarray(total / max(1.0, total.sum()), np.float64)


def images_behind(counts: Counts, *, labeled: bool) -> Counts:
    """Images each rate is based on, int64 (G, R), faces found or not: permutations keep these numbers."""
    n = counts.sum((1, 2))[:, None]
    if not labeled:
        return np.repeat(n, counts.shape[-1] // 2 + 2, 1)
    shown = counts.sum(-1)
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

    @staticmethod
    def of(part: Counts, whole: Counts) -> Limits:
        """From int64 (G, R) each, ``whole`` at least ``part``."""
        return Limits(_ratio(part, whole), *wilson_limits(part, whole), np.minimum(part, whole - part) < _ENOUGH)

    def difference(self, upper: int, lower: int, rate: int) -> Interval | None:
        """95% interval of a difference of two groups (Newcombe 1998); None where the bootstrap is reliable.

        Of a group that is always right every resample is always right: with few errors the bootstrap undercovers.
        """
        if not (self.few[upper, rate] or self.few[lower, rate]):
            return None
        (a, b), low, high = self.value[[upper, lower], rate], self.low[:, rate], self.high[:, rate]
        return difference_interval(float(a), (low[upper], high[upper]), float(b), (low[lower], high[lower]))

    def with_mean(self, rate: int, parts: range, weights: Floats) -> Limits:
        """The same, with one rate as a weighted mean of others (Zou and Donner 2008); ``few`` stays as it is.

        Args:
            rate: index of the mean.
            parts: indices of its K parts.
            weights: float64 (K,); parts that a group does not have are left out of its mean.
        """
        own = slice(parts.start, parts.stop)
        used = np.where(np.isfinite(self.value[:, own]), weights, 0.0)
        share = _ratio(used, used.sum(1, keepdims=True))

        def spread(values: Floats) -> Floats:
            return np.asarray(np.sqrt(((share * np.nan_to_num(values - self.value[:, own])) ** 2).sum(1)), np.float64)

        value, low, high = self.value.copy(), self.low.copy(), self.high.copy()
        value[:, rate] = (share * np.nan_to_num(self.value[:, own])).sum(1)
        low[:, rate] = value[:, rate] - spread(self.low[:, own])
        high[:, rate] = value[:, rate] + spread(self.high[:, own])
        return Limits(value, low, high, self.few)


def _ratio(part: npt.NDArray[np.number], whole: npt.NDArray[np.number]) -> Floats:
    return np.asarray(np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan), np.float64)
