"""Bootstrap and permutation tests on counts.

Drawing counts in place of images is equivalent and thousands of times as fast: a resample of a group is a multinomial draw,
a permutation of group labels within a stratum is a random table with fixed margins (Patefield 1981).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.stats import random_table

from .rates import Counts, Floats

#: Numbers held at a time: 4 million take 32 MB.
_HELD = 4_000_000
_STEADY = 1e-12


def bootstrap(counts: Counts, resamples: int, rng: np.random.Generator) -> Iterator[Counts]:
    """Counts of resampled images, stratified by group (Efron 1979).

    Args:
        counts: int64 (G, ...).
        resamples: how many, D.
        rng: random generator.

    Yields:
        int64 (part of D, G, ...), so that memory stays bounded.
    """
    groups, *shape = counts.shape
    for part in _parts(counts.size, resamples):
        drawn = np.zeros((part, groups, *shape), np.int64)
        for group, count in enumerate(counts):
            flat = count.ravel()
            filled = np.flatnonzero(flat)
            if len(filled):
                again = np.zeros((part, flat.size), np.int64)
                again[:, filled] = rng.multinomial(flat.sum(), flat[filled] / flat.sum(), size=part)
                drawn[:, group] = again.reshape(part, *shape)
        yield drawn


def permute(counts: Counts, permutations: int, rng: np.random.Generator) -> Iterator[Counts]:
    """Counts after permuting group labels within each stratum, such as a true emotion.

    Each group keeps its images of each emotion, so groups that only show other, harder emotions raise no alarm.

    Args:
        counts: int64 (G, K, O), of G groups and K strata.
        permutations: how many, D.
        rng: random generator.

    Yields:
        int64 (part of D, G, K, O).
    """
    for part in _parts(counts.size, permutations):
        drawn = np.zeros((part, *counts.shape), np.int64)
        for stratum in range(counts.shape[1]):
            table = counts[:, stratum]
            rows, columns = np.flatnonzero(table.sum(1)), np.flatnonzero(table.sum(0))
            if not len(rows):
                continue
            inner = table[np.ix_(rows, columns)]
            if len(rows) > 1 and len(columns) > 1:
                dealt = random_table(inner.sum(1), inner.sum(0), seed=rng).rvs(part)
            else:
                dealt = np.broadcast_to(inner, (part, *inner.shape))
            drawn[:, rows[:, None], stratum, columns] = dealt
        yield drawn


def largest_difference(observed: Floats, permuted: Floats) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """The largest standardized difference of any two groups.

    The unit is the standard deviation of the pair's difference over the permutations, so that small groups, which vary more,
    carry no extra weight. Mean and deviation include the observation: under the null it is as likely the largest.

    Args:
        observed: float64 (G, R).
        permuted: float64 (D, G, R).

    Returns:
        float64 (R,) and (D, R), 0 where no pair is defined or none varies; and int64 (R, 2), the observed pair, the higher
        group first.
    """
    every = np.concatenate([observed[None], permuted])
    most = np.zeros((every.shape[0], every.shape[2]))
    pairs = np.zeros((every.shape[2], 2), np.int64)
    for place in range(every.shape[1] - 1):  # each group against those after it, so that memory stays bounded
        apart = every[:, place, None] - every[:, place + 1 :]
        defined = np.isfinite(apart)
        mean = np.where(defined, apart, 0.0).sum(0) / np.maximum(1, defined.sum(0))
        off = np.where(defined, apart - mean, 0.0)
        spread = np.sqrt((off**2).sum(0) / np.maximum(1, defined.sum(0)))
        scaled = np.abs(off) / np.where(spread < _STEADY, np.inf, spread)
        farther = np.flatnonzero(scaled[0].max(0) > most[0])
        for rate, other in zip(farther, scaled[0].argmax(0)[farther]):
            pair = (place, place + 1 + other)
            pairs[rate] = pair if off[0, other, rate] > 0 else pair[::-1]
        most = np.maximum(most, scaled.max(1))
    return most[0], most[1:], pairs


def p_value(observed: float, drawn: npt.NDArray[np.float64]) -> float:
    """Share of outcomes at least as extreme, the observation included (Phipson and Smyth 2010); never 0."""
    return float((1 + (drawn >= observed - 1e-9).sum()) / (1 + len(drawn)))


def _parts(cells: int, draws: int) -> list[int]:
    most = max(1, _HELD // max(1, cells))
    return [min(most, draws - start) for start in range(0, draws, most)]
