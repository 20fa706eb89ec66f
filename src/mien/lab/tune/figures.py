"""The figures of a study: how it went, and which fields mattered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import optuna
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

from ..evaluate.report import save
from ..evaluate.scores import wilson
from .results import Row, best_row, ranked
from .space import Space

_BLUE, _ORANGE, _GREEN, _GRAY = "#2b6ca3", "#d9822b", "#4a9a6a", "#8a8f98"
_PERCENT = FuncFormatter(lambda share, _position: f"{100 * share:.4g} %")
#: With fewer finished trials than this, importances say nothing.
FEWEST_FOR_IMPORTANCE = 4


def draw_history(rows: Sequence[Row], space: Space, title: str, path: Path, judged: Mapping[str, int]) -> None:
    """The objective of each trial, in their order, and the best so far.

    Args:
        rows: the study's trials.
        space: says what the objective is.
        title: what was tuned on which images.
        path: the PNG file.
        judged: on how many images each head was judged; of a single head the best score gets its 95 % interval.
    """
    figure = Figure(figsize=(9, 4.8), layout="constrained")
    axes = figure.subplots()
    done, pruned = ranked(rows, space), [row for row in rows if row.state == "pruned"]
    if done:
        axes.scatter(_numbers(done), _values(done, space), color=_BLUE, s=42, zorder=3, label=f"finished ({len(done)})")
    if pruned:
        axes.scatter(
            _numbers(pruned), _values(pruned, space), facecolors="white", edgecolors=_GRAY, s=36, zorder=3,
            label=f"pruned: after its last epoch ({len(pruned)})",
        )  # fmt: skip
    _best_so_far(axes, rows, space)
    best = best_row(rows, space)
    if best is not None and best.score is not None and space.rising and len(judged) == 1:
        n = next(iter(judged.values()))
        low, high = wilson(round(best.score * n), n)
        axes.axhspan(low, high, color=_GREEN, alpha=0.12, linewidth=0, label=f"95 % interval of the best, n = {n:,}")
    lost = _numbers([row for row in rows if row.state in ("failed", "interrupted")])
    if lost:  # they have no value: mark them below the axis' lowest
        axes.scatter(
            lost, [0.03] * len(lost), marker="x", color=_ORANGE, transform=axes.get_xaxis_transform(), zorder=3,
            label=f"failed or interrupted ({len(lost)})",
        )  # fmt: skip
    axes.set(xlabel="trial", ylabel=_named(space, judged))
    axes.margins(y=0.14)
    axes.set_xlim(-0.6, max(_numbers(rows), default=0) + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if space.rising:
        axes.yaxis.set_major_formatter(_PERCENT)
    if not done and not pruned:  # an axis without values would make some up
        axes.set_ylim(0, 1)
    _calm(axes, "both")
    figure.legend(*axes.get_legend_handles_labels(), frameon=False, ncols=4, loc="outside lower center", fontsize=9)
    found = "no trial has finished" if best is None else f"best: trial {best.number}, {_spelled(best, space)}"
    figure.suptitle(f"{title}\n{found}", fontsize=11)
    save(figure, path)


def draw_importance(study: optuna.Study, space: Space, title: str, path: Path) -> bool:
    """Which share of the differences between finished trials each field explains, after fANOVA (Hutter et al. 2014).

    Args:
        study: its trials.
        space: names the objective.
        title: what was tuned on which images.
        path: the PNG file.

    Returns:
        Whether there was enough to draw: ``FEWEST_FOR_IMPORTANCE`` finished trials that differ.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(trials) < FEWEST_FOR_IMPORTANCE or len({trial.value for trial in trials}) == 1:
        return False
    shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=space.seed))
    if not shares or not all(map(math.isfinite, shares.values())):
        return False
    names, values = list(shares)[::-1], np.array(list(shares.values()))[::-1]
    figure = Figure(figsize=(8, 0.5 * len(names) + 2.0), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(names, values, color=_BLUE, height=0.62)
    axes.bar_label(bars, [f"{100 * value:.0f} %" for value in values], padding=4, fontsize=10)
    axes.set(
        xlabel=f"share of the differences in {space.objective} that the field explains (all fields: 100 %)",
        xlim=(0, 1.15 * values.max()),
    )
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.tick_params(axis="y", length=0)
    _calm(axes, "x")
    few = " (few: a rough guide)" if len(trials) < 10 * len(names) else ""
    figure.suptitle(f"{title}\nfANOVA over {len(trials)} finished trials{few}", fontsize=11)
    save(figure, path)
    return True


def _best_so_far(axes: Axes, rows: Sequence[Row], space: Space) -> None:
    done = sorted(ranked(rows, space), key=lambda row: row.number)
    better = np.maximum if space.rising else np.minimum
    line = better.accumulate(_values(done, space)).tolist() if done else []
    if not line:
        return
    axes.step(
        [*_numbers(done), rows[-1].number],
        [*line, line[-1]],
        where="post",
        color=_GREEN,
        linewidth=1.8,
        label="best so far",
    )
    best = best_row(rows, space)
    if best is not None:
        axes.scatter([best.number], [line[-1]], s=150, facecolors="none", edgecolors=_GREEN, linewidths=1.8, zorder=4)


def _numbers(rows: Sequence[Row]) -> list[int]:
    return [row.number for row in rows]


def _values(rows: Sequence[Row], space: Space) -> list[float]:
    found = [row.objective(space) for row in rows]
    return [math.nan if value is None else value for value in found]


def _named(space: Space, judged: Mapping[str, int]) -> str:
    if not space.rising:
        return "loss (nats)"
    return f"accuracy of {next(iter(judged))}" if len(judged) == 1 else "accuracy, mean of the heads"


def _spelled(row: Row, space: Space) -> str:
    value = row.objective(space) or 0.0
    return f"{100 * value:.2f} %" if space.rising else f"{value:.4f} nats"


def _calm(axes: Axes, grid: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, axis=grid)  # type: ignore[arg-type]  # the stubs want a literal
    axes.set_axisbelow(True)
