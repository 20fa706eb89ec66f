"""The report of a comparison: table, significance, notes and figures; CSV and JSON; an evaluation of each model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter
from sklearn.metrics import classification_report

from .. import report as doc
from ..io.atomic import write_all
from ..report import count, escape, interval, join, number, p_value, percent, seconds
from ..stats import LEVEL
from .comparison import Comparison, Result
from .comparison_models import Engine, History, Selection
from .evaluation.report import diagrams, png

#: Beside the name of a model whose results are optimistic.
MARK = "†"
_TEST = "McNemar's exact test on the same images, with Holm's correction over all pairs"
_SELECTIONS = {
    Selection.EPOCH: "The epoch was chosen",
    Selection.LEARNING_RATE: "The learning rate was lowered",
    Selection.STACK: "The stacking weights were fitted",
}
#: Column, its field, its format, which value is best, and whether narrow terminals leave it out.
_COLUMNS: tuple[tuple[str, str, Callable[[Any], str], Callable[[list[Any]], Any] | None, bool], ...] = (
    ("model", "marked_name", str, None, False),
    ("accuracy", "accuracy", lambda value: percent(value, 2), max, False),
    ("95% CI", "interval", interval, None, False),
    ("dedup", "dedup_accuracy", lambda value: percent(value, 2), max, False),
    ("macro-F1", "macro_f1", "{:.3f}".format, max, False),
    ("ECE", "ece", "{:.3f}".format, min, False),
    ("vs best", "versus_best", str, None, False),
    ("ms per face", "ms_per_face", number, min, False),
    ("parameters", "parameters", count, min, False),
    ("input", "input", str, None, True),
    ("file MB", "file_bytes", lambda value: f"{value / 1e6:.2f}", min, True),
    ("own val loss", "own_val_loss", "{:.3f}".format, min, True),
    ("own val accuracy", "own_val_accuracy", lambda value: percent(value, 2), max, True),
    ("training", "training_seconds", seconds, min, True),
)
_GRAY = "#8a8f98"
_MARKERS = {Engine.ONNX: "o", Engine.TORCH: "s", Engine.SKLEARN: "^"}


def comparison_report(comparison: Comparison, *, figures: bool = True) -> doc.Document:
    """Turn a comparison into a report; ``figures`` adds the accuracy-latency plot and the learning curves of runs."""
    blocks: list[doc.Block] = [_table(comparison), doc.Section("Notes", (doc.Bullets(tuple(notes(comparison))),))]
    if figures:
        drawn: list[doc.Block] = [doc.Figure.from_matplotlib(accuracy_latency(comparison), "Accuracy against latency")]
        if any(one.model.history for one in comparison.results):
            drawn.append(doc.Figure.from_matplotlib(learning_curves(comparison), "Learning curves of all runs"))
        blocks.insert(1, doc.Section("Figures", tuple(drawn)))
    return doc.Document(
        f"Comparison: {comparison.data}, {comparison.split}",
        tuple(blocks),
        summary=verdict(comparison),
        metadata={
            "images": count(len(comparison.test_set.y_true)),
            "emotions": ", ".join(comparison.task.emotions),
            "machine": comparison.machine,
            "date": comparison.date,
        },
    )


def write_report(comparison: Comparison, out: Path) -> list[Path]:
    """Write ``compare.html``, ``.md``, ``.csv`` and ``.json``, figures, and a folder for each model; return the paths.

    A model's folder has ``confusion.png``, ``reliability.png``, ``classes.png``, ``classification_report.txt`` and
    ``scores.json``, of the same images and task as the table.
    """
    document, models = comparison_report(comparison), as_dict(comparison)["models"]
    files = {
        "compare.csv": pd.DataFrame(models, dtype=object).to_csv(index=False).encode(),
        "compare.json": to_json(comparison).encode(),
        "compare.html": document.to_html().encode(),
        "compare.md": document.to_markdown().encode(),
        "accuracy_latency.png": png(accuracy_latency(comparison)),
    }
    if any(one.model.history for one in comparison.results):
        files["curves.png"] = png(learning_curves(comparison))
    for result in comparison.results:
        files |= _model_files(comparison, result)
    return write_all(out, files)


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain values, ready for JSON: unrounded, milliseconds, seconds, bytes, None if unknown."""
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
        "significantly_worse": [result.model.name for result in comparison.significantly_worse],
        "models": [_record(comparison, result) for result in comparison.results],
    }


def to_json(comparison: Comparison) -> str:
    """``as_dict`` as JSON text."""
    return json.dumps(as_dict(comparison), indent=2, ensure_ascii=False) + "\n"


