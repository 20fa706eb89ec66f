"""Report of a comparison: table, notes, CSV, JSON, Markdown, figures, and a folder for each model."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text
from sklearn.metrics import classification_report

from ...io.atomic import write_atomically
from ..evaluation.report import class_bars, confusion, reliability_diagram, save
from .figures import learning_curves, pareto_figure
from .models import Engine, Selection
from .results import ALPHA, Comparison, Result

#: Beside the name of a model whose results are optimistic.
MARK = "†"
_TEST = "McNemar's exact test on the same images, Holm's correction over all pairs"
_SELECTIONS = {
    Selection.EPOCH: "chose its epoch",
    Selection.LEARNING_RATE: "lowered its learning rate",
    Selection.STACK: "fitted its stacking weights",
}


@dataclass(frozen=True)
class Column:
    """A column: its title, one text for each model (empty where nothing is known), and the rows with the best value."""

    title: str
    cells: tuple[str, ...]
    best: frozenset[int] = frozenset()


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain values, ready for JSON: unrounded, milliseconds, seconds, bytes, None where unknown."""
    worse = [result.model.name for result in comparison.significantly_worse]
    return {
        "data": comparison.data,
        "split": comparison.split,
        "emotions": list(comparison.task.emotions),
        "truth": comparison.task.truth,
        "images": len(comparison.test_set.y_true),
        "other_emotion": comparison.test_set.other_emotion,
        "not_in_recipe": comparison.test_set.not_in_recipe,
        "date": comparison.date,
        "machine": comparison.machine,
        "best": comparison.results[0].model.name,
        "significantly_worse": worse,
        "models": [_record(comparison, result) for result in comparison.results],
    }


def columns(comparison: Comparison) -> list[Column]:
    """The table column by column, the names first; columns without any value are left out."""
    results = comparison.results
    own = comparison.comparable_histories

    def column(
        title: str, value: Callable[[Result], float | None], show: Callable[[float], str], best: str = ""
    ) -> Column:
        values = [value(result) for result in results]
        known = [one for one in values if one is not None]
        top = (max(known) if best == "max" else min(known)) if best and len(results) > 1 and known else None
        rows = frozenset(i for i, one in enumerate(values) if one is not None and one == top)
        return Column(title, tuple("" if one is None else show(one) for one in values), rows)

    def intervals(result: Result) -> str:
        return "[{:.1f}, {:.1f}]".format(*(100 * end for end in result.scores.interval))

    names = tuple(f"{one.model.name}{f' {MARK}' if comparison.optimistic(one) else ''}" for one in results)
    p_values = tuple("best" if one.p is None and len(results) > 1 else format_p(one.p) for one in results)
    found = [
        Column("model", names),
        column("parameters", lambda one: one.model.trained + (one.model.fixed or 0) or None, "{:,.0f}".format, "min"),
        Column(
            "input", tuple(f"{(spec := one.model.classifier.input).size}x{spec.size} {spec.color}" for one in results)
        ),
        column("own val loss", lambda one: _kept(one, "val_loss"), "{:.3f}".format, "min" if own else ""),
        column("own val accuracy", _own_accuracy, _percent, "max" if own else ""),
        column("accuracy", lambda one: one.scores.accuracy, _percent, "max"),
        Column("95% CI", tuple(map(intervals, results))),
        column("dedup", lambda one: one.dedup.accuracy if one.dedup else None, _percent, "max"),
        column("macro-F1", lambda one: one.scores.macro_f1, "{:.3f}".format, "max"),
        column("ECE", lambda one: one.scores.ece, "{:.3f}".format, "min"),
        Column("p vs best", p_values),
        column("training", lambda one: one.model.history.seconds if one.model.history else None, _clock, "min"),
        column("ms per face", lambda one: one.latency.median, "{:.2f}".format, "min"),
        column("file MB", lambda one: one.model.size / 1e6, "{:.2f}".format, "min"),
    ]
    return [one for one in found if any(one.cells)]


def title(comparison: Comparison) -> str:
    """Such as ``fer2013, validation: 3,589 images, 7 emotions``."""
    n = len(comparison.test_set.y_true)
    return f"{comparison.data}, {comparison.split}: {n:,} images, {len(comparison.task.emotions)} emotions"


