"""Statistics: confidence intervals, paired tests, resampling, multiple-comparison correction, calibration error, power.

One implementation for the audit, the lab and the studies, on scipy, statsmodels and scikit-learn. All intervals are 95%.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

Interval = tuple[float, float]
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

#: Two-sided significance level, and power.
LEVEL, POWER = 0.05, 0.8
#: The gap that a group should be large enough to show.
RELEVANT_GAP = 0.1
_EFFECT = float(stats.norm.ppf(1 - LEVEL / 2) + stats.norm.ppf(POWER))
#: Numbers held at a time while resampling: 4 million take 32 MB.
_HELD = 4_000_000


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95% confidence interval."""

    value: float
    low: float
    high: float


def wilson(successes: int, n: int) -> Interval:
    """The interval of a share (Wilson 1927); ``n`` is at least 1."""
    low, high = wilson_limits(np.array(successes), np.array(n))
    return float(low), float(high)


def wilson_limits(successes: Counts, n: Counts) -> tuple[Floats, Floats]:
    """Lower and upper limits as in ``wilson``, of arrays of one shape; NaN if ``n`` is 0."""
    whole = np.where(n > 0, n, 1)
    low, high = proportion_confint(successes, whole, method="wilson")
    share = successes / whole  # rounding must not put it outside of its own interval
    return np.where(n > 0, np.minimum(low, share), np.nan), np.where(n > 0, np.maximum(high, share), np.nan)


def difference_interval(first: float, first_interval: Interval, second: float, second_interval: Interval) -> Interval:
    """The interval of ``first - second`` from the intervals of both (Newcombe 1998, method 10, with those of Wilson)."""
    down = math.hypot(first - first_interval[0], second_interval[1] - second)
    up = math.hypot(first_interval[1] - first, second - second_interval[0])
    return first - second - down, first - second + up


