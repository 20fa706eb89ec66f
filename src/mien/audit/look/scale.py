"""Numbers along the width of a page."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """A stretch of numbers along the width of the page."""

    start: float
    end: float

    def place(self, value: float) -> float:
        """In percent of the width, kept within it."""
        return min(100.0, max(0.0, 100 * (value - self.start) / (self.end - self.start)))

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places and words of round numbers, six at most."""
        whole = self.end - self.start
        step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if whole / step <= 6 or step == 0.5)
        first = math.ceil(self.start / step - 1e-9)
        count = math.floor(self.end / step + 1e-9) - first
        return [(self.place((first + i) * step), f"{100 * (first + i) * step:.0f}") for i in range(count + 1)]
