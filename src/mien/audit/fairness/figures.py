"""An audit as figures for papers and slides: accuracy by group, and the gaps, each with its interval."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

from ...extras import require
from .values import Audit, Gap
from .words import p_text

#: Groups and gaps beyond these are left out of the figures; the tables have all.
MOST = 40
_BLUE, _RED, _GRAY, _INK, _SOFT = "#2b6ca3", "#b4431f", "#9aa1ad", "#1f2430", "#5d6474"
#: For names of groups in other scripts: what Linux, macOS and Windows come with.
_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "WenQuanYi Zen Hei", "Droid Sans Fallback",
    "Noto Sans Devanagari", "Noto Sans Thai", "Hiragino Sans GB", "PingFang SC", "Arial Unicode MS", "Microsoft YaHei",
    "Malgun Gothic", "Yu Gothic",
)  # fmt: skip
_LINE = "\n"
_ROW, _HEAD, _FOOT, _WIDTH = 0.3, 0.42, 0.95, 7.2


def accuracy_figure(audit: Audit) -> bytes:
    """A forest plot, PNG: each group's accuracy with its 95 % interval; hollow where the group is too small to judge.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    sections = [
        (f"by {attribute.name}", [group for group in attribute.groups if group.accuracy is not None][:MOST])
        for attribute in audit.attributes
    ]
    figure, axes, rows = panel(sections)
    for at, group in rows:
        low, high = group.interval or (0.0, 1.0)
        share = group.accuracy or 0.0
        axes.plot([100 * low, 100 * high], [at, at], color=_BLUE, linewidth=2.2, solid_capstyle="round", zorder=2)
        face = "white" if group.more else _BLUE
        axes.plot(100 * share, at, "o", markersize=7, markeredgecolor=_BLUE, markerfacecolor=face, zorder=3)
        axes.annotate(
            f"{100 * share:.1f}   n = {group.n:,}", (1.0, at), xycoords=("axes fraction", "data"), xytext=(8, 0),
            textcoords="offset points", va="center", color=_SOFT, fontsize=8,
        )  # fmt: skip
    if audit.overall.accuracy is not None:
        axes.axvline(100 * audit.overall.accuracy, color=_GRAY, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.set_xlabel("accuracy, %, with its 95 % interval (dashed: all images; hollow: too few images to judge)")
    return png(figure, "How often is it right?")


def gap_figure(audit: Audit) -> bytes:
    """The gaps, PNG: each with its 95 % interval; the gray bar is what chance alone gives nineteen times in twenty.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    return gaps_png(
        [
            (attribute.name, [gap for gap in attribute.gaps if gap.measure != "equalised odds"])
            for attribute in audit.attributes
        ],
        "How far apart are the groups?",
    )


def gaps_png(columns: Sequence[tuple[str, Sequence[Gap]]], title: str) -> bytes:
    """Gaps as a figure, PNG.

    Args:
        columns: the gaps of each column of groups, and its name.
        title: of the figure.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure, axes, rows = panel([(f"by {name}", gaps[:MOST]) for name, gaps in columns])
    for at, gap in rows:
        colour = _RED if gap.sure else _BLUE
        axes.barh(at, 100 * gap.chance, height=0.55, color="#e4e7ec", zorder=1)
        low, high = gap.interval
        axes.plot([100 * low, 100 * high], [at, at], color=colour, linewidth=2.2, solid_capstyle="round", zorder=2)
        axes.plot(100 * gap.difference, at, "o", color=colour, markersize=7, zorder=3)
        axes.annotate(
            f"{gap.highest} over {gap.lowest}{'' if gap.p is None else f'{_LINE}p = {p_text(gap.p_corrected)}'}", (1.0, at),
            xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points", va="center",
            color=_SOFT, fontsize=6.5, linespacing=1.1,
        )  # fmt: skip
    axes.axvline(0, color=_GRAY, linewidth=1, zorder=1)
    axes.set_xlabel("gap, points, with its 95 % interval (gray: what chance alone gives; red: more than chance)")
    return png(figure, title)


def panel(sections: Sequence[tuple[str, Sequence[Any]]]) -> tuple[Any, Any, list[tuple[float, Any]]]:
    """A panel with a named row for each entry, under the heading of its section; and where the rows are."""
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
    return str(row.measure if isinstance(row, Gap) else row.name)


def png(figure: Any, title: str) -> bytes:
    """The figure as a file, under its title."""
    figure.suptitle(title, x=0.02, y=1 - 0.08 / figure.get_figheight(), ha="left", va="top", fontsize=11, color=_INK)
    families = _families()
    for text in figure.findobj(require("matplotlib.text", "audit").Text):
        text.set_parse_math(False)  # a group may be called $10k-$20k
        text.set_fontfamily(families)
    file = io.BytesIO()
    with warnings.catch_warnings():  # a letter that no font here has is drawn as a box: the page and the tables have it
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)
        figure.savefig(file, format="png", dpi=150, bbox_inches="tight", pad_inches=0.15)
    return file.getvalue()


def _families() -> list[str]:
    """DejaVu, which comes with matplotlib, and for letters that it lacks those that are installed here."""
    known = {font.name for font in require("matplotlib.font_manager", "audit").fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _FONTS if name in known)]
