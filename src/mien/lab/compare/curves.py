"""How the runs of a comparison learned, side by side."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..evaluate.report import save
from .standing import Comparison, Standing

_GRAY = "#8a8f98"


def curves(comparison: Comparison, path: Path) -> bool:
    """Validation accuracy and loss of all runs, over epochs and over training time; a dot marks the epoch kept.

    Returns:
        Whether there was a run with a history, and so a figure.
    """
    runs = sorted((row for row in comparison.standings if row.member.record), key=lambda row: row.member.name)
    if not runs:
        return False
    figure = Figure(figsize=(11, 7.4), layout="constrained")
    panels = figure.subplots(2, 2, sharey="row", sharex="col")
    for number, row in enumerate(runs):
        record = row.member.record
        if record is None:
            continue
        style = {"color": f"C{number % 10}", "linestyle": ("-", "--", ":")[number // 10 % 3]}
        for line, column in enumerate((f"val_acc_{row.head}", "val_loss")):
            values = record.series(column)
            for axes, over in zip(panels[line], (record.series("epoch"), record.minutes())):
                axes.plot(over, values, linewidth=1.5, marker="." if len(values) < 3 else "", **style)
                if record.kept is not None:
                    axes.plot(over[record.kept], values[record.kept], "o", markersize=7, color=style["color"])
    panels[0, 0].set(ylabel="validation accuracy")
    panels[1, 0].set(ylabel="validation loss (nats)", xlabel="epoch")
    panels[1, 1].set(xlabel="minutes of training")
    panels[0, 0].yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    panels[1, 0].xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in panels.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    handles = [
        Line2D([], [], color=f"C{n % 10}", linestyle=("-", "--", ":")[n // 10 % 3], label=_known(row))
        for n, row in enumerate(runs)
    ]
    handles.append(Line2D([], [], color=_GRAY, marker="o", linestyle="", label="epoch kept"))
    figure.legend(handles=handles, frameon=False, ncols=min(4, len(handles)), loc="outside lower center", fontsize=9)
    figure.suptitle("Learning curves, each run on its own validation images and emotions", fontsize=11)
    save(figure, path)
    return True


def _known(row: Standing) -> str:
    count = len(row.member.classifier.heads[row.head].emotions)
    return f"{row.member.name} ({count} emotions)"
