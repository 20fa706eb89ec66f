"""Statistics of comparisons: paired tests and corrections for multiple testing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def mcnemar(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    """McNemar's exact test: the p-value that two models are equally often correct (McNemar 1947).

    Args:
        first: bool (N,), which images the first model gets right.
        second: bool (N,), the same of the second model, on the same images.

    Returns:
        Two-sided, 0 to 1; 1 where they never differ.
    """
    from scipy.stats import binomtest  # noqa: PLC0415  # heavy

    only_first = int((first & ~second).sum())
    differing = only_first + int((second & ~first).sum())
    return float(binomtest(only_first, differing, 0.5).pvalue) if differing else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for multiple testing by Holm's step-down method (Holm 1979)."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(np.minimum(1.0, p[order] * np.arange(len(p), 0, -1)))
    return [float(value) for value in corrected]
