"""Certainty in images: one line a head of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ...types import SHARE
from ..evaluate.report import save
from .measure import HeadCertainty

_COLORS = ("#2b6ca3", "#d9822b", "#4a9a6a", "#8b5fbf", "#c0504d", "#5f6b7a")


def reliability(found: Sequence[HeadCertainty], path: Path) -> None:
    """Accuracy against confidence, in bins of equal size."""

    def draw(axes: Axes, one: HeadCertainty, colour: str) -> None:
        label = f"{one.model}, {one.head}: ECE {100 * one.overall.ece.value:.1f} %"
        axes.plot(one.bins.confidence, one.bins.accuracy, "o-", color=colour, markersize=4, label=label)

    def furnish(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], "--", color="#8a8f98", linewidth=1, label="as often right as sure")
        axes.set(xlabel="confidence (probability of the emotion named)", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))

    _drawn(found, draw, furnish, path)


def risk_coverage(found: Sequence[HeadCertainty], path: Path) -> None:
    """The share of wrong answers against the share of faces answered, the surest first."""

    def draw(axes: Axes, one: HeadCertainty, colour: str) -> None:
        answered = one.answered
        label = f"{one.model}, {one.head}: AURC {answered.area:.3f}"
        axes.plot(answered.coverage, answered.risk, color=colour, label=label)
        level, coverage, accuracy, _ = next(row for row in answered.rows if row[0] == 0.5)
        axes.plot(coverage, 1 - accuracy, "o", color=colour)
        axes.annotate(
            f"{level:g}", (coverage, 1 - accuracy), (-4, 5), textcoords="offset points", ha="right", fontsize=8
        )

    def furnish(axes: Axes) -> None:
        axes.set(xlabel="share of the faces answered, the surest first", ylabel="wrong among those", xlim=(0, 1))
        axes.plot([], [], "o", color="#8a8f98", label="the reader's default: confidence 0.5")
        axes.set_ylim(bottom=0)

    _drawn(found, draw, furnish, path)


def mixed(found: Sequence[HeadCertainty], path: Path) -> None:
    """Precision against recall of the faces that divide people, along the share of votes asked for."""

    def draw(axes: Axes, one: HeadCertainty, colour: str) -> None:
        if one.mixed is None:
            return
        rows = np.array(one.mixed.rows)
        label = f"{one.model}, {one.head}: average precision {one.mixed.average_precision:.2f}"
        axes.plot(rows[:, 3], rows[:, 2], "o-", color=colour, markersize=4, label=label)
        for share, _, precision, recall, *_ in one.mixed.rows[::2]:
            weight = "bold" if share == SHARE else "normal"
            axes.annotate(
                f"{share:g}", (recall, precision), (5, 4), textcoords="offset points", fontsize=8, fontweight=weight
            )
        axes.axhline(one.mixed.chance, color="#8a8f98", linewidth=1, linestyle="--")

    def furnish(axes: Axes) -> None:
        axes.plot([], [], "--", color="#8a8f98", label="a blind guess")
        axes.set(xlabel="recall of the faces that divide people", ylabel="precision", xlim=(0, 1), ylim=(0, 1))

    _drawn(found, draw, furnish, path)


def _drawn(
    found: Sequence[HeadCertainty],
    draw: Callable[[Axes, HeadCertainty, str], None],
    furnish: Callable[[Axes], None],
    path: Path,
) -> None:
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    axes = figure.subplots()
    for number, one in enumerate(found):
        draw(axes, one, _COLORS[number % len(_COLORS)])
    furnish(axes)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8)
    save(figure, path)
