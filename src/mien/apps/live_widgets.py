"""What the live page draws: a card per reading, and a chart of probabilities over time."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..drawing import COLORS, caption, percent
from ..extras import require
from ..types import Reading

if TYPE_CHECKING:
    import altair

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


#: Emotions that never reach this in a chart are not named below it.
_WORTH_NAMING = 0.1
_VISIBLE = 0.004
_HEIGHT = 150


def bands(
    times_s: npt.NDArray[np.float64], shares: npt.NDArray[np.float32], emotions: tuple[str, ...], span_s: float
) -> altair.Chart:
    """A chart of how the emotions of one face share it over time.

    Args:
        times_s: float64 (T,), ascending, evenly spaced: where each step begins.
        shares: float32 (T, K), each row a distribution, or zeros where the face was not seen.
        emotions: the label set; length K.
        span_s: from the first step to the end of the last.
    """
    alt: Any = require("altair", "streamlit")
    pandas: Any = require("pandas", "streamlit")
    steps, kinds = shares.shape
    table = pandas.DataFrame(
        {
            "t": np.repeat(times_s.round(2), kinds),
            "until": np.repeat((times_s + span_s / steps).round(2), kinds),
            "emotion": list(emotions) * steps,
            "from": (np.cumsum(shares, 1) - shares).ravel().round(3),
            "to": np.cumsum(shares, 1).ravel().round(3),
        }
    )
    colors: list[str] = ["#{:02x}{:02x}{:02x}".format(*COLORS[emotion]) for emotion in emotions]
    table = table[table["to"] - table["from"] > _VISIBLE]  # what has no height would still be drawn as a line
    hues = alt.Scale(domain=list(emotions), range=colors)
    seconds = alt.Axis(tickCount=4, labelExpr="datum.value + ' s'", title=None, grid=False)
    span = alt.Scale(domain=[float(times_s[0]), float(times_s[0]) + span_s], nice=False)
    part = alt.Axis(format="%", values=[0, 0.5, 1], title=None)
    chart: altair.Chart = (
        alt.Chart(table)
        .mark_rect(strokeWidth=0.7)  # closes the seams that a screen shows between neighbors
        .encode(
            x=alt.X("t:Q", scale=span, axis=seconds),
            x2="until:Q",
            y=alt.Y("from:Q", scale=alt.Scale(domain=[0, 1]), axis=part),
            y2="to:Q",
            color=alt.Color("emotion:N", scale=hues, legend=None),
            stroke=alt.Stroke("emotion:N", scale=hues, legend=None),
            tooltip=["emotion:N"],
        )
        .properties(height=_HEIGHT)
    )
    return chart


def legend(shares: npt.NDArray[np.float32], emotions: tuple[str, ...]) -> str:
    """The HTML that names the colors of a chart, those that play a part in it.

    Args:
        shares: float32 (T, K), as in ``bands``.
        emotions: length K.
    """
    tops = shares.max(0, initial=0)
    named = [emotion for emotion, top in zip(emotions, tops) if top >= _WORTH_NAMING]
    dots = "".join(
        f'<span><b style="background:rgb{COLORS[emotion]}" aria-hidden="true"></b>{emotion}</span>' for emotion in named
    )
    return f'<div class="mien-legend">{dots}</div>'
