"""The calibration report: tables and figures of several models."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.ticker import PercentFormatter

from ..io.atomic import write_atomically
from ..report import Block, Cell, Column, Document, Figure, Row, Section, Table, Text, count, interval, number, percent
from ..stats import Estimate
from ..types import SHARE
from .calibration import HeadCalibration
from .evaluation.evaluate import OFFICIAL
from .evaluation.report import png

_COLORS = ("#2b6ca3", "#d9822b", "#4a9a6a", "#8b5fbf", "#c0504d", "#5f6b7a")
#: Title, explanation, column names and rows of a section.
_Content = tuple[str, str, Sequence[str], Sequence[tuple[Cell, ...]]]


def calibration_report(found: Sequence[HeadCalibration], *, figures: bool = True) -> Document:
    """Turn measured calibration into a report; ``figures`` adds the diagrams."""
    whole = [one for one in found if one.images == OFFICIAL]
    sections = [*_calibration(found, whole), *_votes(found, whole), _abstention(whole)]
    blocks: list[Block] = [_section(*section) for section in sections if section[-1]]
    if figures:
        drawn = [Figure(png(draw(some)), alt) for draw, alt, some in _drawings(whole)]
        blocks.append(Section("Figures", (Row(tuple(drawn)),)))
    models = ", ".join(dict.fromkeys(one.model for one in found))
    metadata = {"data": found[0].data, "split": found[0].split} if found else {}
    return Document(f"Calibration: {models}", tuple(blocks), metadata=metadata)


def _calibration(found: Sequence[HeadCalibration], whole: Sequence[HeadCalibration]) -> Iterator[_Content]:
    yield (
        "Calibration",
        "Confidence against accuracy, with 95% bootstrap intervals. Refitted: the temperature is fitted on one half of the "
        "images and measured on the other.",
        ("model", "head", "images", "n", "accuracy", "ECE", "refitted ECE", "NLL (nats)", "Brier"),
        [
            (
                one.model, one.head, one.images, count(o.n), shares(o.accuracy), shares(o.ece), percent(o.ece_refitted),
                plain(o.nll), plain(o.brier),
            )
            for one in found
            for o in [one.overall]
        ],
    )  # fmt: skip
    yield (
        "Smaller label sets",
        "Probabilities restricted to the emotions of a label set, over the images that show one of them.",
        ("model", "head", "label set", "n", "accuracy", "ECE", "refitted ECE"),
        [
            (one.model, one.head, name, count(s.n), shares(s.accuracy), shares(s.ece), percent(s.ece_refitted))
            for one in whole
            for name, s in one.label_sets.items()
        ],
    )
    yield (
        "Classes",
        "Mean probability of each emotion against the share of images that show it; ECE over 15 equal-mass bins.",
        ("model", "head", "emotion", "probability", "share", "ECE", "predicted", "confidence", "precision"),
        [
            (
                one.model, one.head, name, percent(c.expected), percent(c.found), percent(c.error), count(c.named),
                percent(c.confidence), percent(c.precision),
            )
            for one in whole
            for name, c in one.classes.items()
        ],
    )  # fmt: skip


def _votes(found: Sequence[HeadCalibration], whole: Sequence[HeadCalibration]) -> Iterator[_Content]:
    yield (
        "Annotators' votes",
        "Mean KL divergence of the expected vote shares from the votes, in nats. Floor: the least possible value with so "
        "few annotators.",
        ("model", "head", "images", "n", "KL to votes", "floor"),
        [
            (one.model, one.head, one.images, count(one.votes.n), plain(one.votes.kl), number(one.votes.floor))
            for one in found
            if one.votes
        ],
    )
    yield (
        "Mixed emotions",
        "Detection of faces on which annotators are divided (two emotions with 30% of the votes each), by the expected "
        f"share from which an emotion counts; the reader uses {SHARE:g}.",
        ("model", "head", "share", "mixed", "precision", "recall", "F1", "same emotions", "AP", "chance"),
        [
            (
                one.model, one.head, f"{level:g}", count(named), percent(precision), percent(recall), number(f1),
                percent(same), number(one.mixed.average_precision), number(one.mixed.chance),
            )
            for one in whole
            if one.mixed
            for level, named, precision, recall, f1, same in one.mixed.rows
        ],
    )  # fmt: skip


def _abstention(whole: Sequence[HeadCalibration]) -> _Content:
    return (
        "Abstention",
        "Coverage and accuracy if predictions below a confidence are withheld. AURC: area under the risk-coverage curve; "
        "ideal: with all wrong predictions last.",
        ("model", "head", "min. confidence", "coverage", "accuracy", "accuracy below", "AURC", "ideal"),
        [
            (
                one.model, one.head, f"{level:g}", percent(coverage), percent(above), percent(below),
                number(one.answered.area), number(one.answered.best),
            )
            for one in whole
            for level, coverage, above, below in one.answered.rows
        ],
    )  # fmt: skip


def to_json(found: Sequence[HeadCalibration]) -> str:
    """All values as JSON text."""
    return json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False) + "\n"


def write_report(found: Sequence[HeadCalibration], out: Path) -> list[Path]:
    """Write ``calibration.json``, ``calibration.md``, ``calibration.html`` and the figures as PNG into ``out``.

    Returns:
        The files written.

    Raises:
        OutputError: the folder cannot be written to.
    """
    whole = [one for one in found if one.images == OFFICIAL]
    written = [out / "calibration.json", out / "calibration.md", out / "calibration.html"]
    write_atomically(written[0], to_json(found).encode())
    calibration_report(found, figures=False).write(written[1])
    calibration_report(found).write(written[2])
    for draw, _, some in _drawings(whole):
        written.append(out / f"{draw.__name__.removesuffix('_figure')}.png")
        write_atomically(written[-1], png(draw(some)))
    return written


def reliability_figure(found: Sequence[HeadCalibration]) -> MatplotlibFigure:
    """Accuracy against confidence, in equal-mass bins."""
    figure, axes = _axes("confidence", "accuracy")
    axes.plot([0, 1], [0, 1], "--", color="#8a8f98", linewidth=1, label="perfect calibration")
    for one, color in zip(found, _COLORS * len(found)):
        label = f"{one.model}, {one.head}: ECE {percent(one.overall.ece.value)}"
        axes.plot(one.bins.confidence, one.bins.accuracy, "o-", color=color, markersize=4, label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False, fontsize=8)
    return figure


def risk_coverage_figure(found: Sequence[HeadCalibration]) -> MatplotlibFigure:
    """The share of wrong predictions against the share of faces kept; a dot marks the default minimum confidence."""
    figure, axes = _axes("coverage", "risk (share of wrong predictions)")
    axes.plot([], [], "o", color="#8a8f98", label="default: confidence 0.5")
    for one, color in zip(found, _COLORS * len(found)):
        answered = one.answered
        axes.plot(
            answered.coverage,
            answered.risk,
            color=color,
            label=f"{one.model}, {one.head}: AURC {number(answered.area)}",
        )
        level, coverage, accuracy, _ = next(row for row in answered.rows if row[0] == 0.5)
        if accuracy is not None:
            place = (coverage, 1 - accuracy)
            axes.plot(*place, "o", color=color)
            axes.annotate(f"{level:g}", place, (-4, 5), textcoords="offset points", ha="right", fontsize=8)
    axes.set(xlim=(0, 1))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)
    return figure


def mixed_figure(found: Sequence[HeadCalibration]) -> MatplotlibFigure:
    """Precision against recall of mixed faces, by the expected share of votes."""
    figure, axes = _axes("recall of mixed faces", "precision")
    axes.plot([], [], "--", color="#8a8f98", label="chance")
    for one, color in zip(found, _COLORS * len(found)):
        if one.mixed is None:
            continue
        rows = np.array(one.mixed.rows)
        label = f"{one.model}, {one.head}: average precision {number(one.mixed.average_precision, 2)}"
        axes.plot(rows[:, 3], rows[:, 2], "o-", color=color, markersize=4, label=label)
        for level, _, precision, recall, *_ in one.mixed.rows[::2]:
            weight = "bold" if level == SHARE else "normal"
            place = (recall, precision)
            axes.annotate(f"{level:g}", place, (5, 4), textcoords="offset points", fontsize=8, fontweight=weight)
        axes.axhline(one.mixed.chance, color="#8a8f98", linewidth=1, linestyle="--")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False, fontsize=8)
    return figure


def shares(value: Estimate) -> str:
    """A share with its interval, such as ``87.9% [86.7, 89.0]``."""
    return f"{percent(value.value)} {interval((value.low, value.high))}"


def plain(value: Estimate) -> str:
    """A number with its interval, such as ``0.315 [0.291, 0.340]``."""
    return f"{value.value:.3f} {interval((value.low, value.high), 3, scale=1)}"


Draw = Callable[[Sequence[HeadCalibration]], MatplotlibFigure]


def _drawings(whole: Sequence[HeadCalibration]) -> list[tuple[Draw, str, Sequence[HeadCalibration]]]:
    drawings: list[tuple[Draw, str, Sequence[HeadCalibration]]] = [
        (reliability_figure, "Reliability diagram", whole),
        (risk_coverage_figure, "Risk-coverage curves", whole),
    ]
    mixed = [one for one in whole if one.mixed]
    return [*drawings, (mixed_figure, "Precision and recall of mixed faces", mixed)] if mixed else drawings


def _axes(xlabel: str, ylabel: str) -> tuple[MatplotlibFigure, Axes]:
    figure = MatplotlibFigure(figsize=(6.4, 5.2), layout="constrained")
    axes = figure.subplots()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


def _section(title: str, text: str, names: Sequence[str], rows: Sequence[tuple[Cell, ...]]) -> Section:
    words = 3 if names[2] in ("images", "label set", "emotion") else 2
    columns = tuple(Column(name, "left" if position < words else "right") for position, name in enumerate(names))
    return Section(title, (Text(text), Table(columns, tuple(rows))))
