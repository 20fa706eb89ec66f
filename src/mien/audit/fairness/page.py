"""An audit as one HTML page that needs nothing but itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import resources
from typing import Any

from ... import __version__
from ...extras import require
from .power import LEVEL
from .values import Attribute, Audit, Gap, GroupScores
from .words import FEW, Verdict, headline, lean, needs, p_text, percent, points, span, verdict

#: Groups beyond these are counted, not shown; the tables beside the page have all.
MOST_GROUPS = 60


@dataclass(frozen=True)
class Mark:
    """An estimate on a scale, in percent of its width."""

    low: float
    at: float
    high: float
    chance: float = 0.0


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


@dataclass(frozen=True)
class _Section:
    """A column of groups as the page shows it."""

    name: str
    key: str
    verdict: Verdict
    groups: tuple[tuple[GroupScores, Mark | None], ...]
    more_groups: int
    gaps: tuple[tuple[Gap, Mark], ...]
    gap_scale: Scale
    attribute: Attribute


def render(audit: Audit, title: str) -> bytes:
    """The page, UTF-8: for light and dark, wide and narrow screens, without scripts; nothing is fetched from elsewhere.

    Args:
        audit: what was found.
        title: what was audited.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    scale = _accuracy_scale(audit)
    return filled(
        resources.files(__package__ or "").joinpath("page.html.j2").read_text("utf-8"),
        audit=audit,
        title=title,
        answer=headline(audit),
        made=f"Made by mien {__version__} on {datetime.now(timezone.utc):%Y-%m-%d}.",
        sections=[_section(number, attribute, scale) for number, attribute in enumerate(audit.attributes, 1)],
        scale=scale,
        overall_at=scale.place(audit.overall.accuracy or 0.0),
        level=LEVEL,
        few=FEW,
        percent=percent,
        points=points,
        span=span,
        p_text=p_text,
        lean=lean,
        needs=needs,
    )


def filled(template: str, **values: Any) -> bytes:
    """A page, UTF-8, from its template and what is shown; ``style`` is the style sheet of all audits.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    jinja2 = require("jinja2", "audit")
    style = resources.files(__package__ or "").joinpath("style.css").read_text("utf-8")
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True).from_string(template)
    text: str = page.render(style=require("markupsafe", "audit").Markup(style), **values)
    for apart, together in ((" %", "\N{NO-BREAK SPACE}%"), ("p = ", "p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")):
        text = text.replace(apart, together)  # where a line ends
    return text.encode()


def _section(number: int, attribute: Attribute, scale: Scale) -> _Section:
    shown = attribute.groups[:MOST_GROUPS]
    along = gap_scale(attribute.gaps)
    return _Section(
        name=attribute.name,
        key=f"by-{number}",
        verdict=verdict(attribute),
        groups=tuple((group, _group_mark(group, scale)) for group in shown),
        more_groups=len(attribute.groups) - len(shown),
        gaps=tuple((gap, gap_mark(gap, along)) for gap in attribute.gaps),
        gap_scale=along,
        attribute=attribute,
    )


def _group_mark(group: GroupScores, scale: Scale) -> Mark | None:
    if group.accuracy is None or group.interval is None:
        return None
    low, high = group.interval
    return Mark(scale.place(low), scale.place(group.accuracy), scale.place(high))


def gap_scale(gaps: Sequence[Gap]) -> Scale:
    """A stretch that holds all gaps, their intervals, and 0."""
    lowest = min([0.0, *(gap.interval[0] for gap in gaps)])
    highest = max([0.05, *(max(gap.interval[1], gap.chance) for gap in gaps)])
    return Scale(lowest - 0.02 * (highest - lowest), highest + 0.02 * (highest - lowest))


def gap_mark(gap: Gap, scale: Scale) -> Mark:
    """Where a gap, its interval and what chance gives lie on a scale."""
    low, high = gap.interval
    return Mark(scale.place(low), scale.place(gap.difference), scale.place(high), scale.place(gap.chance))


def _accuracy_scale(audit: Audit) -> Scale:
    """From a round number below the least to one above the most that any interval holds."""
    ends = list(_ends([audit.overall]))
    for attribute in audit.attributes:
        ends += _ends(attribute.groups)
    start, end = min(ends, default=0.0), max(ends, default=1.0)
    return Scale(max(0.0, math.floor(start * 20 - 0.2) / 20), min(1.0, math.ceil(end * 20 + 0.2) / 20))


def _ends(groups: Sequence[GroupScores]) -> Iterator[float]:
    for group in groups:
        yield from group.interval or ()
