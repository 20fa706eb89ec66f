"""What the live page draws: a card per reading, and a chart of probabilities over time."""

from __future__ import annotations

from html import escape

import altair
import numpy as np
import numpy.typing as npt
import pandas
import streamlit as st

from ..drawing import COLORS, caption, percent
from ..types import Reading

#: Bars on a card.
_BARS = 3
_CHART_HEIGHT = 240  # pixels, legend included
#: What has no height would still be drawn as a line.
_VISIBLE = 0.004

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
.stElementToolbar {display: none}
</style>"""


def card(who: str, reading: Reading, *, away: str = "") -> str:
    """The HTML of one face's card.

    Args:
        who: what to call the face.
        reading: what was read off it.
        away: how long ago that was; "" where the face is there now.
    """
    title = f"{who}, {away}" if away else who
    bars = "".join(_bar(emotion, share) for emotion, share in list(reading.scores().items())[:_BARS])
    return (
        f'<div class="mien-card{" away" if away else ""}"><div class="mien-head">'
        f'<span class="mien-what">{escape(caption(reading))}</span><span class="mien-who">{escape(title)}</span></div>'
        f"{bars}</div>"
    )


def _bar(emotion: str, share: float) -> str:
    fill = f"width:{max(1.0, 100 * share):.1f}%;background:rgb{COLORS[emotion]}"
    return (
        f'<div class="mien-bar"><span>{emotion}</span><i aria-hidden="true"><b style="{fill}"></b></i>'
        f"<span>{percent(share)}</span></div>"
    )


def chart(times_s: npt.NDArray[np.float64], shares: npt.NDArray[np.floating], emotions: tuple[str, ...]) -> None:
    """Draw how the emotions of one face share it over time.

    Args:
        times_s: float64 (T,), ascending, evenly spaced: where each step begins; T > 1.
        shares: float (T, K), each row a distribution, or zeros where the face was not seen.
        emotions: the label set; length K.
    """
    step_s, kinds = times_s[1] - times_s[0], len(emotions)
    tops = np.cumsum(shares, 1)
    table = pandas.DataFrame(
        {
            "time": np.repeat(times_s, kinds).round(2),
            "until": np.repeat(times_s + step_s, kinds).round(2),
            "emotion": list(emotions) * len(times_s),
            "low": (tops - shares).ravel().round(3),
            "high": tops.ravel().round(3),
        }
    )
    colors = altair.Scale(domain=list(emotions), range=["#{:02x}{:02x}{:02x}".format(*COLORS[e]) for e in emotions])
    span = altair.Scale(domain=[float(times_s[0]), float(times_s[-1] + step_s)], nice=False)
    bars = altair.Chart(table[table["high"] - table["low"] > _VISIBLE]).mark_rect(strokeWidth=0.7)
    drawn = bars.encode(
        x=altair.X("time:Q", scale=span, axis=altair.Axis(tickCount=4, labelExpr="datum.value + ' s'", title=None)),
        x2="until:Q",
        y=altair.Y("low:Q", scale=altair.Scale(domain=[0, 1]), axis=altair.Axis(format="%", tickCount=2, title=None)),
        y2="high:Q",
        color=altair.Color("emotion:N", scale=colors, legend=altair.Legend(orient="bottom", columns=3, title=None)),
        stroke=altair.Stroke("emotion:N", scale=colors, legend=None),  # closes the seams between neighbors
        tooltip=["emotion:N"],
    )
    st.altair_chart(drawn.properties(height=_CHART_HEIGHT))
