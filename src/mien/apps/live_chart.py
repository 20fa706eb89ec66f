"""Probabilities over time as a chart: bands that together fill the height, one color an emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..drawing import COLORS
from ..extras import require

if TYPE_CHECKING:
    import altair

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
