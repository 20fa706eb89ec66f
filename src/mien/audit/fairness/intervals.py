"""Intervals that hold for few images too, where resampling these very images says too little.

Of a group that is always right every resample is always right: the bootstrap takes 5 of 5 for certain, and covers the truth
in fewer than 90 of 100 cases up to some hundred images (``docs/fairness.md``). So where there are few right or few wrong
answers, the interval of a gap is put together from those of its two groups (Newcombe 1998, method 10; for weighted means of
shares Zou and Donner 2008).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
#: With fewer right or fewer wrong answers, the bootstrap is not to be trusted.
ENOUGH = 10
_Z = float(norm.ppf(0.975))


@dataclass(frozen=True, eq=False)
class Limits:
    """Shares of G groups, R each, with the ends of their 95 % intervals; float64 (G, R), NaN where there is nothing to tell.

    Attributes:
        value, low, high: the share, and its interval (Wilson 1927).
        few: bool (G, R), it stands on few images of one kind.
    """

    value: Floats
    low: Floats
    high: Floats
    few: npt.NDArray[np.bool_]

    def apart(self, upper: int, lower: int, rate: int) -> tuple[float, float] | None:
        """The 95 % interval of how far one group lies above another; None where the bootstrap does well."""
        if not (self.few[upper, rate] or self.few[lower, rate]):
            return None
        a, b = self.value[upper, rate], self.value[lower, rate]
        down = np.hypot(a - self.low[upper, rate], self.high[lower, rate] - b)
        up = np.hypot(self.high[upper, rate] - a, b - self.low[lower, rate])
        return float(a - b - down), float(a - b + up)


def limits(part: Counts, whole: Counts) -> Limits:
    """Shares with their intervals.

    Args:
        part: int64 (G, R).
        whole: int64 (G, R), at least ``part``.
    """
    n = np.where(whole > 0, whole, np.nan)
    share = part / n
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    few = np.minimum(part, whole - part) < ENOUGH
    return Limits(share, np.minimum(middle - half, share), np.maximum(middle + half, share), few)


def with_mean(told: Limits, rate: int, parts: range, weights: Floats) -> Limits:
    """The same, one rate being a weighted mean of others; whether it stands on few images stays as it is.

    Args:
        told: of all rates.
        rate: which one is the mean.
        parts: those that it is made of, K of them.
        weights: float64 (K,); parts that a group does not have are left out of its mean.
    """
    own = slice(parts.start, parts.stop)
    used = np.where(np.isfinite(told.value[:, own]), weights, 0.0)
    total = used.sum(1, keepdims=True)
    share = np.where(total > 0, used / np.where(total > 0, total, 1.0), np.nan)

    def mean(values: Floats) -> Floats:
        return np.asarray((share * np.nan_to_num(values)).sum(1), np.float64)

    def off(values: Floats) -> Floats:
        return np.asarray(np.sqrt(((share * np.nan_to_num(values - told.value[:, own])) ** 2).sum(1)), np.float64)

    value, low, high = told.value.copy(), told.low.copy(), told.high.copy()
    value[:, rate] = mean(told.value[:, own])
    low[:, rate] = value[:, rate] - off(told.low[:, own])
    high[:, rate] = value[:, rate] + off(told.high[:, own])
    return Limits(value, low, high, told.few)
