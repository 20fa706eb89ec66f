"""Evaluation report and figures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from rich.table import Table

from ...io.atomic import write_atomically
from ...stats import wilson
from .protocol import OFFICIAL, Evaluation, Result
from .scores import Scores, points

_BLUE, _ORANGE, _GREEN, _GRAY = "#2b6ca3", "#d9822b", "#4a9a6a", "#8a8f98"


def learning_curves(rows: Sequence[dict[str, float]], path: Path) -> None:
    """Losses on the left, validation accuracies on the right, over the epochs of a run."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in rows]
    for name in rows[-1]:
        axes = left if name.endswith("loss") else right if name.startswith("val_acc") else None
        if axes is not None:
            label = name.removeprefix("val_acc_")
            axes.plot(epochs, [row.get(name, float("nan")) for row in rows], marker="o", markersize=3, label=label)
    left.set(xlabel="epoch", ylabel="loss (nats)")
    right.set(xlabel="epoch", ylabel="validation accuracy")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    save(figure, path)


def confusion(scores: Scores, title: str, path: Path) -> None:
    """What each emotion was taken for: colors and percentages by row (right answer), counts in small print."""
    counts = np.array(scores.confusion)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = list(scores.classes)
    figure = Figure(figsize=(1.0 * len(names) + 2.2, 0.85 * len(names) + 1.8), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        ink = "white" if share > 0.55 else "#222222" if counts[row, column] else "#b8bec8"
        axes.text(column, row - 0.1, f"{100 * share:.0f} %", ha="center", va="center", color=ink, fontsize=11)
        axes.text(column, row + 0.24, f"{counts[row, column]:,}", ha="center", va="center", color=ink, fontsize=7)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    support = [f"{name} ({scores.classes[name].support:,})" for name in names]
    axes.set_yticks(range(len(names)), support)
    axes.set(xlabel="predicted", ylabel="right answer (images)")
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, format=PercentFormatter(1), label="share of the row", shrink=0.8)
    _titled(figure, title, f"accuracy {points(scores)}")
    save(figure, path)


