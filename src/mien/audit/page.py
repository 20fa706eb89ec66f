"""HTML pages from templates, and positions of numbers on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import resources
from typing import Any

from .. import __version__
from ..extras import require
from .gaps import Gap

#: Groups beyond these are counted, not shown; the CSV files have all.
MAX_GROUPS = 60


@dataclass(frozen=True)
class Scale:
    """A range of numbers along the width of the page."""

    start: float
    end: float

    def place(self, value: float) -> float:
        """In percent of the width, clipped to it."""
        return min(100.0, max(0.0, 100 * (value - self.start) / (self.end - self.start)))

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Places and labels of round numbers, six at most."""
        whole = self.end - self.start
        step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if whole / step <= 6 or step == 0.5)
        first = math.ceil(self.start / step - 1e-9)
        count = math.floor(self.end / step + 1e-9) - first
        return [(self.place((first + i) * step), f"{100 * (first + i) * step:.0f}") for i in range(count + 1)]

    @staticmethod
    def around(ends: Sequence[float]) -> Scale:
        """From a round number below all shares to one above."""
        start, end = min(ends, default=0.0), max(ends, default=1.0)
        return Scale(max(0.0, math.floor(start * 20 - 0.2) / 20), min(1.0, math.ceil(end * 20 + 0.2) / 20))

    @staticmethod
    def of_gaps(gaps: Sequence[Gap]) -> Scale:
        """Holds all gaps, their intervals, and 0."""
        low = min([0.0, *(gap.interval[0] for gap in gaps)])
        high = max([0.05, *(max(gap.interval[1], gap.null_gap) for gap in gaps)])
        return Scale(low - 0.02 * (high - low), high + 0.02 * (high - low))


@dataclass(frozen=True)
class Mark:
    """An estimate with its interval on a scale, in percent of its width."""

    low: float
    at: float
    high: float
    null: float = 0.0


def gap_mark(gap: Gap, scale: Scale) -> Mark:
    """A gap, its interval and what chance gives."""
    low, high = gap.interval
    return Mark(scale.place(low), scale.place(gap.difference), scale.place(high), scale.place(gap.null_gap))


def render(template: str, **values: Any) -> bytes:
    """One self-contained HTML page, UTF-8: light and dark, wide and narrow screens, no scripts, nothing fetched.

    Args:
        template: a name in ``templates/``, which extends ``base.html.j2``.
        values: what the template names; ``made`` says what made the page, and when.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    jinja2 = require("jinja2", "audit")
    folder = resources.files(__package__ or "").joinpath("templates")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text("utf-8")),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
    )  # fmt: skip
    made = f"Made by mien {__version__} on {datetime.now(timezone.utc):%Y-%m-%d}."
    text: str = environment.get_template(template).render(made=made, **values)
    return text.replace("p = ", "p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}").encode()
