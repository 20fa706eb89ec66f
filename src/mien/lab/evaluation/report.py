"""The evaluation report: metrics of every head, per-class scores, confusion matrices and reliability diagrams."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.ticker import PercentFormatter

from ...io.atomic import write_atomically
from ...report import Block, Column, Document, Figure, Row, Section, Table, count, interval, percent
from ...stats import wilson
from .evaluate import OFFICIAL, Evaluation, Result
from .metrics import Scores, accuracy_text

_BLUE, _ORANGE, _GREEN, _GRAY = "#2b6ca3", "#d9822b", "#4a9a6a", "#8a8f98"
_NUMBERS = ("n", "accuracy", "95% CI", "macro-F1", "balanced", "NLL", "ECE", "Brier", "KL to votes")


def evaluation_report(evaluation: Evaluation, *, figures: bool = True) -> Document:
    """Turn an evaluation into a report; ``figures`` adds diagrams for each head."""
    columns = (*map(Column, ("head", "images", "flip")), *(Column(name, "right") for name in _NUMBERS))
    table = Table(
        columns,
        tuple(_cells(result) for result in evaluation.results),
        caption="official: the whole split; dedup: without exact copies of training images; flip: mirror images averaged. "
        "Intervals after Wilson (1927); ECE over 15 equal-mass bins; NLL and KL in nats.",
    )
    sections: list[Block] = [_head_section(result, figures=figures) for result in _main(evaluation)]
    return Document(
        f"Evaluation: {evaluation.model} on {evaluation.data}, {evaluation.split}",
        (table, *sections),
        metadata={
            "parameters": count(evaluation.parameters),
            "speed": f"{evaluation.ms_per_image:.2f} ms per image, in batches",
            "machine": evaluation.machine,
            "date": evaluation.date,
        },
    )


def write_report(evaluation: Evaluation, out: Path) -> list[Path]:
    """Write ``evaluation.json``, ``evaluation.html``, ``per_class.csv`` and three figures for each head into ``out``.

    The figures show the whole split with mirror images averaged, as the reader works by default.

    Returns:
        The files written.

    Raises:
        OutputError: the folder cannot be written to.
    """
    written = [out / "evaluation.json", out / "per_class.csv", out / "evaluation.html"]
    write_atomically(written[0], evaluation.to_json().encode())
    write_atomically(written[1], _per_class(evaluation).encode())
    evaluation_report(evaluation).write(written[2])
    for result in _main(evaluation):
        title = f"{evaluation.model}: {result.title} ({evaluation.data}, {evaluation.split})"
        for kind, draw in (("confusion", confusion), ("reliability", reliability_diagram), ("classes", class_bars)):
            written.append(out / f"{result.head}_{kind}.png")
            save(draw(result.scores, title), written[-1])
    return written


def learning_curves(rows: Sequence[dict[str, float]]) -> MatplotlibFigure:
    """Losses on the left, validation accuracies on the right, over the epochs of a run."""
    figure = MatplotlibFigure(figsize=(10, 4), layout="constrained")
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
    return figure


def confusion(scores: Scores, title: str = "") -> MatplotlibFigure:
    """The confusion matrix: percentages by row (true class), with counts."""
    counts, names = np.array(scores.confusion), list(scores.classes)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure = MatplotlibFigure(figsize=(1.0 * len(names) + 2.2, 0.85 * len(names) + 1.8), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        ink = "white" if share > 0.55 else "#222222" if counts[row, column] else "#b8bec8"
        axes.text(column, row - 0.1, f"{100 * share:.0f}%", ha="center", va="center", color=ink, fontsize=11)
        axes.text(column, row + 0.24, f"{counts[row, column]:,}", ha="center", va="center", color=ink, fontsize=7)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), [f"{name} ({scores.classes[name].support:,})" for name in names])
    axes.set(xlabel="predicted", ylabel="true class (images)")
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, format=PercentFormatter(1), label="share of the row", shrink=0.8)
    return _titled(figure, title, f"accuracy {accuracy_text(scores)}")


def reliability_diagram(scores: Scores, title: str = "") -> MatplotlibFigure:
    """Above, accuracy against confidence in equal-mass bins; below, the distribution of confidence."""
    bins = scores.reliability
    figure = MatplotlibFigure(figsize=(6, 6.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    confidence, accuracy = np.array(bins.confidence), np.array(bins.accuracy)
    ends = np.array([wilson(round(share * n), n) for share, n in zip(bins.accuracy, bins.count)]).T
    spread = np.maximum([accuracy - ends[0], ends[1] - accuracy], 0)
    above.plot([0, 1], [0, 1], "--", color=_GRAY, linewidth=1, label="perfect calibration")
    above.errorbar(
        confidence, accuracy, yerr=spread, fmt="o-", color=_BLUE, ecolor=_BLUE, elinewidth=1, capsize=2, markersize=4,
        label=f"{len(bins.count)} bins of about {round(scores.n / len(bins.count)):,} images, 95% CI",
    )  # fmt: skip
    above.fill_between(confidence, confidence, accuracy, color=_ORANGE, alpha=0.25, linewidth=0, label="gap")
    above.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    above.legend(frameon=False, loc="lower right", fontsize=8)
    edges = np.linspace(0, 1, len(bins.histogram) + 1)
    bars = below.bar(edges[:-1], bins.histogram, width=np.diff(edges), align="edge", color=_BLUE, edgecolor="white")
    below.bar_label(bars, [f"{n:,}" if n else "" for n in bins.histogram], fontsize=6, padding=1)
    below.set(xlabel="confidence", ylabel="images")
    below.margins(y=0.18)
    for axes in (above, below):
        _frameless(axes)
        axes.xaxis.set_major_formatter(PercentFormatter(1))
    above.yaxis.set_major_formatter(PercentFormatter(1))
    quality = f"ECE {percent(scores.ece)}, NLL {scores.nll:.3f} nats at temperature {scores.temperature:.2f}"
    return _titled(figure, title, f"{quality}\naccuracy {accuracy_text(scores)}")


def class_bars(scores: Scores, title: str = "") -> MatplotlibFigure:
    """Precision, recall and F1 of each emotion."""
    names = list(scores.classes)
    figure = MatplotlibFigure(figsize=(1.2 * len(names) + 1.5, 4.4), layout="constrained")
    axes = figure.subplots()
    for shift, (name, color) in enumerate((("precision", _BLUE), ("recall", _ORANGE), ("f1", _GREEN)), start=-1):
        values = [getattr(entry, name) for entry in scores.classes.values()]
        places, label = np.arange(len(names)) + 0.27 * shift, "F1" if name == "f1" else name
        bars = axes.bar(places, values, width=0.26, color=color, label=label)
        axes.bar_label(bars, [f"{100 * value:.0f}" for value in values], fontsize=8, padding=1)
    axes.set_xticks(range(len(names)), [f"{name}\nn = {entry.support:,}" for name, entry in scores.classes.items()])
    axes.set(ylabel="share", ylim=(0, 1.08))
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    _frameless(axes)
    figure.legend(*axes.get_legend_handles_labels(), frameon=False, ncols=3, loc="outside lower center")
    return _titled(figure, title, f"macro-F1 {scores.macro_f1:.3f}, accuracy {accuracy_text(scores)}")


def png(figure: MatplotlibFigure) -> bytes:
    """The figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def save(figure: MatplotlibFigure, path: Path) -> None:
    """Write a figure to a PNG file, atomically."""
    write_atomically(path, png(figure))


