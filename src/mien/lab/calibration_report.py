"""The calibration report: tables and figures of several models."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.ticker import PercentFormatter

from ..io.atomic import write_all
from ..report import Block, Cell, Document, Figure, Row, Section, Text, count, interval, number, percent
from ..stats import Estimate
from ..types import SHARE
from .calibration import Calibration, HeadCalibration
from .evaluation.evaluate import OFFICIAL
from .evaluation.report import png, table

_COLORS = ("#2b6ca3", "#d9822b", "#4a9a6a", "#8b5fbf", "#c0504d", "#5f6b7a")
_GRAY = "#8a8f98"
#: Title, explanation, column names, how many of them hold words, and rows of a section.
_Content = tuple[str, str, tuple[str, ...], int, list[tuple[Cell, ...]]]


def calibration_report(found: Sequence[HeadCalibration], *, figures: bool = True) -> Document:
    """Turn measured calibration into a report; ``figures`` adds the diagrams."""
    whole = [one for one in found if one.images == OFFICIAL]
    blocks: list[Block] = _sections(*_calibration(found, whole), *_votes(found, whole), *_abstention(whole))
    if figures:
        blocks.append(Section("Figures", (Row(tuple(Figure(image, alt) for _, alt, image in _drawn(whole))),)))
    models = ", ".join(dict.fromkeys(one.model for one in found))
    metadata = {"data": found[0].data, "split": found[0].split} if found else {}
    return Document(f"Calibration: {models}", tuple(blocks), metadata=metadata)


def calibration_summary(found: Sequence[HeadCalibration]) -> list[Block]:
    """Accuracy, calibration error and abstention of the first head on all images, for a model card."""
    first = [one for one in found if one.images == OFFICIAL][:1]
    return _sections(next(_calibration(found, first)), *_abstention(first))


def _sections(*contents: _Content) -> list[Block]:
    return [
        Section(title, (Text(text), table(("model", "head", *names), rows, words=2 + words)))
        for title, text, names, words, rows in contents
        if rows
    ]


def _calibration(found: Sequence[HeadCalibration], whole: Sequence[HeadCalibration]) -> Iterator[_Content]:
    yield (
        "Calibration",
        "Confidence against accuracy, with 95% bootstrap intervals. Refitted: the temperature is fitted on one half of the "
        "images and measured on the other.",
        ("images", "n", "accuracy", "ECE", "refitted ECE", "NLL (nats)", "Brier"), 1,
        [
            (one.model, one.head, one.images, *_shares(o), _plain(o.nll), _plain(o.brier))
            for one in found
            for o in [one.overall]
        ],
    )  # fmt: skip
    yield (
        "Smaller label sets",
        "Probabilities restricted to the emotions of a label set, over the images that show one of them.",
        ("label set", "n", "accuracy", "ECE", "refitted ECE"), 1,
        [(one.model, one.head, name, *_shares(s)) for one in whole for name, s in one.label_sets.items()],
    )  # fmt: skip
    yield (
        "Classes",
        "Mean probability of each emotion against the share of images that show it; ECE over 15 equal-mass bins.",
        ("emotion", "probability", "share", "ECE", "predicted", "confidence", "precision"), 1,
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
        ("images", "n", "KL to votes", "floor"), 1,
        [
            (one.model, one.head, one.images, count(one.votes.n), _plain(one.votes.kl), number(one.votes.floor))
            for one in found
            if one.votes
        ],
    )  # fmt: skip
    yield (
        "Mixed emotions",
        "Detection of faces on which annotators are divided (two emotions with 30% of the votes each), by the expected "
        f"share from which an emotion counts; the reader uses {SHARE:g}.",
        ("share", "mixed", "precision", "recall", "F1", "same emotions", "AP", "chance"), 0,
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


def _abstention(whole: Sequence[HeadCalibration]) -> Iterator[_Content]:
    yield (
        "Abstention",
        "Coverage and accuracy if predictions below a confidence are withheld. AURC: area under the risk-coverage curve; "
        "ideal: with all wrong predictions last.",
        ("min. confidence", "coverage", "accuracy", "accuracy below", "AURC", "ideal"), 0,
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
    """Write ``calibration.json``, ``calibration.md``, ``calibration.html`` and the figures as PNG; return the paths."""
    files = {
        "calibration.json": to_json(found).encode(),
        "calibration.md": calibration_report(found, figures=False).to_markdown().encode(),
        "calibration.html": calibration_report(found).to_html().encode(),
    }
    drawn = _drawn([one for one in found if one.images == OFFICIAL])
    return write_all(out, files | {f"{name}.png": image for name, _, image in drawn})


def _drawn(whole: Sequence[HeadCalibration]) -> list[tuple[str, str, bytes]]:
    """Name, description and PNG of each figure."""
    drawn = [
        ("reliability", "Reliability diagram", png(_reliability(whole))),
        ("risk_coverage", "Risk-coverage curves", png(_risk_coverage(whole))),
    ]
    if any(one.mixed for one in whole):
        drawn.append(("mixed", "Precision and recall of mixed faces", png(_mixed(whole))))
    return drawn


def _reliability(found: Sequence[HeadCalibration]) -> MatplotlibFigure:
    """Accuracy against confidence, in equal-mass bins."""
    with _axes("confidence", "accuracy") as (figure, axes):
        axes.plot([0, 1], [0, 1], "--", color=_GRAY, linewidth=1, label="perfect calibration")
        for one, color in zip(found, cycle(_COLORS)):
            label = f"{one.model}, {one.head}: ECE {percent(one.overall.ece.value)}"
            axes.plot(one.bins.confidence, one.bins.accuracy, "o-", color=color, markersize=4, label=label)
    return figure


def _risk_coverage(found: Sequence[HeadCalibration]) -> MatplotlibFigure:
    """The share of wrong predictions against the share of faces kept; a dot marks the default minimum confidence."""
    with _axes("coverage", "risk (share of wrong predictions)", top=None) as (figure, axes):
        axes.plot([], [], "o", color=_GRAY, label="default: confidence 0.5")
        for one, color in zip(found, cycle(_COLORS)):
            label = f"{one.model}, {one.head}: AURC {number(one.answered.area)}"
            axes.plot(one.answered.coverage, one.answered.risk, color=color, label=label)
            level, coverage, accuracy, _ = next(row for row in one.answered.rows if row[0] == 0.5)
            if accuracy is not None:
                place = (coverage, 1 - accuracy)
                axes.plot(*place, "o", color=color)
                axes.annotate(f"{level:g}", place, (-4, 5), textcoords="offset points", ha="right", fontsize=8)
    return figure


def _mixed(found: Sequence[HeadCalibration]) -> MatplotlibFigure:
    """Precision against recall of mixed faces, by the expected share of votes."""
    with _axes("recall of mixed faces", "precision") as (figure, axes):
        axes.plot([], [], "--", color=_GRAY, label="chance")
        detections = [(f"{one.model}, {one.head}", one.mixed) for one in found if one.mixed]
        for (name, mixed), color in zip(detections, cycle(_COLORS)):
            rows, label = np.array(mixed.rows), f"{name}: average precision {number(mixed.average_precision, 2)}"
            axes.plot(rows[:, 3], rows[:, 2], "o-", color=color, markersize=4, label=label)
            for level, _, precision, recall, *_ in mixed.rows[::2]:
                weight, offset = "bold" if level == SHARE else "normal", (5, 4)
                axes.annotate(
                    f"{level:g}", (recall, precision), offset, textcoords="offset points", fontsize=8, fontweight=weight
                )
            axes.axhline(mixed.chance, color=_GRAY, linewidth=1, linestyle="--")
    return figure


@contextmanager
def _axes(xlabel: str, ylabel: str, top: float | None = 1) -> Iterator[tuple[MatplotlibFigure, Axes]]:
    """Axes of shares to draw on."""
    figure = MatplotlibFigure(figsize=(6.4, 5.2), layout="constrained")
    axes = figure.subplots()
    yield figure, axes
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set(xlabel=xlabel, ylabel=ylabel, xlim=(0, 1))
    axes.set_ylim(0, top)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=8)


def _shares(found: Calibration) -> tuple[str, ...]:
    """Number of images, accuracy, ECE and refitted ECE."""
    shares = [f"{percent(one.value)} {interval((one.low, one.high))}" for one in (found.accuracy, found.ece)]
    return count(found.n), *shares, percent(found.ece_refitted)


def _plain(value: Estimate) -> str:
    """A number with its interval, such as ``0.315 [0.291, 0.340]``."""
    return f"{value.value:.3f} {interval((value.low, value.high), 3, scale=1)}"
