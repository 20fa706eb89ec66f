"""What is gained by saying nothing where one is unsure?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Confidences below which a reader may be told to abstain.
LEVELS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Selective:
    """Risk against coverage (El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017, arXiv 1705.08500).

    Attributes:
        coverage: share of the images answered, from the surest few to all; at most 200 points.
        risk: share of wrong answers among those.
        area: mean risk over all coverages (AURC); lower is better.
        best: the same for a head that is least sure of just those images that it gets wrong.
        rows: for each level of confidence: the level, coverage, accuracy of what is answered and of what is not (NaN where
            that is nothing).
    """

    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    area: float
    best: float
    rows: tuple[tuple[float, float, float, float], ...]


def selective(
    confidence: npt.NDArray[np.floating], right: npt.NDArray[np.bool_], levels: Sequence[float] = LEVELS
) -> Selective:
    """Risk against coverage.

    Args:
        confidence: float (N,), 0 to 1; N > 0.
        right: bool (N,), whether the answer is right.
        levels: confidences to tell about.
    """
    risks = _risks(right[np.argsort(-confidence, kind="stable")])
    shown = np.unique(np.linspace(0, len(risks) - 1, min(200, len(risks))).round().astype(int))
    rows = []
    for level in levels:
        kept = confidence >= level
        rows.append((level, float(kept.mean()), _mean(right[kept]), _mean(right[~kept])))
    return Selective(
        coverage=tuple(((shown + 1) / len(risks)).tolist()),
        risk=tuple(risks[shown].tolist()),
        area=float(risks.mean()),
        best=float(_risks(np.sort(right)[::-1]).mean()),
        rows=tuple(rows),
    )


def _risks(right: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """The share of wrong answers among the first, the first two, ... all."""
    return np.asarray(np.cumsum(~right) / np.arange(1, len(right) + 1), np.float64)


def _mean(right: npt.NDArray[np.bool_]) -> float:
    return float(right.mean()) if len(right) else float("nan")
