"""A chart of probabilities over time."""

from __future__ import annotations

import altair
import numpy as np
import numpy.typing as npt
import pandas
import streamlit as st

from ..drawing import COLORS

#: Emotions on a card beside a chart.
MAX_BARS = 3
_HEIGHT = 240  # pixels, legend included
#: What has no height would still be drawn as a line.
_VISIBLE = 0.004


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
    st.altair_chart(drawn.properties(height=_HEIGHT))
