"""A card per face, as HTML that both apps show."""

from __future__ import annotations

from html import escape
from pathlib import Path

from ..drawing import COLORS, percent
from ..types import Reading
from .words import verdict

#: CSS of the cards, which takes its colors from the page around them.
STYLE = Path(__file__).with_name("cards.css")


def card(title: str, reading: Reading, *, image: str = "", is_open: bool = True, bars: int | None = None) -> str:
    """The card of one face: its title, how far to trust the reading, and a bar for each of the strongest emotions.

    ``image`` is a ``data:`` address of the face. Bars that are not open open by a click. All text is escaped.
    """
    picture = f'<img src="{image}" alt="" width="56" height="56">' if image else ""
    rows = "".join(_bar(emotion, share) for emotion, share in list(reading.scores().items())[:bars])
    return (
        f'<details class="mien-card" style="--mien:{css(reading.emotion)}"{" open" if is_open else ""}>'
        f"<summary>{picture}<span><b>{escape(title)}</b><small>{escape(verdict(reading))}</small></span></summary>"
        f"<dl>{rows}</dl></details>"
    )


def css(emotion: str) -> str:
    """The color of an emotion."""
    return f"rgb{COLORS[emotion]}"


def _bar(emotion: str, share: float) -> str:
    fill = f'<i style="width:{100 * share:.1f}%;background:{css(emotion)}"></i>'
    words = "< 1%" if share < 0.01 else percent(share)  # nothing is impossible
    return f"<dt>{emotion}</dt><dd><span aria-hidden='true'>{fill}</span><b>{escape(words)}</b></dd>"
