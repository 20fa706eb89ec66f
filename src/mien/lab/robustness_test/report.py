"""The report of a robustness test: table, small multiples, examples; CSV and JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MatplotlibFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter
from PIL import Image as Images

from ... import report as doc
from ...io.atomic import write_all
from ...model.preprocess import align_face
from ...report import Cell, Column, Document, Figure, Section, Tile, Tone, Toned, count, interval, join, percent
from ...stats import wilson
from ...types import Frame
from ..evaluation.report import save
from . import samples
from .conditions import Condition
from .run import CROP, DETECTED, ConditionResult, RobustnessResult

WAYS = {DETECTED: "detected", CROP: "given"}
_COLORS = ("#2b6ca3", "#d9822b", "#4a9a6a", "#9b5aa5", "#b8413a", "#5f6b7a")
_STYLES: dict[str, Literal["-", "--"]] = {DETECTED: "-", CROP: "--"}
_TILE = 160


def write_report(test: RobustnessResult, out: Path) -> list[Path]:
    """Write ``robustness.html``, ``.md``, ``.csv``, ``.json`` and ``.png`` into ``out``, and return their paths."""
    document = robustness_report(test)
    records = [_record(result) for result in test.results]
    about = {
        "data": test.data, "n": len(test.samples.items), "truth": test.task.truth, "split": test.split, "seed": test.seed,
        "crops": test.samples.crops, "heads": test.task.heads, "models": test.models,
    }  # fmt: skip
    content = {"robustness": about, "notes": _notes(test), "conditions": records}
    pages = [document.write(out / f"robustness.{kind}") for kind in ("html", "md")]
    files = {
        "robustness.csv": pd.DataFrame(records).to_csv(index=False),
        "robustness.json": json.dumps(content, indent=1, ensure_ascii=False) + "\n",
    }
    tables = write_all(out, {name: text.encode() for name, text in files.items()})
    save(accuracy_figure(test), out / "robustness.png")
    return [*pages, *tables, out / "robustness.png"]


def robustness_report(test: RobustnessResult) -> Document:
    """The results as a document."""
    several = len(test.models) > 1
    names = ["condition", "face", *(["model"] if several else []), "found", "accuracy", "confidence"]
    extra = ["balanced", "ECE", "abstained", *(["vs first", "p"] if several else [])]
    columns = [Column(name, "left" if name in ("condition", "face", "model") else "right") for name in names]
    columns += [Column(name, "right", optional=not name.startswith("vs")) for name in extra]
    failed = list(dict.fromkeys(result.condition.family for result in test.results if result.large_drop))
    shown = dict.fromkeys(result.condition for result in test.results)
    return Document(
        f"Robustness: {', '.join(test.models)}",
        (
            Figure.from_matplotlib(accuracy_figure(test), "Accuracy by corruption and level"),
            Section("Results", (doc.Table(tuple(columns), tuple(_cells(result, several) for result in test.results)),)),
            Section("Conditions", (doc.Gallery(tuple(_tile(test.example, one, test.seed) for one in shown), _TILE),)),
            Section("How to read this", (doc.Bullets(tuple(doc.escape(note) for note in _notes(test))),)),
        ),
        summary=f"Accuracy drops by ten points or more under {join(failed)}."
        if failed
        else "No tested condition costs ten points of accuracy or more.",
        metadata={
            "data": f"{test.data}, {test.split}: {count(len(test.samples.items), 'image')}",
            "emotions": ", ".join(test.task.emotions),
            "seed": str(test.seed),
        },
    )


def accuracy_figure(test: RobustnessResult) -> MatplotlibFigure:
    """Small multiples: accuracy over all images by level with 95% intervals, a panel for each corruption."""
    families = list(dict.fromkeys(result.condition.family for result in test.results if result.condition.level))
    lines = max(1, -(-len(families) // 3))
    figure = MatplotlibFigure(figsize=(9, 2.2 * lines + 0.6), layout="constrained")
    grid = np.atleast_2d(figure.subplots(lines, 3, sharey=True))
    for axes in grid.flat[len(families) :]:
        axes.set_visible(False)
    for axes, family in zip(grid.flat, families):
        _panel(axes, test, family)
    handles = [
        Line2D([], [], color=color, linestyle=_STYLES[way], marker="o", label=f"{model}, {words}")
        for model, color in zip(test.models, _COLORS)
        for way, words in WAYS.items()
        if any(result.way == way for result in test.results)
    ]
    figure.legend(handles=handles, frameon=False, ncols=3, loc="outside lower center")
    return figure


def _panel(axes: Axes, test: RobustnessResult, family: str) -> None:
    for model, color in zip(test.models, _COLORS):
        for way, style in _STYLES.items():
            own = [result for result in test.results if (result.model, result.way) == (model, way)]
            own = [result for result in own if result.condition.family in ("clean", family)]
            if len(own) > 1:
                low, high = np.array([result.interval for result in own]).T
                ticks = [result.condition.short or result.condition.family for result in own]
                axes.plot(ticks, [result.accuracy for result in own], f"o{style}", color=color, markersize=4)
                axes.fill_between(ticks, low, high, color=color, alpha=0.13, linewidth=0)
    axes.set_title(family, fontsize=11, loc="left")
    axes.set_ylim(0, 1)
    axes.margins(x=0.15)  # keeps the labels of neighboring panels apart
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _tile(example: samples.Sample, condition: Condition, seed: int) -> Tile:
    """The image under a condition, and the gray crop that a network gets below it; pixels stay visible as squares."""
    sample = condition.apply(example, seed)
    side, small = max(sample.image.shape[:2]), Images.Resampling.NEAREST
    tile = Images.new("RGB", (_TILE + 48, _TILE), "white")
    scale = _TILE / side
    size = (max(1, round(sample.image.shape[1] * scale)), max(1, round(sample.image.shape[0] * scale)))
    tile.paste(Images.fromarray(sample.image).resize(size, small if scale > 2 else Images.Resampling.BILINEAR), (0, 0))
    tile.paste(Images.fromarray(align_face(Frame(sample.image), sample.face, 48)), (_TILE, 0))
    file = io.BytesIO()
    tile.save(file, "PNG")
    return Tile(file.getvalue(), f"{condition.name}: {condition.description}", condition.name)


def _cells(result: ConditionResult, several: bool) -> tuple[Cell, ...]:
    name = f"{result.condition.family} {result.condition.short}".rstrip()
    accuracy = f"{percent(result.accuracy)} {interval(result.interval)}"
    return (
        Toned(name, Tone.BAD) if result.large_drop else name,
        WAYS[result.way],
        *([result.model] if several else []),
        percent(result.found_share),
        Toned(accuracy, Tone.BAD) if result.large_drop else accuracy,
        percent(result.confidence),
        percent(result.balanced_accuracy),
        percent(result.ece),
        percent(result.abstained),
        *([f"{doc.points(result.gain, signed=True)} {interval(result.gain_interval)}"] if several else []),
        *([doc.p_value(result.p)] if several else []),
    )


def _record(result: ConditionResult) -> dict[str, object]:
    """Unrounded, shares 0 to 1; None if unknown."""
    found = wilson(result.found, result.n)
    ends = {"found": found, "accuracy": result.interval, "gain": result.gain_interval}
    return {
        "model": result.model, "family": result.condition.family, "level": result.condition.level,
        "description": result.condition.description, "way": result.way, "n": result.n, "found": result.found,
        "correct": result.correct,
        "found_share": result.found_share, "accuracy": result.accuracy,
        "balanced_accuracy": result.balanced_accuracy, "confidence": result.confidence, "ece": result.ece,
        "abstained": result.abstained, "gain": result.gain, "p": result.p,
        **{f"{name}_low": pair[0] if pair else None for name, pair in ends.items()},
        **{f"{name}_high": pair[1] if pair else None for name, pair in ends.items()},
    }  # fmt: skip


def _notes(test: RobustnessResult) -> list[str]:
    """Conditions of the measurement."""
    truth = "the majority of the votes" if test.task.truth == "votes" else "the labels"
    notes = [
        f"Head {join(sorted(set(test.task.heads.values())))}, evaluated against {truth}, averaged over the mirror image. "
        "There are as many images of each emotion as possible, so compare accuracies with the clean row, not with those of "
        "the whole dataset.",
        "All models have the same pixels. All levels of a corruption use the same random numbers.",
        "found: the detected box overlaps the true one by at least 0.3 (intersection over union). accuracy: missed faces "
        "are wrong. balanced: mean recall of emotions with at least ten images. ECE: 15 equal-mass bins. "
        "Marked: ten points or more below clean. Intervals: 95%.",
        f"Each face crop is enlarged to {samples.CROP} pixels and nothing is detected; its border is repeated outside."
        if test.samples.crops
        else f"Each photo is scaled so that its face measures {samples.FACE} pixels from brow to chin. face given: the "
        "crop of the clean image is used, not rotated with the image.",
    ]
    if test.samples.without_face:
        left_out = count(test.samples.without_face, "image")
        notes.append(f"Left out: {left_out} in which no face is found even when clean.")
    if len(test.models) > 1:
        notes.append(
            "vs first: accuracy minus that of the first model on the same images, with the 95% interval of the paired "
            "difference; p after McNemar with Holm's correction over all rows of a model."
        )
    return notes