def mcnemar(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    """Two-sided p-value that two models are equally often correct (McNemar 1947, exact); 1 if they never differ.

    Bool (N,) each: which images the model gets right, the same images for both.
    """
    return mcnemar_counts(int((first & ~second).sum()), int((second & ~first).sum()))


def mcnemar_counts(only_first: int, only_second: int) -> float:
    """``mcnemar`` from the images that only the first, or only the second model gets right."""
    differing = only_first + only_second
    return float(stats.binomtest(only_first, differing, 0.5).pvalue) if differing else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for multiple testing by Holm's step-down method (Holm 1979)."""
    # statsmodels' multipletests gives the same, but collects garbage for a quarter of a second at each call
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(np.minimum(1.0, p[order] * np.arange(len(p), 0, -1)))
    return [float(value) for value in corrected]


def permutation_p(observed: float, permuted: Floats) -> float:
    """Share of outcomes at least as extreme, the observation included (Phipson and Smyth 2010); never 0."""
    return float((1 + (permuted >= observed - 1e-9).sum()) / (1 + len(permuted)))


def percentile_interval(resampled: Floats) -> Interval:
    """The middle 95% of bootstrap values; NaN is left out."""
    low, high = np.nanquantile(resampled, [0.025, 0.975])
    return float(low), float(high)


def mean_interval(values: Floats, rng: np.random.Generator, resamples: int = 1000) -> Interval:
    """The percentile interval of a mean over values drawn with replacement (Efron 1979); float64 (N,), N > 0."""
    return percentile_interval(values[rng.integers(len(values), size=(resamples, len(values)))].mean(1))


def bootstrap(
    statistic: Callable[[npt.NDArray[np.int64]], float], n: int, resamples: int = 1000, seed: int = 0
) -> Estimate:
    """A figure with its percentile interval over images drawn with replacement (Efron 1979).

    ``statistic`` maps rows, int64 (n,), to the figure; ``n`` is at least 1; 1,000 resamples determine about two digits.
    """
    rng = np.random.default_rng(seed)
    low, high = percentile_interval(np.array([statistic(rng.integers(n, size=n)) for _ in range(resamples)]))
    return Estimate(float(statistic(np.arange(n))), low, high)


def equal_mass_bins(confidence: npt.NDArray[np.floating], bins: int = 15) -> list[npt.NDArray[np.int64]]:
    """Rows sorted by confidence, in ``bins`` parts of equal size (or one less); fewer where there are fewer rows."""
    return np.array_split(np.argsort(confidence, kind="stable"), max(1, min(bins, len(confidence))))


def calibration_error(confidence: npt.NDArray[np.floating], correct: npt.NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error over at most ``bins`` equal-mass bins, 0 to 1, from float (N,) and bool (N,), N > 0.

    Naeini et al. 2015; Nguyen and O'Connor 2015.
    """
    parts = equal_mass_bins(confidence, bins)
    return float(sum(abs(confidence[part].sum() - correct[part].sum()) for part in parts) / len(confidence))


def macro_f1(y_true: npt.NDArray[np.int64], y_pred: npt.NDArray[np.int64]) -> float:
    """Mean F1 of the classes that occur among the labels, 0 to 1."""
    from sklearn.metrics import f1_score  # noqa: PLC0415 - slow

    return float(f1_score(y_true, y_pred, labels=np.unique(y_true), average="macro", zero_division=0))


def resample_counts(counts: Counts, resamples: int, rng: np.random.Generator) -> Iterator[Counts]:
    """Counts of images drawn with replacement within each group (Efron 1979).

    Drawing counts in place of images is equivalent and thousands of times as fast: it is a multinomial draw per group.
    From int64 (G, ...) to parts of int64 (resamples, G, ...), so that memory stays bounded.
    """
    groups, *shape = counts.shape
    flat = counts.reshape(groups, -1)
    for part in _parts(counts.size, resamples):
        drawn = np.zeros((part, *flat.shape), np.int64)
        for group, count in enumerate(flat):
            filled = np.flatnonzero(count)
            if len(filled):
                drawn[:, group, filled] = rng.multinomial(count.sum(), count[filled] / count.sum(), size=part)
        yield drawn.reshape(part, groups, *shape)


def permute_counts(counts: Counts, permutations: int, rng: np.random.Generator) -> Iterator[Counts]:
    """Counts after permuting group labels within each stratum, such as a true emotion.

    Each is a random table with fixed margins (Patefield 1981): groups keep their images of each emotion, so groups that
    show other, harder emotions raise no alarm. From int64 (G, K, O), of G groups, K strata and O outcomes, to parts of
    int64 (permutations, G, K, O).
    """
    for part in _parts(counts.size, permutations):
        drawn = np.broadcast_to(counts, (part, *counts.shape)).copy()
        for stratum in range(counts.shape[1]):
            table = counts[:, stratum]
            rows, columns = np.flatnonzero(table.sum(1)), np.flatnonzero(table.sum(0))
            if len(rows) > 1 and len(columns) > 1:
                inner = table[np.ix_(rows, columns)]
                dealt = stats.random_table(inner.sum(1), inner.sum(0), seed=rng).rvs(part)
                drawn[:, rows[:, None], stratum, columns] = dealt
        yield drawn


def largest_difference(observed: Floats, permuted: Floats) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """The largest standardized difference of any two groups.

    The unit is the standard deviation of the pair's difference over the permutations, so that small groups, which vary more,
    carry no extra weight. Mean and deviation include the observation: under the null it is as likely the largest.

    Args:
        observed: float64 (G, R), R rates of G groups.
        permuted: float64 (D, G, R).

    Returns:
        float64 (R,) and (D, R), 0 if no pair is defined or none varies; int64 (R, 2), the observed pair, higher first.
    """
    every = np.concatenate([observed[None], permuted])
    most = np.zeros((every.shape[0], every.shape[2]))
    pairs = np.zeros((every.shape[2], 2), np.int64)
    for group in range(every.shape[1] - 1):  # each group against those after it, so that memory stays bounded
        apart = every[:, group, None] - every[:, group + 1 :]
        defined = np.isfinite(apart)
        mean = np.where(defined, apart, 0.0).sum(0) / np.maximum(1, defined.sum(0))
        off = np.where(defined, apart - mean, 0.0)
        spread = np.sqrt((off**2).sum(0) / np.maximum(1, defined.sum(0)))
        scaled = np.abs(off) / np.where(spread < 1e-12, np.inf, spread)
        farther = np.flatnonzero(scaled[0].max(0) > most[0])
        for rate, other in zip(farther, scaled[0].argmax(0)[farther]):
            pair = (group, group + 1 + other)
            pairs[rate] = pair if off[0, other, rate] > 0 else pair[::-1]
        most = np.maximum(most, scaled.max(1))
    return most[0], most[1:], pairs


def minimum_detectable_gap(share: float, n: int, others: int) -> float | None:
    """The smallest drop below ``share`` detected with 80% power at the 5% level, two-sided, in a single comparison.

    By the arcsine transformation (Cohen 1988, chapter 6); None if not even a rate of 0 would be detected.

    Args:
        share: rate of the other groups, 0 to 1.
        n: images of the group.
        others: images of the other groups together.
    """
    if n < 1 or others < 1:
        return None
    angle = math.asin(math.sqrt(share)) - _EFFECT * math.sqrt(1 / n + 1 / others) / 2
    return share - math.sin(angle) ** 2 if angle > 0 else None


def images_needed(share: float, others: int, gap: float = RELEVANT_GAP) -> int:
    """Images a group needs to show a drop by ``gap`` below ``share``, as in ``minimum_detectable_gap``.

    Args:
        share: rate of the other groups, 0 to 1; below ``gap`` a rise is meant.
        others: images of the other groups together; too few for any group size, they are assumed to grow with it.
        gap: 0 to 1.
    """
    other = share - gap if share >= gap else share + gap
    effect = 2 * abs(math.asin(math.sqrt(share)) - math.asin(math.sqrt(other)))
    each = (effect / _EFFECT) ** 2  # upper limit of 1 / n + 1 / others
    left = each - 1 / others if others else 0.0
    return math.ceil(1 / left if left > each / 2 else 2 / each)


def _parts(cells: int, draws: int) -> list[int]:
    most = max(1, _HELD // max(1, cells))
    return [min(most, draws - start) for start in range(0, draws, most)]
