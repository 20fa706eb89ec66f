"""A reading as a small card of HTML: who, what, how sure, and the three likeliest emotions as bars."""

from __future__ import annotations

from html import escape

from ..drawing import COLORS, caption, percent
from ..types import Reading

#: Bars on a card.
_BARS = 3

#: Once on the page, for all cards. Colors of text and ground are the page's own, light or dark.
STYLE = """<style>
[data-stale="true"] {opacity: 1 !important}
.stMainBlockContainer {padding-top: 3rem; padding-bottom: 3rem}
.mien-card {margin: 0}
.mien-card.away {opacity: .55}
.mien-head {display: flex; gap: .6rem; align-items: baseline; flex-wrap: wrap; margin-bottom: .3rem}
.mien-who {font-size: .9rem; opacity: .8}
.mien-what {font-size: 1.35rem; font-weight: 650; line-height: 1.25}
.mien-bar {display: grid; grid-template-columns: 5.5rem 1fr 3.6rem; gap: .5rem; align-items: center; font-size: .9rem;
  line-height: 1.5}
.mien-bar i {display: block; height: .7rem; border-radius: .35rem; background: rgba(128,128,128,.2); overflow: hidden}
.mien-bar i b {display: block; height: 100%; border-radius: .35rem; box-shadow: inset 0 0 0 1px rgba(0,0,0,.2)}
.mien-bar span:last-child {text-align: right; font-variant-numeric: tabular-nums}
.mien-legend {display: flex; flex-wrap: wrap; gap: .1rem 1rem; font-size: .85rem; margin: -1.2rem 0 1rem 0}
.mien-legend b {display: inline-block; width: .7rem; height: .7rem; border-radius: 50%; margin-right: .35rem;
  box-shadow: inset 0 0 0 1px rgba(0,0,0,.2)}
.stElementToolbar {display: none}
</style>"""


def card(who: str, reading: Reading, *, away: str = "") -> str:
    """The HTML of one face's card.

    Args:
        who: what to call the face.
        reading: what was read off it.
        away: a word on how long ago that was; "" where the face is there now.
    """
    said = f"{who}, {away}" if away else who
    bars = "".join(_bar(emotion, share) for emotion, share in list(reading.scores().items())[:_BARS])
    return (
        f'<div class="mien-card{" away" if away else ""}"><div class="mien-head">'
        f'<span class="mien-what">{escape(caption(reading))}</span><span class="mien-who">{escape(said)}</span></div>'
        f"{bars}</div>"
    )


def _bar(emotion: str, share: float) -> str:
    red, green, blue = COLORS[emotion]
    fill = f"width:{max(1.0, 100 * share):.1f}%;background:rgb({red},{green},{blue})"
    return (
        f'<div class="mien-bar"><span>{emotion}</span><i aria-hidden="true"><b style="{fill}"></b></i>'
        f"<span>{percent(share)}</span></div>"
    )