def verdict(comparison: Comparison) -> str:
    """The models that the best one beats, and those it does not differ from significantly; empty for one model."""
    best, parts = comparison.results[0].model.name, []
    if worse := [one.model.name for one in comparison.significantly_worse]:
        parts.append(f"{best} is more accurate than {join(worse)} (p < {LEVEL:g}).")
    if close := [f"{one.model.name} ({p_value(one.p)})" for one in comparison.not_distinguished]:
        parts.append(f"No significant difference between {best} and {join(close)}.")
    return " ".join([*parts, f"{_TEST}."]) if parts else ""


def notes(comparison: Comparison) -> list[str]:
    """Conditions of the measurement."""
    results, task, used = comparison.results, comparison.task, comparison.test_set

    def named(condition: Callable[[Result], object]) -> str:
        return ", ".join(one.model.name for one in results if condition(one))

    truth = "the majority of the votes" if task.truth == "votes" else "the labels"
    copies = 0 if used.copies is None else int(used.copies.sum())
    histories = any(one.model.history for one in results)
    constant = named(lambda one: len(np.unique(one.y_pred)) == 1 < len(one.y_pred))
    several = [f"{one.model.name} ({one.head})" for one in results if len(one.model.classifier.heads) > 1]
    more = named(lambda one: len(one.model.classifier.heads[one.head].emotions) > len(task.emotions))
    by_votes = named(lambda one: one.model.classifier.recipe_heads[one.head].targets == "votes")
    torch = named(lambda one: one.model.engine == Engine.TORCH)
    calls = results[0].latency.calls
    found: list[tuple[object, str]] = [
        (True, f"Emotions: {', '.join(task.emotions)}; evaluated against {truth}."),
        (used.other_emotion, f"Left out: {count(used.other_emotion, 'image')} of another emotion, or of none."),
        (used.not_in_recipe, f"Left out: {count(used.not_in_recipe, 'image')} that not every recipe evaluates on."),
        (used.copies is None, "The data has no training part to search for copies of these images."),
        (copies, f"dedup: without the {count(copies, 'image')} whose exact copy is in the training part."),
        (constant, f"One class predicted for every image: {constant}. Train longer, or change the learning rate."),
        (several, f"Heads used: {', '.join(several)}."),
        (more, f"Predictions are restricted to these emotions; these models have more: {more}."),
        (by_votes and task.truth == "labels", f"Trained on votes, evaluated against labels: {by_votes}."),
        (histories, "own val loss and accuracy: recorded by each run at the kept epoch."),
        (not comparison.comparable_histories, "The runs recorded them on different emotions or images."),
        (True, "95% Wilson intervals. ECE over 15 equal-mass bins at the card's temperature; checkpoints: 1."),
        (True, f"Latency: one image at a time on one thread, with preprocessing, median of {calls} rounds."),
        (torch, "The file of a checkpoint includes the optimizer's state."),
    ]
    for selection, text in _SELECTIONS.items():
        names = [one.model.name for one in results if comparison.optimistic(one) and selection in one.model.selected]
        found.append((names, f"{MARK} {text} on these images, so results are optimistic: {', '.join(names)}."))
    return [escape(text) for holds, text in found if holds]


def _table(comparison: Comparison) -> doc.Table:
    """The models, best values in bold; columns without any value are left out."""
    records = [
        _record(comparison, one)
        | {
            "marked_name": f"{one.model.name} {MARK}" if comparison.optimistic(one) else one.model.name,
            "input": f"{one.model.classifier.input.size} {one.model.classifier.input.color}",
            "interval": one.scores.interval,
            "versus_best": "best" if one.p is None else p_value(one.p),
        }
        for one in comparison.results
    ]
    columns, cells = [], []
    for title, key, show, better, optional in _COLUMNS:
        values = [record[key] for record in records]
        if not (known := [value for value in values if value is not None]):
            continue
        comparable = len(records) > 1 and (comparison.comparable_histories or not key.startswith("own_"))
        best = better(known) if better and comparable else None
        texts = [None if value is None else show(value) for value in values]
        columns.append(doc.Column(title, "left" if title == "model" else "right", optional))
        cells.append([doc.Toned(text) if text and value == best else text for text, value in zip(texts, values)])
    return doc.Table(tuple(columns), tuple(zip(*cells)), caption="Best values in bold." if len(records) > 1 else "")