def _main(evaluation: Evaluation) -> list[Result]:
    return [result for result in evaluation.results if result.images == OFFICIAL and result.flip]


def _head_section(result: Result, *, figures: bool) -> Section:
    names = (Column("emotion"), *(Column(name, "right") for name in ("n", "precision", "recall", "F1")))
    classes = result.scores.classes.items()
    rows = [(name, count(s.support), percent(s.precision), percent(s.recall), f"{s.f1:.2f}") for name, s in classes]
    blocks: list[Block] = [Table(names, tuple(rows))]
    if figures:
        drawings = (
            (confusion, "Confusion matrix"),
            (reliability_diagram, "Reliability diagram"),
            (class_bars, "Classes"),
        )
        drawn = [Figure(png(draw(result.scores)), f"{name} of head {result.head}") for draw, name in drawings]
        blocks += [Row((drawn[0], drawn[1])), drawn[2]]
    return Section(f"Head {result.head}", tuple(blocks))


def _titled(figure: MatplotlibFigure, title: str, subtitle: str) -> MatplotlibFigure:
    figure.suptitle(f"{title}\n{subtitle}".strip(), fontsize=11)
    return figure


def _frameless(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)


def _cells(result: Result) -> tuple[str | None, ...]:
    scores = result.scores
    return (
        result.head,
        result.images,
        "yes" if result.flip else "no",
        count(scores.n),
        percent(scores.accuracy, 2),
        interval(scores.interval),
        f"{scores.macro_f1:.3f}",
        percent(scores.balanced_accuracy),
        f"{scores.nll:.3f}",
        percent(scores.ece),
        f"{scores.brier:.3f}",
        None if scores.kl_to_votes is None else f"{scores.kl_to_votes:.3f}",
    )


def _per_class(evaluation: Evaluation) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["head", "images", "flip", "emotion", "precision", "recall", "f1", "support"])
    for result in evaluation.results:
        for emotion, entry in result.scores.classes.items():
            values = [f"{value:.4f}" for value in (entry.precision, entry.recall, entry.f1)]
            writer.writerow([result.head, result.images, result.flip, emotion, *values, entry.support])
    return text.getvalue()
