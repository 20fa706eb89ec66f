"""Common parts of audit reports: page, JSON, CSV tables, and PNG figures with one row per group or gap."""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from enum import Enum
from typing import Any

from .. import report as doc
from ..drawing import COLORS, ink_on
from ..extras import require
from ..report import IntervalChart, Tone, count, escape

#: Groups of a column beyond these are left out of reports, and rows out of figures; the CSV files have all.
MAX_GROUPS, MAX_ROWS = 60, 40
_COLORS = {Tone.BAD: "#b4431f", Tone.GOOD: "#2e7d4f", Tone.MUTED: "#9aa1ad"}
_BLUE, _GRAY, _INK, _SOFT = "#2b6ca3", "#9aa1ad", "#1f2430", "#5d6474"
#: Fonts of other scripts on Linux, macOS and Windows, for names of groups.
_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "WenQuanYi Zen Hei", "Droid Sans Fallback",
    "Noto Sans Devanagari", "Noto Sans Thai", "Hiragino Sans GB", "PingFang SC", "Arial Unicode MS", "Microsoft YaHei",
    "Malgun Gothic", "Yu Gothic",
)  # fmt: skip
_ROW, _WIDTH = 0.3, 7.2  # inches
#: Smallest part of a bar that holds a number.
_MIN_PART = 0.055


def page(
    title: str,
    summary: str,
    blocks: Sequence[doc.Block],
    notes: Sequence[str],
    sections: Sequence[doc.Block],
    definitions: Mapping[str, str],
    metadata: Mapping[str, str] | None = None,
) -> doc.Document:
    """The document of an audit: first ``blocks``, notes, a section for each column of groups, and how to read it."""
    remarks = [doc.Text(escape(note), Tone.MUTED) for note in notes]
    how_to_read = doc.Details("How to read this", (doc.Definitions(tuple(definitions.items())),))
    return doc.Document(title, (*blocks, *remarks, *sections, how_to_read), escape(summary), metadata or {})


def group_remarks(one: Any, chart: doc.Block) -> Iterator[doc.Block]:
    """The chart of a column of groups between remarks on images without a group, and on groups left out."""
    if one.n_missing:
        yield doc.Text(f"{count(one.n_missing, 'image')} without a group here.", Tone.MUTED)
    yield chart
    if len(one.groups) > MAX_GROUPS:
        yield doc.Text(f"{len(one.groups) - MAX_GROUPS} more groups are in `groups.csv`.", Tone.MUTED)