def verdict(comparison: Comparison) -> list[str]:
    """Sentences: the models that the best one is better than, and those it cannot be told from."""
    best, worse, close = comparison.results[0], comparison.significantly_worse, comparison.not_distinguished
    lines = []
    if worse:
        names = ", ".join(one.model.name for one in worse)
        lines.append(f"{best.model.name} is more accurate than {names} (p < {ALPHA:g}; {_TEST}).")
    if close:
        names = ", ".join(f"{one.model.name} (p = {format_p(one.p)})" for one in close)
        lines.append(f"No significant difference between {best.model.name} and {names}; {_TEST}.")
    return lines


def notes(comparison: Comparison) -> list[str]:
    """What the numbers depend on, a sentence or two a line."""
    lines = [*_image_notes(comparison), *_model_notes(comparison)]
    if any(result.model.history for result in comparison.results):
        differ = "" if comparison.comparable_histories else ", which differ between models"
        lines.append(
            "own val loss, own val accuracy: recorded in training at the kept epoch, over the run's own emotions and "
            f"validation images{differ}. training: all epochs, h:mm:ss."
        )
    lines.append(
        "Accuracy with its 95% Wilson interval, macro-F1 and ECE (15 bins) from one view of each image. ECE at the card's "
        "temperature; checkpoints have none (1)."
    )
    calls = min(result.latency.calls for result in comparison.results)
    lines.append(
        f"ms per face: one image at a time, one thread, with preprocessing, median of {calls} rounds in which all models "
        f"took turns, on {comparison.machine}."
    )
    if any(result.latency.disturbed for result in comparison.results):
        lines.append(
            "The machine was busy, which slows long calls most: measure again when it is idle, or compare cpu_ms_per_face."
        )
    if any(result.model.engine == Engine.TORCH for result in comparison.results):
        lines.append("The file of a checkpoint includes the optimizer's state; exported weights do not.")
    return lines


def table(comparison: Comparison) -> Table:
    """For the terminal; verdict and notes are for the caller to print."""
    shown = Table(title=title(comparison))
    first, *others = columns(comparison)
    shown.add_column(first.title, no_wrap=True)
    for column in others:
        shown.add_column(column.title, justify="right", no_wrap=True)
    for row in range(len(comparison.results)):
        shown.add_row(*(Text(column.cells[row], "bold" if row in column.best else "") for column in (first, *others)))
    return shown


def as_markdown(comparison: Comparison) -> str:
    """A GitHub table under a heading, best values in bold; verdict and notes follow."""
    found = columns(comparison)
    rows = [[one.title for one in found], ["---", *("---:" for _ in found[1:])]]
    for row in range(len(comparison.results)):
        rows.append([f"**{one.cells[row]}**" if row in one.best else one.cells[row] for one in found])
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    tail = [*(f"{line}\n" for line in verdict(comparison)), *(f"- {line}" for line in notes(comparison))]
    return "\n".join([f"# {title(comparison)}", "", *lines, "", *tail, f"- {comparison.date}", ""])


