"""A comparison as files: the table, the two figures, and a folder for each model."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from sklearn.metrics import classification_report

from ...io.atomic import write_atomically
from ..evaluate.report import class_bars, confusion, reliability_diagram
from .curves import curves
from .records import as_csv
from .standing import Comparison, Standing
from .table import as_markdown
from .tradeoff import accuracy_latency
from .words import title


def write_comparison(comparison: Comparison, out: Path) -> list[Path]:
    """Write ``compare.csv``, ``compare.md``, ``accuracy_latency.png``, ``curves.png`` and a folder for each model.

    ``curves.png`` is written where at least one run has a history. A model's folder gets ``confusion.png``,
    ``reliability.png``, ``classes.png``, ``classification_report.txt`` and ``scores.json``, all of the same images and the
    same question as the table.

    Returns:
        The files written.

    Raises:
        OutputError: the folder cannot be written to.
    """
    written = [out / "compare.csv", out / "compare.md", out / "accuracy_latency.png"]
    write_atomically(written[0], as_csv(comparison).encode())
    write_atomically(written[1], as_markdown(comparison).encode())
    accuracy_latency(comparison, written[2])
    if curves(comparison, out / "curves.png"):
        written.append(out / "curves.png")
    for row in comparison.standings:
        written += _one(comparison, row, out / row.member.name.replace("/", "_").replace(":", "_"))
    return written


def report_text(comparison: Comparison, row: Standing) -> str:
    """Precision, recall, F1 and support of each emotion as scikit-learn's ``classification_report`` lays them out."""
    emotions = comparison.question.emotions
    report = classification_report(
        comparison.exam.answers,
        row.guesses,
        labels=range(len(emotions)),
        target_names=list(emotions),
        digits=4,
        zero_division=0.0,
    )
    return f"{row.member.name}, head {row.head}, on {title(comparison)}\n\n{report}"


def _one(comparison: Comparison, row: Standing, folder: Path) -> list[Path]:
    heading = f"{row.member.name} ({comparison.data}, {comparison.split})"
    drawers = {
        "confusion.png": confusion,
        "reliability.png": reliability_diagram,
        "classes.png": class_bars,
    }
    for name, draw in drawers.items():
        draw(row.scores, heading, folder / name)
    write_atomically(folder / "classification_report.txt", report_text(comparison, row).encode())
    scores = {"official": asdict(row.scores), "dedup": asdict(row.dedup) if row.dedup else None}
    write_atomically(folder / "scores.json", (json.dumps(scores, indent=2) + "\n").encode())
    return [folder / name for name in (*drawers, "classification_report.txt", "scores.json")]
