"""Figures of audits: a named row for each entry, under the heading of its section."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

from ..extras import require
from .formatting import p_text, rate_name
from .gaps import Gap

#: Entries per section beyond these are left out of figures; the CSV files have all.
MAX_ROWS = 40
_BLUE, _RED, _GRAY, _INK, _SOFT = "#2b6ca3", "#b4431f", "#9aa1ad", "#1f2430", "#5d6474"
#: Fonts of other scripts on Linux, macOS and Windows, for names of groups.
_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "WenQuanYi Zen Hei", "Droid Sans Fallback",
    "Noto Sans Devanagari", "Noto Sans Thai", "Hiragino Sans GB", "PingFang SC", "Arial Unicode MS", "Microsoft YaHei",
    "Malgun Gothic", "Yu Gothic",
)  # fmt: skip
_ROW, _HEAD, _FOOT, _WIDTH = 0.3, 0.42, 0.95, 7.2


def gaps_figure(columns: Sequence[tuple[str, Sequence[Gap]]], title: str) -> bytes:
    """Gaps with their 95% intervals, PNG; the gray bar is what chance exceeds once in twenty times.

    Args:
        columns: the gaps of each column of groups, and its name.
        title: of the figure.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure, axes, rows = rows_figure(columns)
    for at, gap in rows:
        p = "" if gap.p is None else f"\np = {p_text(gap.p_corrected)}"
        color = _RED if gap.significant else _BLUE
        axes.barh(at, 100 * gap.null_gap, height=0.55, color="#e4e7ec", zorder=1)
        low, high = gap.interval
        axes.plot([100 * low, 100 * high], [at, at], color=color, linewidth=2.2, solid_capstyle="round", zorder=2)
        axes.plot(100 * gap.difference, at, "o", color=color, markersize=7, zorder=3)
        axes.annotate(
            f"{gap.highest} over {gap.lowest}{p}", (1.0, at),
            xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points", va="center",
            color=_SOFT, fontsize=6.5, linespacing=1.1,
        )  # fmt: skip
    axes.axvline(0, color=_GRAY, linewidth=1, zorder=1)
    axes.set_xlabel("gap, points, with 95% CI (gray: 95% of gaps by chance; red: significant)")
    return png(figure, title)


def rows_figure(sections: Sequence[tuple[str, Sequence[Any]]]) -> tuple[Any, Any, list[tuple[float, Any]]]:
    """A figure, its axes, and the position of each row, from the entries of each column of groups and its name."""
    sections = [(f"by {name}", rows[:MAX_ROWS]) for name, rows in sections]
    entries = sum(len(rows) for _, rows in sections)
    height = _FOOT + 0.35 + _HEAD * len(sections) + _ROW * entries
    figure = require("matplotlib.figure", "audit").Figure(figsize=(_WIDTH, height), facecolor="white")
    longest = max((len(_name(row)) for _, rows in sections for row in rows), default=5)
    left = min(0.4, 0.05 + 0.0115 * longest)
    axes = figure.add_axes((left, 0.62 / height, 0.8 - left, 1 - _FOOT / height - 0.02))
    at, placed, ticks = 0.0, [], []
    for title, rows in sections:
        at -= _HEAD / _ROW
        axes.annotate(
            title, (0.0, at + 0.15), xycoords=("axes fraction", "data"), xytext=(-6, 0), textcoords="offset points",
            ha="right", fontsize=9, fontweight="bold", color=_INK,
        )  # fmt: skip
        for row in rows:
            at -= 1
            placed.append((at, row))
            ticks.append((at, _name(row)))
    axes.set_yticks([place for place, _ in ticks], [name for _, name in ticks], fontsize=8.5, color=_INK)
    axes.set_ylim(at - 0.7, 0)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8, colors=_SOFT)
    axes.xaxis.label.set_size(8)
    axes.xaxis.label.set_color(_SOFT)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    return figure, axes, placed


def _name(row: Any) -> str:
    return rate_name(row) if isinstance(row, Gap) else str(row.name)


def png(figure: Any, title: str) -> bytes:
    """The figure as a file, under its title."""
    figure.suptitle(title, x=0.02, y=1 - 0.08 / figure.get_figheight(), ha="left", va="top", fontsize=11, color=_INK)
    families = _families()
    for text in figure.findobj(require("matplotlib.text", "audit").Text):
        text.set_parse_math(False)  # a group may be called $10k-$20k
        text.set_fontfamily(families)
    file = io.BytesIO()
    with warnings.catch_warnings():  # letters without an installed font are drawn as boxes
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)
        figure.savefig(file, format="png", dpi=150, bbox_inches="tight", pad_inches=0.15)
    return file.getvalue()


def _families() -> list[str]:
    """DejaVu, which comes with matplotlib, then installed fonts of other scripts."""
    known = {font.name for font in require("matplotlib.font_manager", "audit").fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _FONTS if name in known)]
