"""An evaluation as people want it: a table on the terminal, JSON, CSV and figures."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from rich.table import Table

from ...sinks.atomic import write_atomically
from . import figures
from .protocol import OFFICIAL, Evaluation, Result


def table(evaluation: Evaluation) -> Table:
    """All results as a Rich table, one row a condition."""
    shown = Table(
        title=f"{evaluation.model} on {evaluation.data}, {evaluation.split}",
        caption=f"{evaluation.parameters:,} parameters; {evaluation.ms_per_picture:.2f} ms a picture in batches on "
        f"{evaluation.machine}; {evaluation.date}\n"
        "dedup: without exact copies of training pictures. 95 % interval after Wilson. NLL and KL in nats.",
    )
    for column in ("head", "pictures", "flip"):
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
        "confusion": figures.confusion,
        "reliability": figures.reliability_diagram,
        "classes": figures.class_bars,
    }
    for result in evaluation.results:
        if result.pictures == OFFICIAL and result.flip:
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
        result.pictures,
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
    writer.writerow(["head", "pictures", "flip", "emotion", "precision", "recall", "f1", "support"])
    for result in evaluation.results:
        for emotion, entry in result.scores.classes.items():
            figures_of = [f"{value:.4f}" for value in (entry.precision, entry.recall, entry.f1)]
            writer.writerow([result.head, result.pictures, result.flip, emotion, *figures_of, entry.support])
    return text.getvalue()
