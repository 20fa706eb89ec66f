"""A comparison as one HTML page that needs nothing but itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..fairness.power import LEVEL
from ..fairness.words import percent, points, span
from ..look.page import page_from
from ..look.scale import Scale
from .values import Change, Changed, GroupChange
from .words import details, headline, p_cell, p_words, verdict

#: Groups beyond these are counted, not shown; the tables beside the page have all.
MOST_GROUPS = 60


@dataclass(frozen=True)
class _Mark:
    """A group on the scale, in percent of its width: before, after, the interval of the latter."""

    before: float
    after: float
    low: float
    high: float
    kind: str

    @property
    def start(self) -> float:
        return min(self.before, self.after)

    @property
    def length(self) -> float:
        return abs(self.after - self.before)


@dataclass(frozen=True)
class _Section:
    """A column of groups as the page shows it."""

    key: str
    kind: str
    short: str
    text: str
    changed: Changed
    groups: tuple[tuple[GroupChange, _Mark], ...]
    more_groups: int


def render(change: Change, title: str) -> bytes:
    """The page, UTF-8; nothing is fetched from elsewhere.

    Args:
        change: what was found.
        title: what was compared.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    scale = _scale(change)
    return page_from(
        __package__ or "",
        change=change,
        title=title,
        answer=headline(change),
        sections=[_section(number, one, scale) for number, one in enumerate(change.attributes, 1)],
        overall=_mark(change.overall, scale),
        scale=scale,
        level=LEVEL,
        percent=percent,
        points=points,
        span=span,
        p_cell=p_cell,
        p_words=p_words,
    )


def _section(number: int, one: Changed, scale: Scale) -> _Section:
    kind, short = verdict(one)
    kept = one.groups[:MOST_GROUPS]
    groups = tuple((group, _mark(group, scale)) for group in kept)
    return _Section(f"by-{number}", kind, short, details(one), one, groups, len(one.groups) - len(kept))


def _mark(group: GroupChange, scale: Scale) -> _Mark:
    sure = group.compared and group.p_corrected < LEVEL
    low, high = group.after_interval
    kind = "" if not sure else "better" if group.difference > 0 else "worse"
    return _Mark(scale.place(group.before), scale.place(group.after), scale.place(low), scale.place(high), kind)


def _scale(change: Change) -> Scale:
    """From a round number below the least to one above the most that is shown."""
    groups = [change.overall, *(group for one in change.attributes for group in one.groups)]
    ends = [end for group in groups for end in (*group.after_interval, group.before)]
    return Scale(max(0.0, math.floor(min(ends) * 20 - 0.2) / 20), min(1.0, math.ceil(max(ends) * 20 + 0.2) / 20))
