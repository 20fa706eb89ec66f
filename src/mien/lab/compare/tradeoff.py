"""What accuracy costs in time: a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter
from matplotlib.transforms import Bbox

from ..evaluate.report import save
from .members import ONNX, OTHER, TORCH
from .standing import Comparison, Standing
from .words import title

_COLORS = {ONNX: "#2b6ca3", TORCH: "#d9822b", OTHER: "#4a9a6a"}
_ENGINES = {ONNX: "onnxruntime", TORCH: "torch", OTHER: "ensemble"}
_GRAY = "#8a8f98"
#: Where a label may stand: how far from its point, in points, and in which direction; the first that is free is taken.
_PLACES = [
    (distance * x, distance * y)
    for distance, (x, y) in product(
        (1.0, 1.7, 2.6, 3.8, 5.2), ((9, 9), (9, -9), (11, 0), (-9, 9), (-9, -9), (-11, 0), (0, 13), (0, -13))
    )
]


def accuracy_latency(comparison: Comparison, path: Path) -> None:
    """Accuracy against the time that one face takes; larger marks have more parameters; the line joins the best trades."""
    rows = comparison.standings
    figure = Figure(figsize=(9, 5.8), layout="constrained")
    axes = figure.subplots()
    times = np.array([row.latency.median for row in rows])
    accuracies = np.array([row.scores.accuracy for row in rows])
    areas = _areas([row.member.trained + (row.member.fixed or 0) for row in rows])
    for row, x, y, area in zip(rows, times, accuracies, areas):
        low, high = row.scores.interval
        colour = _COLORS[row.member.engine]
        axes.plot([x, x], [low, high], color=colour, linewidth=1.2, alpha=0.7, zorder=2)
        axes.plot(row.latency.quartiles, [y, y], color=colour, linewidth=1.2, alpha=0.7, zorder=2)
        axes.scatter([x], [y], s=area, color=colour, edgecolor="white", linewidth=0.8, zorder=3)
    best = front(times, accuracies)
    axes.step(times[best], accuracies[best], where="post", color=_GRAY, linestyle="--", linewidth=1.2, zorder=1)
    axes.set_xscale("log")
    ends = np.array([row.latency.quartiles for row in rows])
    axes.set_xlim(ends.min() / 1.3, ends.max() * 1.6)  # names stand to the right
    axes.margins(y=0.1)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.set(
        xlabel="ms a face (log scale; one image at a time, one thread; bars: quartiles)",
        ylabel="accuracy (bars: 95 % interval)",
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    handles = _legend(rows)
    figure.legend(
        handles=handles, ncols=len(handles), frameon=False, loc="outside lower center", fontsize=8.5, columnspacing=1.3
    )
    figure.suptitle(f"Accuracy and speed: {title(comparison)}\n{comparison.machine}", fontsize=11)
    _name(figure, axes, rows, areas)
    save(figure, path)


def front(times: npt.NDArray[np.float64], accuracies: npt.NDArray[np.float64]) -> list[int]:
    """The Pareto front: the models that none other beats in one of speed and accuracy without losing in the other.

    Args:
        times: float (N,), lower is better.
        accuracies: float (N,), higher is better.

    Returns:
        Their rows, fastest first.
    """
    found: list[int] = []
    for row in sorted(range(len(times)), key=lambda i: (times[i], -accuracies[i])):
        if not found or accuracies[row] > accuracies[found[-1]]:
            found.append(row)
    return found


def _areas(parameters: Sequence[int]) -> npt.NDArray[np.float64]:
    """Marks whose area grows with the root of the count: a thousandfold count is still in sight."""
    return np.array([_area(count) for count in parameters])


def _area(count: int) -> float:
    return 24 + 0.06 * math.sqrt(count)


def _legend(rows: Sequence[Standing]) -> list[Line2D]:
    used = [engine for engine in _COLORS if any(row.member.engine == engine for row in rows)]
    dots = [
        Line2D([], [], marker="o", linestyle="", color=_COLORS[engine], markersize=7, label=_ENGINES[engine])
        for engine in used
    ]
    sizes = [
        Line2D([], [], marker="o", linestyle="", color=_GRAY, markersize=_area(count) ** 0.5, label=name)
        for count, name in ((10_000, "10 thousand parameters"), (1_000_000, "1 million"), (20_000_000, "20 million"))
    ]
    line = [Line2D([], [], color=_GRAY, linestyle="--", label="Pareto front")]
    times, accuracies = np.array([row.latency.median for row in rows]), np.array([row.scores.accuracy for row in rows])
    return [*dots, *(line if len(front(times, accuracies)) > 1 else []), *sizes]


def _name(figure: Figure, axes: Axes, rows: Sequence[Standing], areas: npt.NDArray[np.float64]) -> None:
    """Write the names where they cover no mark, bar, line or other name; a thin line leads to those far away."""
    figure.draw_without_rendering()
    points = figure.dpi / 72
    radii = np.sqrt(areas) / 2 + 1
    taken = _occupied(axes, rows, radii * points)
    inside = axes.get_window_extent()
    for row, radius in zip(rows, radii):
        grown = 1 + radius / 14
        for number, (x, y) in enumerate(
            (*_PLACES, _PLACES[0])
        ):  # where all is taken, the first place is as good as any
            label = axes.annotate(
                row.member.name, (row.latency.median, row.scores.accuracy), (x * grown, y * grown),
                textcoords="offset points", fontsize=9, va="center",
                ha="left" if x > 0 else "right" if x < 0 else "center",
                arrowprops=_lead(x) if number >= 8 else None,
            )  # fmt: skip
            label.get_window_extent()  # moves the text to its place, but takes in the line, which may cross other things
            box = Text.get_window_extent(label).padded(1)
            free = not any(box.overlaps(other) for other in taken)
            if number == len(_PLACES) or (free and inside.contains(*box.min) and inside.contains(*box.max)):
                taken.append(box)
                break
            label.remove()


def _lead(x: float) -> dict[str, object]:
    """A thin line from the near side of a name to its mark."""
    near = (0.0 if x > 0 else 1.0 if x < 0 else 0.5, 0.5)
    return {"arrowstyle": "-", "color": _GRAY, "linewidth": 0.6, "relpos": near}


def _occupied(axes: Axes, rows: Sequence[Standing], radii: npt.NDArray[np.float64]) -> list[Bbox]:
    """What names must not cover, in pixels: marks, bars, and the dashed front."""
    found = []

    def line(start: tuple[float, float], end: tuple[float, float]) -> None:
        found.append(Bbox(axes.transData.transform(np.array([start, end]))).padded(1))

    for row, radius in zip(rows, radii):
        x, y = row.latency.median, row.scores.accuracy
        found.append(Bbox(axes.transData.transform(np.array([(x, y), (x, y)]))).padded(radius))
        line((x, row.scores.interval[0]), (x, row.scores.interval[1]))
        line((row.latency.quartiles[0], y), (row.latency.quartiles[1], y))
    best = front(np.array([row.latency.median for row in rows]), np.array([row.scores.accuracy for row in rows]))
    for left, right in pairwise([rows[i] for i in best]):
        line((left.latency.median, left.scores.accuracy), (right.latency.median, left.scores.accuracy))
        line((right.latency.median, left.scores.accuracy), (right.latency.median, right.scores.accuracy))
    return found
