"""Intervals for figures that have no formula of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Drawn samples: enough for two digits of a 95 % interval.
DRAWS = 1000


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def percent(self) -> str:
        """Such as ``2.3 [1.9, 3.4]``."""
        return f"{100 * self.value:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"

    def plain(self) -> str:
        """Such as ``0.315 [0.291, 0.340]``."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(
    statistic: Callable[[npt.NDArray[np.int64]], float], n: int, draws: int = DRAWS, seed: int = 0
) -> Estimate:
    """The 95 % percentile interval of a figure over images drawn with replacement (Efron 1979).

    Args:
        statistic: from rows, int64 (n,), to the figure.
        n: images there are; at least 1.
        draws: samples drawn.
        seed: of the draws; the same seed gives the same interval.
    """
    rng = np.random.default_rng(seed)
    samples = [statistic(rng.integers(n, size=n)) for _ in range(draws)]
    low, high = np.percentile(samples, [2.5, 97.5])
    return Estimate(statistic(np.arange(n)), float(low), float(high))