def audit_json(result: Any, explain: Callable[[Any], str], **first: str) -> str:
    """A result as one JSON object, with ``first`` in front, and verdict and explanation of each column of groups."""
    made = {**first, **asdict(result)}
    for one, own in zip(result.attributes, made["attributes"]):
        own |= {"verdict": one.verdict, "explanation": explain(one)}
    return json.dumps(made, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def csv_bytes(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """CSV, UTF-8: numbers to six digits, true and false, empty for unknown; ``x_interval`` becomes ``x_low, x_high``."""
    flat = [dict(cell for name, value in row.items() for cell in _cells(name, value)) for row in rows]
    text = io.StringIO(newline="")
    columns = list(dict.fromkeys(name for row in flat for name in row)) or ["attribute"]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue().encode()


def _cells(name: str, value: Any) -> list[tuple[str, Any]]:
    if name.endswith("_interval"):
        low, high = value or (None, None)
        stem = name.removesuffix("_interval")
        return _cells(f"{stem}_low", low) + _cells(f"{stem}_high", high)
    if isinstance(value, dict):
        return [cell for key, own in value.items() for cell in _cells(f"{name}_{key}", own)]
    if isinstance(value, bool):
        return [(name, "true" if value else "false")]
    if isinstance(value, Enum):
        return [(name, value.value)]
    return [(name, f"{value:.6g}" if isinstance(value, float) else value)]


def interval_png(charts: Sequence[tuple[str, IntervalChart]], title: str, axis: str) -> bytes:
    """Draw interval charts, each named by its column of groups, below each other; values are shown in percent.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    rows = [(name, [(row.label, row) for row in chart.rows if row.value is not None]) for name, chart in charts]
    figure, axes, placed = _rows_figure(rows)
    for at, row in placed:
        color = _COLORS.get(row.tone, _BLUE)
        if row.chance is not None:
            axes.barh(at, 100 * row.chance, height=0.55, color="#e4e7ec", zorder=1)
        if row.low is not None:
            axes.plot([100 * row.low, 100 * row.high], [at, at], color=color, linewidth=2.2, zorder=2)
        fill = "white" if row.hollow else color
        axes.plot(100 * row.value, at, "o", markersize=7, markeredgecolor=color, markerfacecolor=fill, zorder=3)
        _remark(axes, at, row.text)
    for reference in {chart.reference for _, chart in charts if chart.reference is not None}:
        axes.axvline(100 * reference, color=_GRAY, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.set_xlabel(axis)
    return _png(figure, title)


def shares_png(columns: Sequence[tuple[str, Sequence[tuple[str, int, Mapping[str, float]]]]], title: str) -> bytes:
    """Draw the shares of emotions as stacked bars: for each column of groups, name, faces and shares of each group."""
    figure, axes, placed = _rows_figure([(name, [(group[0], group) for group in groups]) for name, groups in columns])
    emotions: dict[str, None] = {}
    for at, (_, n, shares) in placed:
        left = 0.0
        for emotion, share in shares.items():
            emotions[emotion] = None
            fill = COLORS[emotion]
            axes.barh(at, 100 * share, left=left, height=0.74, color=_css(fill), edgecolor="white", linewidth=0.6)
            if share >= _MIN_PART:
                middle, ink = left + 50 * share, _css(ink_on(fill))
                axes.text(middle, at, f"{100 * share:.0f}", ha="center", va="center", fontsize=7.5, color=ink)
            left += 100 * share
        _remark(axes, at, f"n = {n:,}")
    axes.set_xlim(0, 100)
    axes.grid(visible=False)
    axes.set_xlabel("predicted, % of the faces found")
    patch = require("matplotlib.patches", "audit").Patch
    handles = [patch(color=_css(COLORS[emotion]), label=emotion) for emotion in emotions]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), fontsize=8, ncols=5, frameon=False)
    return _png(figure, title)


def _rows_figure(sections: Sequence[tuple[str, Sequence[tuple[str, Any]]]]) -> tuple[Any, Any, list[tuple[int, Any]]]:
    """A figure, its axes, and the position of each entry, from the labeled entries of each column of groups."""
    labels: list[str] = []
    placed, heads = [], []
    for name, rows in sections:
        heads.append(len(labels))
        labels.append(f"by {name}")
        for label, row in rows[:MAX_ROWS]:
            placed.append((-len(labels), row))
            labels.append(label)
    figure = require("matplotlib.figure", "audit").Figure(figsize=(_WIDTH, 1 + _ROW * len(labels)), facecolor="white")
    axes = figure.subplots()
    axes.set_yticks([-place for place in range(len(labels))], labels, fontsize=8.5, color=_INK)
    for head in heads:
        axes.get_yticklabels()[head].set_fontweight("bold")
    axes.set_ylim(-len(labels) + 0.3, 0.7)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8, colors=_SOFT)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    return figure, axes, placed


def _remark(axes: Any, at: float, text: str) -> None:
    """Text at the end of a row."""
    place = {"xycoords": ("axes fraction", "data"), "xytext": (8, 0), "textcoords": "offset points"}
    axes.annotate(text, (1.0, at), va="center", color=_SOFT, fontsize=7.5, **place)


def _png(figure: Any, title: str) -> bytes:
    axes = figure.axes[0]
    axes.set_title(title, loc="left", fontsize=11, color=_INK, pad=26)
    axes.xaxis.label.set(size=8, color=_SOFT)
    installed = {font.name for font in require("matplotlib.font_manager", "audit").fontManager.ttflist}
    for text in figure.findobj(require("matplotlib.text", "audit").Text):
        text.set_parse_math(False)  # a group may be called $10k-$20k
        text.set_fontfamily(["DejaVu Sans", *(name for name in _FONTS if name in installed)])
    file = io.BytesIO()
    with warnings.catch_warnings():  # letters without an installed font are drawn as boxes
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)
        figure.savefig(file, format="png", dpi=150, bbox_inches="tight", pad_inches=0.15)
    return file.getvalue()


def _css(color: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
