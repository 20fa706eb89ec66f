"""Run a robustness test: every model on every image under every condition, resumable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...data.dataset import Dataset
from ...data.loading import load
from ...detection import create_detector
from ...emotions import LABEL_SETS
from ...errors import ModelError, OptionError
from ...io.journal import Journal, Mode
from ...io.tables import Row
from ...options import ReadOptions
from ...progress import Progress, no_progress
from ...reader import Reader
from ...types import Face, Frame
from ..comparison import Task, common_task
from ..comparison_models import Engine, Model, open_models
from ..evaluation.classifier import weights_file
from .conditions import Condition, chosen
from .metrics import CROP, DETECTED, ConditionResult, condition_results, read_predictions
from .samples import Sample, Samples, draw_samples, sample_of_photo, split_to_test

#: One row of ``predictions.csv``: one model's prediction for one image under one condition.
COLUMNS = ("model", "condition", "way", "image", "label", "emotion", "confidence", "abstained")
#: Side at which images are read; a face that fills its image is then as large as it needs to be.
_SIDE = 128
#: Smaller images are taken for face crops.
_LEAST_PHOTO = 64
#: A detected face is the sample's when its box overlaps the true one by this (intersection over union).
_SAME_FACE = 0.3


@dataclass(frozen=True)
class RobustnessResult:
    """A finished robustness test.

    Attributes:
        results: of every condition, way and model.
        data, split: the dataset and its part.
        task: the emotions and the head of each model.
        samples: the images.
        example: the face that the report shows under every condition.
        seed: of the draw and the corruptions.
        models: the sha256 of each model's weights.
        predictions: the table of all predictions.
    """

    results: tuple[ConditionResult, ...]
    data: str
    split: str
    task: Task
    samples: Samples
    example: Sample
    seed: int
    models: dict[str, str]
    predictions: Path


def robustness(
    models: Sequence[str | Path],
    data: Dataset | str | Path,
    out: str | Path,
    *,
    n: int = 1000,
    split: str = "validation",
    head: str = "",
    crops: bool | None = None,
    corruptions: Sequence[str] = (),
    example: Path | None = None,
    seed: int = 0,
    threads: int = 0,
    mode: Mode = "new",
    progress: Progress = no_progress,
    notes: Callable[[str], None] = lambda _text: None,
) -> RobustnessResult:
    """Test models on corrupted images: dark, blurred, noisy, compressed, small, tilted, covered, badly cropped.

    Photos are tested twice: through the whole reader, detection included, and on the true crop. All models see the same
    pixels and detections. ``robustness_test.report`` makes the report.

    Args:
        models: exported weights or names of models that come with mien; the others are compared with the first.
        data: a dataset, loaded in RGB, or the path of one.
        out: folder of ``predictions.csv``.
        n: images at most, as many of each emotion as there are.
        split: the part of the data, or ``all``; undivided data is taken whole.
        head: the head to use where a model has several; by default the first model's first.
        crops: the images are face crops; by default if they are smaller than 64 pixels.
        corruptions: names of families to test, such as ``darkness``; empty tests all.
        example: a photo for the report's examples; by default the first image drawn.
        seed: of the draw and the corruptions.
        threads: processor threads; 0 takes all.
        mode: ``new``, ``resume`` or ``overwrite`` (``Journal.open``).
        progress: called with the faces found and the conditions measured.
        notes: called with each image that is left out, and why.

    Raises:
        OptionError: no such corruption or head, or the run to resume had other settings.
        ModelError: a model cannot be opened, or is not an exported one.
        DataError: the data cannot be used, or no face is found.
        SourceError: ``example`` cannot be read or shows no face.
        OutputError: ``out`` holds a run already, or cannot be written.
    """
    conditions, opened = chosen(corruptions), open_models([Path(model) for model in models])
    if not isinstance(data, Dataset):
        data = load(
            data,
            _SIDE,
            color="rgb",
            split=False,
            progress=lambda done, total, _note="": progress(done, total, "reading data"),
            on_damaged=lambda _file, why: notes(f"left out: {why}"),  # why begins with the file
        )
    part = split_to_test(data, split)
    task = _task(opened, part, head)
    detector = create_detector(ReadOptions(threads=threads))
    evaluators = [_evaluator(model, task, detector, threads) for model in opened]
    is_crop = min(part.images.shape[1:3]) < _LEAST_PHOTO if crops is None else crops
    samples = draw_samples(part, task, opened, n, seed, crops=is_crop, progress=progress)
    shown = samples.items[0] if example is None else sample_of_photo(example)
    hashes = {model.name: reader.card.sha256 for model, reader in zip(opened, evaluators)}
    settings: dict[str, Any] = {
        "data": part.name, "split": split, "n": n, "seed": seed, "crops": is_crop, "heads": task.heads, "models": hashes,
        "conditions": [f"{condition.name}: {condition.description}" for condition in conditions],
    }  # fmt: skip
    table = Path(out) / "predictions.csv"
    with Journal.open(table, COLUMNS, settings, mode) as journal:
        if not journal.finished:
            readers = {model.name: reader for model, reader in zip(opened, evaluators)}
            _measure(journal, samples, readers, conditions, seed, progress)
    predictions = read_predictions(table)
    if (known := set(predictions["model"].tolist())) != set(hashes):
        raise OptionError(
            f"{out} is finished and holds predictions of {', '.join(sorted(known))}, expected {', '.join(sorted(hashes))}",
            hint="Name its models, write elsewhere, or start again with --overwrite.",
        )
    results = condition_results(predictions, conditions)
    return RobustnessResult(results, part.name, split, task, samples, shown, seed, hashes, table)


def _task(models: Sequence[Model], part: Dataset, head: str) -> Task:
    """The common task; without votes, heads that learned from votes are evaluated against the labels."""
    task = common_task(models, head or next(iter(models[0].classifier.heads)))
    return task if part.votes is not None else Task(task.heads, task.emotions, "labels")


def _evaluator(model: Model, task: Task, detector: Any, threads: int) -> Reader:
    if model.engine == Engine.TORCH:
        raise ModelError(
            f"{model.path}: got a checkpoint, expected an exported model: the reader takes no other",
            hint="Export it first with 'mien lab export'.",
        )
    weights = weights_file(model.path) if model.path.exists() else model.path
    label_set = next(name for name, emotions in LABEL_SETS.items() if emotions == task.emotions)
    options = ReadOptions(emotions=label_set, model=str(weights), head=task.heads[model.name], threads=threads)
    return Reader(options, detector=detector)


def _measure(
    journal: Journal,
    samples: Samples,
    readers: dict[str, Reader],
    conditions: Sequence[Condition],
    seed: int,
    progress: Progress,
) -> None:
    """Measure what the journal does not hold yet."""
    steps = [(one, way) for one in conditions for way in (DETECTED, CROP)]
    steps = [(one, way) for one, way in steps if way == CROP or not (samples.crops or one.crop_only)]
    first = next(iter(readers.values()))
    for number, (condition, way) in enumerate(steps):
        progress(number, len(steps), f"{condition.name}, {way}")
        left = {f"{name}, {condition.name}, {way}": name for name in readers}
        left = {key: name for key, name in left.items() if key not in journal.done}
        if not left:
            continue
        changed = [condition.apply(sample, seed) for sample in samples.items]
        faces = [_detected(first, sample) if way == DETECTED else sample.face for sample in changed]
        for key, name in left.items():
            found = _predict(readers[name], changed, faces)
            places = zip(samples.items, samples.labels, found)
            rows: list[Row] = [
                dict(zip(COLUMNS, (name, condition.name, way, sample.name, label, *prediction)))
                for sample, label, prediction in places
            ]
            journal.write([(key, rows)])
    progress(len(steps), len(steps), "done")


def _detected(reader: Reader, sample: Sample) -> Face | None:
    """The detected face that is the sample's; None where there is none."""
    faces = reader.detect(Frame(sample.image, sample.name))
    best = max(faces, key=lambda face: face.box.iou(sample.face.box), default=None)
    return best if best is not None and best.box.iou(sample.face.box) >= _SAME_FACE else None


def _predict(reader: Reader, samples: Sequence[Sample], faces: Sequence[Face | None]) -> list[tuple[str, float, bool]]:
    """Emotion, confidence and whether the reader abstained; the emotion is empty where no face was found."""
    found = [(sample, face) for sample, face in zip(samples, faces) if face is not None]
    if not found:
        return [("", 0.0, False)] * len(samples)
    crops = np.concatenate([reader.crop(Frame(sample.image, sample.name), [face]) for sample, face in found])
    readings = iter(reader.classify([face for _, face in found], crops))
    predictions: list[tuple[str, float, bool]] = []
    for face in faces:
        reading = None if face is None else next(readings)
        predictions.append(
            ("", 0.0, False) if reading is None else (reading.emotion, round(reading.confidence, 6), reading.abstained)
        )
    return predictions
