"""Figures of a comparison: accuracy against latency with the Pareto front, and learning curves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from ..evaluation.report import save
from .models import Engine
from .results import Comparison, Result

_GRAY = "#8a8f98"
_MARKERS = {Engine.ONNX: "o", Engine.TORCH: "s", Engine.SKLEARN: "^"}
_LINES: tuple[Literal["-"], Literal["--"], Literal[":"]] = ("-", "--", ":")


def pareto_figure(comparison: Comparison, path: Path) -> None:
    """Accuracy against latency; larger marks have more parameters; the dashed line is the Pareto front."""
    results = comparison.results
    figure = Figure(figsize=(9.5, 5.4), layout="constrained")
    axes = figure.subplots()
    times = np.array([result.latency.median for result in results])
    accuracies = np.array([result.scores.accuracy for result in results])
    for number, (result, x, y) in enumerate(zip(results, times, accuracies)):
        color = f"C{number % 10}"
        axes.plot([x, x], result.scores.interval, color=color, linewidth=1.2, alpha=0.7, zorder=2)
        axes.plot(result.latency.quartiles, [y, y], color=color, linewidth=1.2, alpha=0.7, zorder=2)
        area = 30 + 0.06 * math.sqrt(result.model.trained + (result.model.fixed or 0))
        marker = _MARKERS[result.model.engine]
        axes.scatter([x], [y], s=area, marker=marker, color=color, edgecolor="white", linewidth=0.8, zorder=3)
    front = pareto_front(times, accuracies)
    axes.step(times[front], accuracies[front], where="post", color=_GRAY, linestyle="--", linewidth=1.2, zorder=1)
    axes.set_xscale("log")
    axes.margins(0.12)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set(
        xlabel="ms per face (log scale; one image at a time, one thread; bars: quartiles)",
        ylabel="accuracy (bars: 95% confidence interval)",
    )
    _style(axes)
    handles = [
        Line2D([], [], color=f"C{number % 10}", marker=_MARKERS[one.model.engine], linestyle="", label=one.model.name)
        for number, one in enumerate(results)
    ]
    used = {result.model.engine for result in results}
    if len(used) > 1:
        handles += [
            Line2D([], [], color=_GRAY, marker=marker, linestyle="", label=engine.value)
            for engine, marker in _MARKERS.items()
            if engine in used
        ]
    if len(front) > 1:
        handles.append(Line2D([], [], color=_GRAY, linestyle="--", label="Pareto front"))
    figure.legend(handles=handles, frameon=False, loc="outside right upper", fontsize=9)
    figure.suptitle(f"Accuracy and latency: {comparison.data}, {comparison.split}\n{comparison.machine}", fontsize=11)
    save(figure, path)


def pareto_front(times: npt.NDArray[np.float64], accuracies: npt.NDArray[np.float64]) -> list[int]:
    """The models that no other beats in one of speed and accuracy without losing in the other.

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


def learning_curves(comparison: Comparison, path: Path) -> bool:
    """Validation accuracy and loss of all runs, over epochs and over training time; a dot marks the kept epoch.

    Returns:
        Whether there was a run with a history, and so a figure.
    """
    runs = sorted((one for one in comparison.results if one.model.history), key=lambda one: one.model.name)
    if not runs:
        return False
    figure = Figure(figsize=(11, 7.4), layout="constrained")
    panels = figure.subplots(2, 2, sharey="row", sharex="col")
    handles = []
    for number, result in enumerate(runs):
        color, line = f"C{number % 10}", _LINES[number // 10 % 3]
        emotions = len(result.model.classifier.heads[result.head].emotions)
        label = f"{result.model.name} ({emotions} emotions)"
        handles.append(Line2D([], [], color=color, linestyle=line, label=label))
        _draw_history(panels, result, color, line)
    panels[0, 0].set(ylabel="validation accuracy")
    panels[1, 0].set(ylabel="validation loss (nats)", xlabel="epoch")
    panels[1, 1].set(xlabel="minutes of training")
    panels[0, 0].yaxis.set_major_formatter(PercentFormatter(1))
    panels[1, 0].xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in panels.flat:
        _style(axes)
    handles.append(Line2D([], [], color=_GRAY, marker="o", linestyle="", label="epoch kept"))
    columns = min(4, len(handles))
    figure.legend(handles=handles, frameon=False, ncols=columns, loc="outside lower center", fontsize=9)
    figure.suptitle("Learning curves, each run on its own validation images and emotions", fontsize=11)
    save(figure, path)
    return True


def _draw_history(panels: Any, result: Result, color: str, line: str) -> None:
    history = result.model.history
    if history is None:
        return
    minutes = np.nancumsum(history.series("seconds")) / 60
    for row, column in zip(panels, (f"val_acc_{result.head}", "val_loss")):
        values = history.series(column)
        for axes, over in zip(row, (history.series("epoch"), minutes)):
            axes.plot(over, values, linewidth=1.5, marker="." if len(values) < 3 else "", color=color, linestyle=line)
            if history.kept is not None:
                axes.plot(over[history.kept], values[history.kept], "o", markersize=7, color=color)


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
