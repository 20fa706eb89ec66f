"""Agreement of raters on nominal labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def krippendorff_alpha(ratings: Sequence[Sequence[str]]) -> float | None:
    """Agreement of annotators on nominal labels (Krippendorff 2011): 1 perfect, 0 as by chance.

    Args:
        ratings: the labels of each unit, by any number of annotators; units with one are left out.

    Returns:
        None where no unit has two labels, or all labels are the same.
    """
    names = sorted({label for unit in ratings for label in unit})
    coincidence = np.zeros((len(names), len(names)))
    for unit in ratings:
        if len(unit) > 1:
            counts = np.array([unit.count(name) for name in names], float)
            coincidence += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    return alpha_of_coincidences(coincidence)


def alpha_of_coincidences(coincidence: npt.NDArray[np.float64]) -> float | None:
    """Krippendorff's alpha from a coincidence matrix, float64 (L, L): for two raters the confusion and its transpose."""
    totals = coincidence.sum(1)
    n = totals.sum()
    expected = (n**2 - (totals**2).sum()) / (n - 1) if n > 1 else 0.0
    return float(1 - (n - np.trace(coincidence)) / expected) if expected > 0 else None


def cohen_kappa(confusion: npt.NDArray[np.float64]) -> float | None:
    """Agreement of two raters beyond chance (Cohen 1960): 1 perfect, 0 as by chance.

    Args:
        confusion: float64 (L, L), how often the first rater gave the label of the row and the second that of the column.

    Returns:
        None if there are no units, or both raters gave one and the same label only.
    """
    n = confusion.sum()
    if n == 0:
        return None
    observed = np.trace(confusion) / n
    expected = float((confusion.sum(0) * confusion.sum(1)).sum() / n**2)
    return float((observed - expected) / (1 - expected)) if expected < 1 else None
