"""Rates of groups, and gaps between them: how large, how certain, and whether they exceed chance.

Counts have the shape (..., G, K, O): groups, labels (one stratum where there are none), outcomes. Outcome 0 is "no face
found", 1 to K a prediction, K + 1 to 2 K a prediction that abstained. Leading axes are resamples.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .. import stats
from ..stats import LEVEL, Counts, Floats, Interval
from .predictions import Predictions

#: With fewer correct or fewer wrong answers the bootstrap is too narrow.
_ENOUGH = 10


class Measure(str, Enum):
    """The measures that are compared between groups."""

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
    first = [Rate(Measure.ACCURACY), Rate(Measure.STANDARDIZED_ACCURACY)] if labeled else []
    each = (Measure.RECALL, Measure.FALSE_POSITIVE_RATE) if labeled else (Measure.PREDICTION_SHARE,)
    first += [Rate(measure, emotion) for measure in each for emotion in emotions]
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
    """All rates of ``rate_list``: float64 (..., G, R), 0 to 1, NaN if a group has no image for it.

    ``weights``: float64 (K,), distribution of labels to standardize to, all 0 if there is none; None without labels.
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
    """Shares with 95% intervals (Wilson 1927): float64 (G, R) each, NaN if undefined; ``few`` images of one kind."""

    value: Floats
    low: Floats
    high: Floats
    few: npt.NDArray[np.bool_]

    @staticmethod
    def of(part: Counts, whole: Counts) -> Limits:
        """From int64 (G, R) each, ``whole`` at least ``part``."""
        return Limits(_ratio(part, whole), *stats.wilson_limits(part, whole), np.minimum(part, whole - part) < _ENOUGH)

    def difference(self, upper: int, lower: int, rate: int) -> Interval | None:
        """95% interval of a difference of two groups (Newcombe 1998); None if the bootstrap is reliable.

        Of a group that is always right every resample is always right: with few errors the bootstrap undercovers.
        """
        if not self.few[[upper, lower], rate].any():
            return None
        (a, b), low, high = self.value[[upper, lower], rate], self.low[:, rate], self.high[:, rate]
        return stats.difference_interval(float(a), (low[upper], high[upper]), float(b), (low[lower], high[lower]))

    def with_mean(self, rate: int, parts: range, weights: Floats) -> Limits:
        """The same, with one rate as the mean of the ``parts`` that a group has, by ``weights`` (Zou and Donner 2008)."""
        own = slice(parts.start, parts.stop)
        used = np.where(np.isfinite(self.value[:, own]), weights, 0.0)
        share = _ratio(used, used.sum(1, keepdims=True))

        value, low, high = self.value.copy(), self.low.copy(), self.high.copy()
        value[:, rate] = (share * np.nan_to_num(self.value[:, own])).sum(1)
        for limit, sign in ((low, -1), (high, 1)):
            spread = np.sqrt(((share * np.nan_to_num(limit[:, own] - self.value[:, own])) ** 2).sum(1))
            limit[:, rate] = value[:, rate] + sign * spread
        return Limits(value, low, high, self.few)


def _ratio(part: npt.NDArray[np.number], whole: npt.NDArray[np.number]) -> Floats:
    return np.asarray(np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan), np.float64)


class Verdict(str, Enum):
    """The conclusion for one column of groups: a difference; no difference, with enough images; or inconclusive."""

    DIFFERENCE = "difference"
    NO_DIFFERENCE = "no_difference"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Gap:
    """The largest difference of two groups in one measure, among groups with enough images.

    Attributes:
        emotion: of a recall, false positive rate or prediction share; else empty.
        rate: the rate compared; for equalized odds the one with the largest difference.
        highest, lowest: the two groups, with their rates ``high`` and ``low``.
        difference: ``high - low``, with its 95% interval (bootstrap; Newcombe's with few errors).
        ratio: ``low / high`` with its bootstrap interval; None if ``high`` is 0, or the bootstrap is unreliable.
        null_gap: the difference that chance exceeds once in twenty times, were all groups treated alike.
        p: permutation test of all groups being treated alike; None for plain accuracy, which depends on the labels shown.
        p_corrected: the same, corrected for all comparisons of the audit (Holm 1979).
        most_significant_pair: the two groups, higher first, whose difference in ``most_significant_rate`` chance explains
            least: ``p`` belongs to them.
        n_groups, min_n: groups compared, and images of the smallest of them for this measure.
    """

    measure: Measure
    emotion: str
    rate: Rate
    highest: str
    high: float
    lowest: str
    low: float
    difference: float
    interval: Interval
    ratio: float | None
    ratio_interval: Interval | None
    null_gap: float
    p: float | None
    p_corrected: float | None
    most_significant_pair: tuple[str, str]
    most_significant_rate: Rate
    n_groups: int
    min_n: int

    @property
    def significant(self) -> bool:
        """Significant at the 5% level after correction."""
        return self.p_corrected is not None and self.p_corrected < LEVEL

    @property
    def other_pair_significant(self) -> bool:
        """Significant because of another pair, or in another rate, than the largest difference."""
        largest = ((self.highest, self.lowest), self.rate)
        return self.significant and (self.most_significant_pair, self.most_significant_rate) != largest