def accuracy_latency(comparison: Comparison) -> MatplotlibFigure:
    """Accuracy against latency; larger marks have more parameters; the dashed line is the Pareto front."""
    results = comparison.results
    figure = MatplotlibFigure(figsize=(9.5, 5.4), layout="constrained")
    axes = figure.subplots()
    times = np.array([result.latency.median for result in results])
    accuracies = np.array([result.scores.accuracy for result in results])
    for place, (result, x, y) in enumerate(zip(results, times, accuracies)):
        color, model = f"C{place % 10}", result.model
        axes.plot([x, x], result.scores.interval, color=color, linewidth=1.2, alpha=0.7)
        axes.plot(result.latency.quartiles, [y, y], color=color, linewidth=1.2, alpha=0.7)
        size = 30 + 0.06 * math.sqrt(model.trained + (model.fixed or 0))
        label = f"{model.name} ({model.engine.value})"
        axes.scatter([x], [y], s=size, marker=_MARKERS[model.engine], color=color, edgecolor="white", label=label)
    front = pareto_front(times, accuracies)
    if len(front) > 1:
        axes.step(times[front], accuracies[front], "--", where="post", color=_GRAY, zorder=0, label="Pareto front")
    axes.set_xscale("log")
    axes.margins(0.12)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set(xlabel="ms per face (log scale; bars: quartiles)", ylabel="accuracy (bars: 95% confidence interval)")
    axes.grid(alpha=0.25)
    figure.legend(frameon=False, loc="outside right upper", fontsize=9)
    return figure


def pareto_front(times: npt.NDArray[np.float64], accuracies: npt.NDArray[np.float64]) -> list[int]:
    """The models that no other beats in time or accuracy, both float (N,), without losing in the other, fastest first."""
    found: list[int] = []
    for row in sorted(range(len(times)), key=lambda i: (times[i], -accuracies[i])):
        if not found or accuracies[row] > accuracies[found[-1]]:
            found.append(row)
    return found


def learning_curves(comparison: Comparison) -> MatplotlibFigure:
    """Validation accuracy and loss of all runs, over epochs and over training time; a dot marks the kept epoch."""
    figure = MatplotlibFigure(figsize=(11, 7.4), layout="constrained")
    panels = figure.subplots(2, 2, sharey="row", sharex="col")
    runs = [(one, one.model.history) for one in comparison.results if one.model.history]
    for place, (result, history) in enumerate(runs):
        epochs, color = history.epochs, f"C{place % 10}"
        minutes = epochs["seconds"].cumsum() / 60
        for row, column in zip(panels, (f"val_acc_{result.head}", "val_loss")):
            for axes, over in zip(row, (epochs["epoch"], minutes)):
                values = epochs.get(column, over * math.nan)
                kept = [] if history.kept is None else [history.kept]
                label = result.model.name if axes is panels[0, 0] else None
                axes.plot(over, values, marker="o", markevery=kept, markersize=7, color=color, label=label)
    panels[0, 0].set(ylabel="validation accuracy")
    panels[1, 0].set(ylabel="validation loss (nats)", xlabel="epoch")
    panels[1, 1].set(xlabel="minutes of training")
    panels[0, 0].yaxis.set_major_formatter(PercentFormatter(1))
    panels[1, 0].xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in panels.flat:
        axes.grid(alpha=0.25)
    figure.legend(frameon=False, ncols=4, loc="outside lower center", fontsize=9)
    figure.suptitle("Learning curves, each run on its own validation images and emotions", fontsize=11)
    return figure


def _model_files(comparison: Comparison, result: Result) -> dict[str, bytes]:
    heading = f"{result.model.name} ({comparison.data}, {comparison.split})"
    emotions = comparison.task.emotions
    report = classification_report(
        comparison.test_set.y_true, result.y_pred,
        labels=range(len(emotions)), target_names=list(emotions), digits=4, zero_division=0.0,
    )  # fmt: skip
    scores = {"official": asdict(result.scores), "dedup": asdict(result.dedup) if result.dedup else None}
    files = {
        **diagrams(result.scores, heading),
        "classification_report.txt": f"{heading}, head {result.head}\n\n{report}".encode(),
        "scores.json": (json.dumps(scores, indent=2) + "\n").encode(),
    }
    folder = result.model.name.replace("/", "_").replace(":", "_")
    return {f"{folder}/{name}": content for name, content in files.items()}


def _record(comparison: Comparison, result: Result) -> dict[str, Any]:
    model, scores, dedup = result.model, result.scores, result.dedup
    history = model.history or History(pd.DataFrame())
    return {
        "model": model.name,
        "path": str(model.path),
        "head": result.head,
        "engine": model.engine.value,
        "parameters": model.trained + (model.fixed or 0),
        "trained_parameters": model.trained,
        "fixed_parameters": model.fixed,
        "input_size": model.classifier.input.size,
        "input_color": model.classifier.input.color,
        "own_val_loss": history.kept_value("val_loss"),
        "own_val_accuracy": history.kept_value(f"val_acc_{result.head}"),
        "epochs": len(history.epochs) or None,
        "kept_epoch": history.kept_value("epoch"),
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
        "training_seconds": history.seconds if model.history else None,
        "ms_per_face": result.latency.median,
        "ms_per_face_low": result.latency.quartiles[0],
        "ms_per_face_high": result.latency.quartiles[1],
        "file_bytes": model.size,
    }
