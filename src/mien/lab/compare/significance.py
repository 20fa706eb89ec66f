"""Is one model better than another, or was it luck? Paired tests on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

Right = npt.NDArray[np.bool_]

#: Where "better" begins to be said.
LEVEL = 0.05


def mcnemar(first: Right, second: Right) -> float:
    """The p-value that two models are right equally often (McNemar 1947, in its exact, binomial form).

    Only images that one of them gets right and the other wrong say anything: under chance they fall to either side like
    a coin.

    Args:
        first: bool (N,), which images the first model gets right.
        second: bool (N,), the same of the second model, on the same images.

    Returns:
        Two-sided, 0 to 1; 1 where they never differ.
    """
    only_first = int((first & ~second).sum())
    only_second = int((second & ~first).sum())
    differing = only_first + only_second
    return float(binomtest(only_first, differing, 0.5).pvalue) if differing else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number, so that one false alarm among all has the probability at most (Holm 1979)."""
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected


def pairwise(right: Sequence[Right]) -> dict[tuple[int, int], float]:
    """McNemar's p-value of each pair (i, j), i < j, corrected after Holm for all pairs.

    All pairs, although only those with the best model are usually looked at: which one is best was seen on these very
    images, so every pair had the chance to be looked at.
    """
    pairs = list(combinations(range(len(right)), 2))
    return dict(zip(pairs, holm([mcnemar(right[i], right[j]) for i, j in pairs]), strict=True))