def reliability_diagram(scores: Scores, title: str, path: Path) -> None:
    """Above, accuracy against confidence in bins of equal size; below, how many images have which confidence."""
    bins = scores.reliability
    figure = Figure(figsize=(6, 6.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    confidence, accuracy = np.array(bins.confidence), np.array(bins.accuracy)
    ends = np.array([wilson(round(share * n), n) for share, n in zip(bins.accuracy, bins.count)]).T
    spread = np.maximum([accuracy - ends[0], ends[1] - accuracy], 0)
    above.plot([0, 1], [0, 1], "--", color=_GRAY, linewidth=1, label="as sure as right")
    above.errorbar(
        confidence, accuracy, yerr=spread, fmt="o-", color=_BLUE, ecolor=_BLUE, elinewidth=1, capsize=2, markersize=4,
        label=f"{len(bins.count)} bins of about {round(scores.n / len(bins.count)):,} images, with 95 % intervals",
    )  # fmt: skip
    above.fill_between(confidence, confidence, accuracy, color=_ORANGE, alpha=0.25, linewidth=0, label="gap")
    above.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    above.legend(frameon=False, loc="lower right", fontsize=8)
    edges = np.linspace(0, 1, len(bins.histogram) + 1)
    bars = below.bar(edges[:-1], bins.histogram, width=np.diff(edges), align="edge", color=_BLUE, edgecolor="white")
    below.bar_label(bars, [f"{n:,}" if n else "" for n in bins.histogram], fontsize=6, padding=1)
    below.set(xlabel="confidence (probability of the emotion named)", ylabel="images")
    below.margins(y=0.18)
    for axes in (above, below):
        _calm(axes)
        axes.xaxis.set_major_formatter(PercentFormatter(1))
    above.yaxis.set_major_formatter(PercentFormatter(1))
    sure = f"ECE {scores.ece:.3f}, NLL {scores.nll:.3f} nats at temperature {scores.temperature:.2f}"
    _titled(figure, title, f"{sure}\naccuracy {points(scores)}")
    save(figure, path)


def class_bars(scores: Scores, title: str, path: Path) -> None:
    """Precision, recall and F1 of each emotion, side by side."""
    names = list(scores.classes)
    figure = Figure(figsize=(1.2 * len(names) + 1.5, 4.4), layout="constrained")
    axes = figure.subplots()
    for shift, (field, colour) in enumerate((("precision", _BLUE), ("recall", _ORANGE), ("f1", _GREEN)), start=-1):
        values = [getattr(entry, field) for entry in scores.classes.values()]
        bars = axes.bar(
            np.arange(len(names)) + 0.27 * shift, values, width=0.26, color=colour, label=field.replace("f1", "F1")
        )
        axes.bar_label(bars, [f"{100 * value:.0f}" for value in values], fontsize=8, padding=1)
    axes.set_xticks(range(len(names)), [f"{name}\nn = {entry.support:,}" for name, entry in scores.classes.items()])
    axes.set(ylabel="share", ylim=(0, 1.08))
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    _calm(axes, "y")
    figure.legend(*axes.get_legend_handles_labels(), frameon=False, ncols=3, loc="outside lower center")
    _titled(figure, title, f"macro-F1 {scores.macro_f1:.3f}, accuracy {points(scores)}")
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a figure to a PNG file, atomically."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_atomically(path, buffer.getvalue())


def _titled(figure: Figure, title: str, subtitle: str) -> None:
    figure.suptitle(f"{title}\n{subtitle}", fontsize=11)


def _calm(axes: Axes, grid: str = "both") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, axis=grid)  # type: ignore[arg-type]  # the stubs want a literal
    axes.set_axisbelow(True)


def table(evaluation: Evaluation) -> Table:
    """All results as a Rich table, one row a condition."""
    shown = Table(
        title=f"{evaluation.model} on {evaluation.data}, {evaluation.split}",
        caption=f"{evaluation.parameters:,} parameters; {evaluation.ms_per_image:.2f} ms an image in batches on "
        f"{evaluation.machine}; {evaluation.date}\n"
        "dedup: without exact copies of training images. 95 % interval after Wilson. NLL and KL in nats.",
    )
    for column in ("head", "images", "flip"):
        shown.add_column(column)
    for column in ("n", "accuracy %", "95 %", "macro-F1", "balanced %", "NLL", "ECE", "Brier", "KL to votes"):
        shown.add_column(column, justify="right", no_wrap=True)
    previous = ""
    for result in evaluation.results:
        if previous not in ("", result.head):
            shown.add_section()
        previous = result.head
        shown.add_row(*_cells(result))
    return shown


def as_json(evaluation: Evaluation) -> str:
    """All results as JSON text."""
    return json.dumps(evaluation.as_dict(), indent=2, ensure_ascii=False) + "\n"


def write_report(evaluation: Evaluation, out: Path) -> list[Path]:
    """Write ``evaluation.json``, ``per_class.csv`` and three figures for each head into ``out``.

    The figures show the whole split with mirror images averaged, as the reader works by default.

    Returns:
        The files written.

    Raises:
        OutputError: the folder cannot be written to.
    """
    written = [out / "evaluation.json", out / "per_class.csv"]
    write_atomically(written[0], as_json(evaluation).encode())
    write_atomically(written[1], _per_class(evaluation).encode())
    drawers = {
        "confusion": confusion,
        "reliability": reliability_diagram,
        "classes": class_bars,
    }
    for result in evaluation.results:
        if result.images == OFFICIAL and result.flip:
            title = f"{evaluation.model}: {result.title} ({evaluation.data}, {evaluation.split})"
            for kind, draw in drawers.items():
                written.append(out / f"{result.head}_{kind}.png")
                draw(result.scores, title, written[-1])
    return written


def _cells(result: Result) -> list[str]:
    scores = result.scores
    low, high = scores.interval
    return [
        result.head,
        result.images,
        "yes" if result.flip else "no",
        f"{scores.n:,}",
        f"{100 * scores.accuracy:.2f}",
        f"{100 * low:.1f}-{100 * high:.1f}",
        f"{scores.macro_f1:.3f}",
        f"{100 * scores.balanced_accuracy:.1f}",
        f"{scores.nll:.3f}",
        f"{scores.ece:.3f}",
        f"{scores.brier:.3f}",
        "" if scores.kl_to_votes is None else f"{scores.kl_to_votes:.3f}",
    ]


def _per_class(evaluation: Evaluation) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["head", "images", "flip", "emotion", "precision", "recall", "f1", "support"])
    for result in evaluation.results:
        for emotion, entry in result.scores.classes.items():
            figures_of = [f"{value:.4f}" for value in (entry.precision, entry.recall, entry.f1)]
            writer.writerow([result.head, result.images, result.flip, emotion, *figures_of, entry.support])
    return text.getvalue()
