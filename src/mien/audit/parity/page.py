"""An audit without right answers as one HTML page that needs nothing but itself."""

from __future__ import annotations

from dataclasses import dataclass

from ...drawing import COLORS, ink_on
from ..fairness.page import MOST_GROUPS, Mark, gap_mark, gap_scale
from ..fairness.power import LEVEL
from ..fairness.values import Gap
from ..fairness.words import Verdict, p_text, percent, points, span
from ..look.page import page_from
from ..look.scale import Scale
from .values import GroupShares, Parity, ParityAttribute
from .words import CAUTION, headline, needs, verdict


@dataclass(frozen=True)
class _Section:
    """A column of groups as the page shows it."""

    name: str
    key: str
    verdict: Verdict
    attribute: ParityAttribute
    groups: tuple[GroupShares, ...]
    more_groups: int
    gaps: tuple[tuple[Gap, Mark], ...]
    gap_scale: Scale


def render(found: Parity, title: str) -> bytes:
    """The page, UTF-8: for light and dark, wide and narrow screens, without scripts; nothing is fetched from elsewhere.

    Args:
        found: what was found.
        title: what was audited.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    return page_from(
        __package__ or "",
        found=found,
        title=title,
        answer=headline(found),
        caution=CAUTION,
        sections=[_section(number, attribute) for number, attribute in enumerate(found.attributes, 1)],
        colors={emotion: (_css(COLORS[emotion]), _css(ink_on(COLORS[emotion]))) for emotion in found.emotions},
        level=LEVEL,
        percent=percent,
        points=points,
        span=span,
        p_text=p_text,
        needs=needs,
    )


def _section(number: int, attribute: ParityAttribute) -> _Section:
    shown = attribute.groups[:MOST_GROUPS]
    along = gap_scale(attribute.gaps)
    return _Section(
        name=attribute.name,
        key=f"by-{number}",
        verdict=verdict(attribute),
        attribute=attribute,
        groups=shown,
        more_groups=len(attribute.groups) - len(shown),
        gaps=tuple((gap, gap_mark(gap, along)) for gap in attribute.gaps),
        gap_scale=along,
    )


def _css(color: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
