"""The marks as small multiples: a panel for each kind of spoiling, accuracy falling from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from ..evaluation.report import save
from .marks import Mark
from .reading import CROP, DETECTED
from .table import WAYS

_COLORS = ("#2b6ca3", "#d9822b", "#4a9a6a", "#9b5aa5", "#b8413a", "#5f6b7a")
_STYLES: dict[str, Literal["-", "--"]] = {DETECTED: "-", CROP: "--"}
_GRAY = "#8a8f98"
_COLUMNS = 3


def figure(rows: Sequence[Mark], title: str, path: Path) -> None:
    """Accuracy over all images by level, with 95 % intervals; of a single model also its mean confidence.

    Args:
        rows: from ``marks.marks``, the clean condition among them.
        title: what was measured.
        path: where the PNG goes.

    Raises:
        OutputError: it cannot be written.
    """
    panels = _panels(rows)
    models = list(dict.fromkeys(row.model for row in rows))
    lines = -(-len(panels) // _COLUMNS)
    drawn = Figure(figsize=(9, 2.35 * lines + 1.1), layout="constrained")
    grid = np.atleast_2d(drawn.subplots(lines, _COLUMNS, sharey=True))
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes, (name, families) in zip(grid.flat, panels.items()):
        _panel(axes, rows, families, models)
        axes.set_title(name, fontsize=11, fontweight="bold", loc="left")
    for axes in grid[:, 0]:
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    drawn.legend(handles=_legend(rows, models), frameon=False, ncols=3, loc="outside lower center", fontsize=10)
    drawn.suptitle(title, fontsize=12)
    save(drawn, path)


def _panels(rows: Sequence[Mark]) -> dict[str, list[str]]:
    """Families by panel: each its own, but those of one level stand together."""
    levels = {row.condition.family: 0 for row in rows if row.condition.level}
    for row in rows:
        if row.condition.level:
            levels[row.condition.family] = max(levels[row.condition.family], row.condition.level)
    panels: dict[str, list[str]] = {}
    for family, most in levels.items():
        crop_only = any(row.condition.crop_only for row in rows if row.condition.family == family)
        panels.setdefault(family if most > 1 else "badly cut" if crop_only else "covered", []).append(family)
    return panels


def _panel(axes: Axes, rows: Sequence[Mark], families: list[str], models: list[str]) -> None:
    names: list[str] = []
    for number, model in enumerate(models):
        for way, style in _STYLES.items():
            own = [row for row in rows if row.model == model and row.way == way]
            shown = [row for row in own if row.condition.level == 0]
            shown += [row for row in own if row.condition.family in families]
            if len(shown) < 2:
                continue
            colour, apart = _COLORS[number % len(_COLORS)], len(families) > 1
            places = np.arange(len(shown)) + 0.06 * (number - (len(models) - 1) / 2) * apart
            low, high = np.array([row.interval for row in shown]).T
            values = np.array([row.accuracy for row in shown])
            axes.plot(places, values, "o" if apart else f"o{style}", color=colour, markersize=4, linewidth=1.6,
                      fillstyle="full" if way == DETECTED else "none")  # fmt: skip
            if apart:
                axes.vlines(places, low, high, color=colour, linewidth=1)
            else:
                axes.fill_between(places, low, high, color=colour, alpha=0.13, linewidth=0)
            if len(models) == 1 and way == max((row.way for row in rows), key=list(_STYLES)[::-1].index):
                axes.plot(places, [row.confidence for row in shown], "_" if apart else ":", color=_GRAY,
                          linewidth=1.4, markersize=11)  # fmt: skip
            names = ["clean", *(row.condition.short for row in shown[1:])]
    axes.set_xticks(range(len(names)), names, fontsize=8.5)
    axes.set(ylim=(0, 1), xlim=(-0.35, len(names) - 0.65))
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(rows: Sequence[Mark], models: list[str]) -> list[Line2D]:
    ways = [way for way in _STYLES if any(row.way == way for row in rows)]
    handles = [
        Line2D([], [], color=_COLORS[number % len(_COLORS)], linestyle=_STYLES[way], marker="o", markersize=4,
               fillstyle="full" if way == DETECTED else "none", label=f"{model}, {WAYS[way]}")
        for number, model in enumerate(models) for way in ways
    ]  # fmt: skip
    if len(models) == 1:
        handles.append(Line2D([], [], color=_GRAY, linestyle=":", label="mean confidence"))
    return handles
