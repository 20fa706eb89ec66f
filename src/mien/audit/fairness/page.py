"""An audit as one HTML page that needs nothing but itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..look.page import page_from
from ..look.scale import Scale
from .power import LEVEL
from .values import Attribute, Audit, Gap, GroupScores
from .words import FEW, Verdict, headline, lean, narrow_mix, needs, p_text, percent, points, span, verdict

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
class _Section:
    """A column of groups as the page shows it."""

    name: str
    key: str
    verdict: Verdict
    narrow_mix: str
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
    return page_from(
        __package__ or "",
        audit=audit,
        title=title,
        answer=headline(audit),
        sections=[
            _section(number, attribute, scale, audit.emotions) for number, attribute in enumerate(audit.attributes, 1)
        ],
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


def _section(number: int, attribute: Attribute, scale: Scale, emotions: Sequence[str]) -> _Section:
    shown = attribute.groups[:MOST_GROUPS]
    along = gap_scale(attribute.gaps)
    return _Section(
        name=attribute.name,
        key=f"by-{number}",
        verdict=verdict(attribute),
        narrow_mix=narrow_mix(attribute, emotions),
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