def measure_gaps(
    counts: Counts,
    names: tuple[str, ...],
    emotions: tuple[str, ...],
    *,
    labeled: bool = True,
    known: tuple[bool, bool] = (False, False),
    min_group_size: int,
    resamples: int,
    rng: np.random.Generator,
) -> tuple[Gap, ...]:
    """Gaps between the groups of one column; ``p_corrected`` is not corrected yet.

    With labels: accuracy, standardized accuracy, equalized odds, recall of each emotion, detection and abstention. Group
    labels are permuted within each true emotion. Without: share of each emotion, detection and abstention, and group labels
    are permuted among all images. Measures in which fewer than two groups can be compared are left out.

    ``counts`` are those of all groups of one column, ``known`` whether detection and abstention are known. A group needs
    ``min_group_size`` images, also of an emotion, to be compared. ``resamples`` are also permutations.
    """
    big = counts.sum((1, 2)) >= min_group_size
    if big.sum() < 2:
        return ()
    counts = counts[big]
    every, weights = rate_list(emotions, labeled=labeled), label_distribution(counts) if labeled else None
    images = images_behind(counts, labeled=labeled)
    limits = Limits.of(*parts(counts, labeled=labeled))

    def allowed(drawn: Iterable[Counts]) -> Floats:
        every = np.concatenate([rates(part, weights) for part in drawn])
        return np.where(images >= min_group_size, every, np.nan)

    compared = _Comparison(
        names=tuple(name for name, kept in zip(names, big) if kept),
        rates=every,
        images=images,
        limits=limits if weights is None else limits.with_mean(1, range(2, 2 + len(emotions)), weights),
        observed=allowed([counts]),
        boot=allowed(stats.resample_counts(counts, resamples, rng)),
        null=allowed(stats.permute_counts(counts, resamples, rng)),
    )
    detection, abstention = (Measure.DETECTION_RATE, known[0]), (Measure.ABSTENTION_RATE, known[1])
    left_out = {
        Measure.FALSE_POSITIVE_RATE,
        *(measure for measure, is_known in (detection, abstention) if not is_known),
    }
    compare = [(rate, [place]) for place, rate in enumerate(every) if rate.measure not in left_out]
    if labeled:
        odds = (Measure.RECALL, Measure.FALSE_POSITIVE_RATE)
        places = [place for place, rate in enumerate(every) if rate.measure in odds]
        compare.insert(2, (Rate(Measure.EQUALIZED_ODDS), places))
    gaps = [gap for rate, places in compare if (gap := compared.gap(rate, places))]
    return tuple(replace(gap, p=None) if gap.measure is Measure.ACCURACY else gap for gap in gaps)


def holm_corrected(gaps: Sequence[tuple[Gap, ...]]) -> list[tuple[Gap, ...]]:
    """The same gaps with p-values corrected for all of them together (Holm 1979)."""
    p_values = iter(stats.holm([gap.p for some in gaps for gap in some if gap.p is not None]))
    return [tuple(gap if gap.p is None else replace(gap, p_corrected=next(p_values)) for gap in some) for some in gaps]


@dataclass(frozen=True, eq=False)
class _Comparison:
    """Images behind each rate (G, R); observed rates (G, R) with their limits; resampled and permuted ones (D, G, R)."""

    names: tuple[str, ...]
    rates: list[Rate]
    images: Counts
    limits: Limits
    observed: Floats
    boot: Floats
    null: Floats

    @cached_property
    def tested(self) -> tuple[Floats, Floats, Counts]:
        """The largest standardized differences, observed and permuted, and the observed pairs."""
        return stats.largest_difference(self.observed, self.null)

    def gap(self, what: Rate, places: list[int]) -> Gap | None:
        """The largest gap among some rates; None if no rate is comparable between two groups, or none can vary."""
        places = [place for place in places if np.isfinite(self.observed[:, place]).sum() > 1]
        if not places or not self._varies(places):
            return None
        seen, permuted, pairs = self.tested
        place = max(places, key=lambda one: np.nanmax(self.observed[:, one]) - np.nanmin(self.observed[:, one]))
        values = self.observed[:, place]
        high, low = int(np.nanargmax(values)), len(values) - 1 - int(np.nanargmin(values[::-1]))
        upper, lower = self.boot[:, high, place], self.boot[:, low, place]
        null = self.null[..., places]
        with warnings.catch_warnings():  # a draw without any rate has no gap: NaN is right
            warnings.simplefilter("ignore", RuntimeWarning)
            null_gaps = np.nanmax(np.nanmax(null, 1) - np.nanmin(null, 1), 1)
        newcombe = self.limits.difference(high, low, place)
        strongest = max(places, key=lambda one: float(seen[one]))
        ratio = ratio_interval = None
        if values[high] > 0:
            ratio = float(values[low] / values[high])
            ratios = lower[upper > 0] / upper[upper > 0]
            ratio_interval = None if newcombe else stats.percentile_interval(ratios)
        first, second = pairs[strongest]
        return Gap(
            measure=what.measure,
            emotion=what.emotion,
            rate=self.rates[place],
            highest=self.names[high],
            high=float(values[high]),
            lowest=self.names[low],
            low=float(values[low]),
            difference=float(values[high] - values[low]),
            interval=newcombe or stats.percentile_interval(upper - lower),
            ratio=ratio,
            ratio_interval=ratio_interval,
            null_gap=float(np.nanquantile(null_gaps, 0.95)),
            p=stats.permutation_p(float(seen[places].max()), permuted[:, places].max(1)),
            p_corrected=None,
            most_significant_pair=(self.names[first], self.names[second]),
            most_significant_rate=self.rates[strongest],
            n_groups=int(np.isfinite(values).sum()),
            min_n=int(self.images[np.isfinite(values), place].min()),
        )

    def _varies(self, places: list[int]) -> bool:
        """Whether another permutation could have given another value; otherwise there is nothing to compare."""
        every = np.concatenate([self.observed[None], self.null])[..., places]
        defined = every[:, np.isfinite(every).all(0)]
        return bool((defined.max(0) - defined.min(0) > 1e-12).any()) if defined.size else True