def write_report(comparison: Comparison, out: Path) -> list[Path]:
    """Write ``compare.csv``, ``compare.json``, ``compare.md``, ``pareto.png``, ``curves.png`` and a folder for each model.

    ``curves.png`` is written where a run has a history. A model's folder gets ``confusion.png``, ``reliability.png``,
    ``classes.png``, ``classification_report.txt`` and ``scores.json``, all of the same images and task as the table.

    Returns:
        The files written.

    Raises:
        OutputError: the folder cannot be written to.
    """
    values = as_dict(comparison)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(values["models"][0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(values["models"])
    written = [out / name for name in ("compare.csv", "compare.json", "compare.md", "pareto.png")]
    write_atomically(written[0], text.getvalue().encode())
    write_atomically(written[1], (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode())
    write_atomically(written[2], as_markdown(comparison).encode())
    pareto_figure(comparison, written[3])
    if learning_curves(comparison, out / "curves.png"):
        written.append(out / "curves.png")
    for result in comparison.results:
        written += _write_model(comparison, result, out / result.model.name.replace("/", "_").replace(":", "_"))
    return written


def format_p(p: float | None) -> str:
    """A p-value as the table has it; empty for None."""
    return "" if p is None else "< 0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.1 else f"{p:.2f}"


def _write_model(comparison: Comparison, result: Result, folder: Path) -> list[Path]:
    heading = f"{result.model.name} ({comparison.data}, {comparison.split})"
    figures = {"confusion.png": confusion, "reliability.png": reliability_diagram, "classes.png": class_bars}
    for name, draw in figures.items():
        save(draw(result.scores, heading), folder / name)
    emotions = comparison.task.emotions
    report = classification_report(
        comparison.test_set.y_true,
        result.y_pred,
        labels=range(len(emotions)),
        target_names=list(emotions),
        digits=4,
        zero_division=0.0,
    )
    text = f"{result.model.name}, head {result.head}, on {title(comparison)}\n\n{report}"
    write_atomically(folder / "classification_report.txt", text.encode())
    scores = {"official": asdict(result.scores), "dedup": asdict(result.dedup) if result.dedup else None}
    write_atomically(folder / "scores.json", (json.dumps(scores, indent=2) + "\n").encode())
    return [folder / name for name in (*figures, "classification_report.txt", "scores.json")]


def _record(comparison: Comparison, result: Result) -> dict[str, Any]:
    model, scores, history, dedup = result.model, result.scores, result.model.history, result.dedup
    return {
        "model": model.name,
        "path": str(model.path),
        "head": result.head,
        "engine": model.engine.value,
        "trained_parameters": model.trained,
        "fixed_parameters": model.fixed,
        "input_size": model.classifier.input.size,
        "input_color": model.classifier.input.color,
        "own_val_loss": _kept(result, "val_loss"),
        "own_val_accuracy": _own_accuracy(result),
        "epochs": history and len(history.rows),
        "kept_epoch": _kept(result, "epoch"),
        "images": scores.n,
        "accuracy": scores.accuracy,
        "accuracy_low": scores.interval[0],
        "accuracy_high": scores.interval[1],
        "dedup_images": dedup and dedup.n,
        "dedup_accuracy": dedup and dedup.accuracy,
        "macro_f1": scores.macro_f1,
        "ece": scores.ece,
        "p_vs_best": result.p,
        "tuned_on_these_images": comparison.optimistic(result),
        "training_seconds": history and history.seconds,
        "ms_per_face": result.latency.median,
        "ms_per_face_low": result.latency.quartiles[0],
        "ms_per_face_high": result.latency.quartiles[1],
        "cpu_ms_per_face": result.latency.processor,
        "file_bytes": model.size,
    }


def _image_notes(comparison: Comparison) -> list[str]:
    task, used = comparison.task, comparison.test_set
    truth = "the majority of the votes" if task.truth == "votes" else "the labels"
    line = f"Emotions: {', '.join(task.emotions)}; evaluated against {truth}."
    if used.other_emotion:
        line += f" Left out: {used.other_emotion:,} images of another emotion, or of none."
    if used.not_in_recipe:
        line += f" Left out: {used.not_in_recipe:,} images that not every run's recipe evaluates on."
    if used.copies is None:
        return [line, "The data has no training part to search for copies of its images."]
    copies = int(used.copies.sum())
    if copies:
        return [line, f"dedup: without the {copies:,} images whose exact copy is in the training part."]
    return [f"{line} None is an exact copy of a training image."]


def _model_notes(comparison: Comparison) -> list[str]:
    results, task = comparison.results, comparison.task
    several = {one.model.name: one.head for one in results if len(one.model.classifier.heads) > 1}
    known = {one.model.name: len(one.model.classifier.heads[one.head].emotions) for one in results}
    by_votes = [one.model.name for one in results if one.model.classifier.marks[one.head].targets == "votes"]
    constant = [one.model.name for one in results if len(np.unique(one.y_pred)) == 1 < len(one.y_pred)]
    lines = []
    if constant:
        lines.append(
            f"One class predicted for every image: {', '.join(constant)}. Train longer, or change the learning rate."
        )
    if several:
        lines.append(f"Heads used: {_pairs(several)}.")
    more = {name: count for name, count in known.items() if count > len(task.emotions)}
    if more:
        lines.append(f"Predictions are restricted to these emotions, of more that the model knows: {_pairs(more)}.")
    if by_votes and task.truth == "labels":
        lines.append(f"Trained on votes, evaluated against labels: {', '.join(by_votes)}.")
    for selection, words in _SELECTIONS.items():
        names = [one.model.name for one in results if comparison.optimistic(one) and selection in one.model.selected]
        if names:
            lines.append(f"{MARK} {words} on these images, so results are optimistic: {', '.join(names)}.")
    return lines


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} ({value})" for name, value in values.items())


def _kept(result: Result, name: str) -> float | None:
    """A value of a run's history at the kept epoch; None where it is unknown."""
    return result.model.history.kept_value(name) if result.model.history else None


def _own_accuracy(result: Result) -> float | None:
    """The accuracy, 0 to 1, that a run recorded for the head used here, at the kept epoch."""
    return _kept(result, f"val_acc_{result.head}")


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
