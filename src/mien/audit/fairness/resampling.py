"""What might have come out instead: by another choice of images (bootstrap), or were all groups alike (permutation).

Both draw counts in place of images, which is the same and thousands of times as fast: a resample of a group's images
is a multinomial draw of its counts, and dealing out anew which image of an emotion belongs to which group is a draw of a
table with fixed margins (Patefield 1981, through scipy).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.stats import random_table

from .counts import Counts, Floats, rates

#: Numbers held at a time: 16 million take 128 MB.
_HELD = 4_000_000
_STEADY = 1e-12


def bootstrapped(counts: Counts, weights: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Rates of resampled images, each group by itself, so that its size stays (stratified; Efron 1979).

    Args:
        counts: int64 (G, K, O).
        weights: as ``rates`` takes them.
        draws: how many, D.
        rng: where chance comes from.

    Returns:
        float64 (D, G, 4 + 2 K).
    """
    return np.concatenate([rates(drawn, weights) for drawn in resampled(counts, draws, rng)])


def resampled(counts: Counts, draws: int, rng: np.random.Generator) -> Iterator[Counts]:
    """Counts of resampled images, each group by itself.

    Args:
        counts: int64 (G, ...).
        draws: how many, D.
        rng: where chance comes from.

    Yields:
        int64 (part of D, G, ...), so that memory stays bounded.
    """
    groups, *shape = counts.shape
    for part in _parts(counts.size, draws):
        drawn = np.zeros((part, groups, *shape), np.int64)
        for group, count in enumerate(counts):
            flat = count.ravel()
            filled = np.flatnonzero(flat)
            if len(filled):
                shares = flat[filled] / flat.sum()
                again = np.zeros((part, flat.size), np.int64)
                again[:, filled] = rng.multinomial(flat.sum(), shares, size=part)
                drawn[:, group] = again.reshape(part, *shape)
        yield drawn


def permuted(counts: Counts, weights: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Rates after the labels of the groups were permuted among images of the same true emotion.

    So each group keeps its number of images of each emotion, and groups that only show another mix of emotions, some of
    which are harder, are not taken for groups that are treated otherwise (a stratified, conditional permutation test).

    Args:
        counts: int64 (G, K, O).
        weights: as ``rates`` takes them.
        draws: how many, D.
        rng: where chance comes from.

    Returns:
        float64 (D, G, 4 + 2 K).
    """
    return np.concatenate([rates(drawn, weights) for drawn in dealt_anew(counts, draws, rng)])


def dealt_anew(counts: Counts, draws: int, rng: np.random.Generator) -> Iterator[Counts]:
    """Counts after the labels of the groups were permuted within each stratum, such as a true emotion.

    Args:
        counts: int64 (G, K, O), of G groups and K strata.
        draws: how many, D.
        rng: where chance comes from.

    Yields:
        int64 (part of D, G, K, O).
    """
    for part in _parts(counts.size, draws):
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


def farthest_apart(observed: Floats, permuted_rates: Floats) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """How far two groups lie apart beyond what their emotions lead to expect: the two of all pairs that do so most.

    The unit is the standard deviation of the pair's difference over the permutations, so that small groups, which vary more,
    have no louder voice. Mean and deviation are those of the permutations and the observation together: under the hypothesis
    each of them is as likely to be the largest.

    Args:
        observed: float64 (G, R).
        permuted_rates: float64 (D, G, R).

    Returns:
        float64 (R,) and (D, R), 0 where no pair can be told or none ever varies; and int64 (R, 2), the pair that does
        so in what was observed, the higher group first.
    """
    every = np.concatenate([observed[None], permuted_rates])
    most = np.zeros((every.shape[0], every.shape[2]))
    pairs = np.zeros((every.shape[2], 2), np.int64)
    for place in range(every.shape[1] - 1):  # each group against those after it, so that memory stays bounded
        apart = every[:, place, None] - every[:, place + 1 :]
        told = np.isfinite(apart)
        number = np.maximum(1, told.sum(0))
        mean = np.where(told, apart, 0.0).sum(0) / number
        off = np.where(told, apart - mean, 0.0)
        spread = np.sqrt((off**2).sum(0) / number)
        scaled = np.abs(off) / np.where(spread < _STEADY, np.inf, spread)
        farther = np.flatnonzero(scaled[0].max(0) > most[0])
        for rate, other in zip(farther, scaled[0].argmax(0)[farther]):
            pair = (place, place + 1 + other)
            pairs[rate] = pair if off[0, other, rate] > 0 else pair[::-1]
        most = np.maximum(most, scaled.max(1))
    return most[0], most[1:], pairs


def p_value(observed: float, drawn: npt.NDArray[np.float64]) -> float:
    """Share of outcomes at least as extreme, the observation being one of them (Phipson and Smyth 2010); never 0."""
    return float((1 + (drawn >= observed - 1e-9).sum()) / (1 + len(drawn)))


def _parts(cells: int, draws: int) -> list[int]:
    most = max(1, _HELD // max(1, cells))
    return [min(most, draws - start) for start in range(0, draws, most)]
