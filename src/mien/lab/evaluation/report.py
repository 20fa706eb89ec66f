"""The evaluation report: metrics of every head, per-class scores, confusion matrices and reliability diagrams."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ...io.atomic import write_all, write_atomically
from ...report import Block, Cell, Column, Document, Figure, Note, Row, Section, Table, Tone, count, interval, percent
from ...stats import wilson
from .evaluate import OFFICIAL, Evaluation
from .metrics import Scores, accuracy_text, weaknesses

_BLUE, _ORANGE, _GREEN, _GRAY = "#2b6ca3", "#d9822b", "#4a9a6a", "#8a8f98"


def table(names: Sequence[str], rows: Sequence[tuple[Cell, ...]], words: int = 1, caption: str = "") -> Table:
    """A table whose first ``words`` columns hold words, the others numbers."""
    columns = tuple(Column(name, "left" if place < words else "right") for place, name in enumerate(names))
    return Table(columns, tuple(rows), caption)


def evaluation_report(evaluation: Evaluation, *, figures: bool = True) -> Document:
    """Turn an evaluation into a report; ``figures`` adds diagrams for each head."""
    rows = [
        (
            one.head, one.images, "yes" if one.flip else "no", count(s.n), percent(s.accuracy, 2), interval(s.interval),
            f"{s.macro_f1:.3f}", percent(s.balanced_accuracy), f"{s.nll:.3f}", percent(s.ece), f"{s.brier:.3f}",
            None if s.kl_to_votes is None else f"{s.kl_to_votes:.3f}",
        )
        for one in evaluation.results
        for s in [one.scores]
    ]  # fmt: skip
    names = ("n", "accuracy", "95% CI", "macro-F1", "balanced", "NLL", "ECE", "Brier", "KL to votes")
    caption = (
        "official: the whole split; dedup: without exact copies of training images; flip: mirror images averaged. "
        "Intervals after Wilson (1927); ECE over 15 equal-mass bins; NLL and KL in nats."
    )
    sections = [_head_section(head, scores, figures=figures) for head, scores in evaluation.main().items()]
    return Document(
        f"Evaluation: {evaluation.model} on {evaluation.data}, {evaluation.split}",
        (table(("head", "images", "flip", *names), rows, words=3, caption=caption), *sections),
        metadata={
            "parameters": count(evaluation.parameters),
            "speed": f"{evaluation.ms_per_image:.2f} ms per image, in batches",
            "machine": evaluation.machine,
            "date": evaluation.date,
        },
    )


def _head_section(head: str, scores: Scores, *, figures: bool) -> Section:
    rows = [
        (name, count(one.support), percent(one.precision), percent(one.recall), f"{one.f1:.2f}")
        for name, one in scores.classes.items()
    ]
    notes = [Note(f"Head {head} {weakness.value}.", Tone.BAD) for weakness in weaknesses(scores)]
    blocks: list[Block] = [*notes, table(("emotion", "n", "precision", "recall", "F1"), rows)]
    if figures:
        names = ("Confusion matrix", "Reliability diagram", "Classes")
        drawn = [Figure(png(draw(scores)), f"{name} of head {head}") for draw, name in zip(_DIAGRAMS.values(), names)]
        blocks += [Row((drawn[0], drawn[1])), drawn[2]]
    return Section(f"Head {head}", tuple(blocks))


def write_report(evaluation: Evaluation, out: Path) -> list[Path]:
    """Write ``evaluation.json``, ``evaluation.html``, ``per_class.csv`` and three figures for each head; return the paths.

    The figures show the whole split with mirror images averaged, as the reader works by default.
    """
    per_class = pd.DataFrame(
        {"head": one.head, "images": one.images, "flip": one.flip, "emotion": emotion, **asdict(scores)}
        for one in evaluation.results
        for emotion, scores in one.scores.classes.items()
    )
    files = {
        "evaluation.json": evaluation.to_json().encode(),
        "per_class.csv": per_class.to_csv(index=False, float_format="%.4f").encode(),
        "evaluation.html": evaluation_report(evaluation).to_html().encode(),
    }
    for head, scores in evaluation.main().items():
        title = f"{evaluation.model}: {head}, {OFFICIAL}, flip ({evaluation.data}, {evaluation.split})"
        files |= {f"{head}_{name}": content for name, content in diagrams(scores, title).items()}
    return write_all(out, files)


def diagrams(scores: Scores, title: str) -> dict[str, bytes]:
    """``confusion.png``, ``reliability.png`` and ``classes.png``."""
    return {f"{name}.png": png(draw(scores, title)) for name, draw in _DIAGRAMS.items()}


def learning_curves(rows: Sequence[dict[str, float]], label_sets: Mapping[str, str] | None = None) -> MatplotlibFigure:
    """Losses on the left, validation accuracies on the right, over the epochs of a run; ``label_sets`` by head."""
    figure = MatplotlibFigure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in rows]
    for name in rows[-1]:
        axes = left if name.endswith("loss") else right if name.startswith("val_acc") else None
        if axes is not None:
            label = name.removeprefix("val_acc_")
            label += f" ({label_sets[label]})" if label_sets and label in label_sets else ""
            axes.plot(epochs, [row.get(name, float("nan")) for row in rows], marker="o", markersize=3, label=label)
    left.set(xlabel="epoch", ylabel="loss (nats)")
    right.set(xlabel="epoch", ylabel="validation accuracy")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
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


def _titled(figure: MatplotlibFigure, title: str, subtitle: str) -> MatplotlibFigure:
    figure.suptitle(f"{title}\n{subtitle}".strip(), fontsize=11)
    return figure


def _frameless(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)


_DIAGRAMS = {"confusion": confusion, "reliability": reliability_diagram, "classes": class_bars}
