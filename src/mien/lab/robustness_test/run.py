"""Run a robustness test: every model on every image under every condition, resumable; and metrics of the predictions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...data.dataset import UNDIVIDED, Dataset
from ...data.loading import load
from ...data.preprocessing import FaceFinder
from ...detection import create_detector
from ...emotions import LABEL_SETS
from ...errors import ModelError, OptionError
from ...io.images import read_image
from ...io.journal import Journal, Mode
from ...io.tables import Row
from ...model.classifier import open_classifier
from ...options import ReadOptions
from ...progress import Progress, no_progress
from ...reader import Reader
from ...stats import Interval, calibration_error, holm, mcnemar, wilson
from ...types import Face, Frame
from ..comparison import Task, common_task
from ..comparison_models import Engine, Model, open_models
from ..evaluation.classifier import weights_file
from .conditions import CONDITIONS, Condition, chosen
from .samples import Sample, Samples, draw_samples, in_window

#: How the face is got at: by the reader's own detection, or cropped where the clean image has it.
DETECTED, CROP = "detected", "crop"
#: One row of ``predictions.csv``: one model's prediction for one image under one condition.
COLUMNS = ("model", "condition", "way", "image", "label", "emotion", "confidence", "abstained")
#: A drop in accuracy from the clean images from which a condition counts as failed.
LARGE_DROP = 0.10
#: Side at which images are read; a face that fills its image is then as large as it needs to be.
_SIDE = 128
#: Smaller images are taken for face crops.
_LEAST_PHOTO = 64
#: A detected face is the sample's when its box overlaps the true one by this (intersection over union).
_SAME_FACE = 0.3
#: Emotions with fewer images do not count in the balanced accuracy: one image would move it by points.
_MIN_SUPPORT = 10


@dataclass(frozen=True)
class ConditionResult:
    """One model under one condition; shares are 0 to 1, intervals are 95% (Wilson 1927); a missed face is wrong.

    ``balanced_accuracy`` is the mean recall of the emotions with at least ten images; ``confidence``, ``ece`` (15 equal-mass
    bins) and ``abstained`` are of the faces found; ``large_drop``: the accuracy is ``LARGE_DROP`` or more below that on the
    clean images. ``gain`` is the accuracy minus that of the first model, with the interval of the paired difference (normal
    approximation); ``p`` (McNemar) is Holm-corrected over all results of this model; None for the first model.
    """

    model: str
    condition: Condition
    way: str
    n: int
    found: int
    correct: int
    balanced_accuracy: float
    confidence: float | None
    ece: float | None
    abstained: float | None
    large_drop: bool = False
    gain: float | None = None
    gain_interval: Interval | None = None
    p: float | None = None

    @property
    def found_share(self) -> float:
        """Faces found, of all images."""
        return self.found / self.n

    @property
    def accuracy(self) -> float:
        """Correct predictions, of all images."""
        return self.correct / self.n

    @property
    def interval(self) -> Interval:
        """Of ``accuracy``."""
        return wilson(self.correct, self.n)


@dataclass(frozen=True)
class RobustnessResult:
    """A finished robustness test: the result of every condition, way and model, and what was tested.

    ``example`` is the face that the report shows under every condition, ``models`` has the sha256 of each model's
    weights, and ``predictions`` is the table of all predictions.
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

    Photos are tested twice: with the whole pipeline including detection, and on the true crop. All models have the same
    pixels and detections. ``robustness_test.report`` makes the report.

    Args:
        models: exported weights or names of included models; the others are compared with the first.
        data: a dataset, loaded in RGB, or the path of one.
        out: folder of ``predictions.csv``.
        n: maximum number of images, drawn evenly over the emotions.
        split: the split of the data, or ``all``; data without splits is used completely.
        head: the head to use if a model has several; by default the first head of the first model.
        crops: the images are face crops; by default if they are smaller than 64 pixels.
        corruptions: names of families to test, such as ``darkness``; empty tests all.
        example: a photo for the report's examples; by default the first image drawn.
        seed: random seed of the sample and the corruptions.
        threads: processor threads; 0 takes all.
        mode: ``new``, ``resume`` or ``overwrite`` (``Journal.open``).
        progress: called with the faces found and the conditions measured.
        notes: called with each image that is left out, and the reason.

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
    part = data if split == "all" or (data.split == UNDIVIDED).all() else data.part(split)
    task = common_task(opened, head or next(iter(opened[0].classifier.heads)))
    if part.votes is None:  # heads that learned from votes are evaluated against the labels
        task = Task(task.heads, task.emotions, "labels")
    detector = create_detector(ReadOptions(threads=threads))
    readers = {model.name: _reader(model, task, detector, threads) for model in opened}
    is_crop = min(part.images.shape[1:3]) < _LEAST_PHOTO if crops is None else crops
    samples = draw_samples(part, task, opened, n, seed, crops=is_crop, progress=progress)
    shown = samples.items[0]
    if example is not None:
        photo = read_image(example)
        shown = in_window(photo, FaceFinder().find(photo))
    hashes = {name: reader.card.sha256 for name, reader in readers.items()}
    settings: dict[str, Any] = {
        "data": part.name, "split": split, "n": n, "seed": seed, "crops": is_crop, "heads": task.heads, "models": hashes,
        "conditions": [f"{condition.name}: {condition.description}" for condition in conditions],
    }  # fmt: skip
    table = Path(out) / "predictions.csv"
    with Journal.open(table, COLUMNS, settings, mode) as journal:
        if not journal.finished:
            _measure(journal, samples, readers, conditions, seed, progress)
    predictions = pd.read_csv(table, dtype=str, keep_default_na=False)
    if (known := set(predictions["model"])) != set(hashes):
        raise OptionError(
            f"{out} is finished and holds predictions of {', '.join(sorted(known))}, expected {', '.join(sorted(hashes))}",
            hint="Name its models, write elsewhere, or start again with --overwrite.",
        )
    results = condition_results(predictions, conditions)
    return RobustnessResult(results, part.name, split, task, samples, shown, seed, hashes, table)


def _reader(model: Model, task: Task, detector: Any, threads: int) -> Reader:
    if model.engine == Engine.TORCH:
        message = f"{model.path}: got a checkpoint, expected an exported model"
        raise ModelError(message, hint="Export it first with 'mien lab export'.")
    weights = weights_file(model.path) if model.path.exists() else model.path
    label_set = next(name for name, emotions in LABEL_SETS.items() if emotions == task.emotions)
    options = ReadOptions(emotions=label_set, model=str(weights), head=task.heads[model.name], threads=threads)
    return Reader(options, detector=detector, classifier=open_classifier(options))


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
        keys = {f"{name}, {condition.name}, {way}": name for name in readers}
        if journal.done.issuperset(keys):
            continue
        changed = [condition.apply(sample, seed) for sample in samples.items]
        faces = [_detected(first, sample) if way == DETECTED else sample.face for sample in changed]
        for key, name in keys.items():
            if key not in journal.done:
                rows: list[Row] = [
                    dict(zip(COLUMNS, (name, condition.name, way, sample.name, label, *prediction)))
                    for sample, label, prediction in zip(
                        samples.items, samples.labels, _predict(readers[name], changed, faces)
                    )
                ]
                journal.write([(key, rows)])
    progress(len(steps), len(steps), "done")


def _detected(reader: Reader, sample: Sample) -> Face | None:
    """The detected face that is the sample's; None if there is none."""
    faces = reader.detect(Frame(sample.image, sample.name))
    best = max(faces, key=lambda face: face.box.iou(sample.face.box), default=None)
    return best if best is not None and best.box.iou(sample.face.box) >= _SAME_FACE else None


def _predict(reader: Reader, samples: Sequence[Sample], faces: Sequence[Face | None]) -> list[tuple[str, float, bool]]:
    """Emotion, confidence and whether the reader abstained; the emotion is empty if no face was found."""
    predictions = [("", 0.0, False)] * len(samples)
    found = {place: face for place, face in enumerate(faces) if face is not None}
    if found:
        crops = [reader.crop(Frame(samples[row].image, samples[row].name), [face]) for row, face in found.items()]
        for row, reading in zip(found, reader.classify(list(found.values()), np.concatenate(crops))):
            predictions[row] = reading.emotion, round(reading.confidence, 6), reading.abstained
    return predictions


def condition_results(
    predictions: pd.DataFrame, conditions: Sequence[Condition] = CONDITIONS
) -> tuple[ConditionResult, ...]:
    """Evaluate every model under every condition: conditions in their order, detection first, models in theirs.

    ``predictions`` have ``COLUMNS``, all strings; the images stand in the same order everywhere.
    """
    models = list(dict.fromkeys(predictions["model"]))
    results: dict[str, list[ConditionResult]] = {name: [] for name in models}
    clean: dict[tuple[str, str], float] = {}
    for condition, way in itertools.product(conditions, (DETECTED, CROP)):
        here = predictions[(predictions["condition"] == condition.name) & (predictions["way"] == way)]
        first: npt.NDArray[np.bool_] | None = None
        for name in models if len(here) else ():
            rows = here[here["model"] == name]
            correct = (rows["emotion"] == rows["label"]).to_numpy(bool)
            result = _evaluate(rows, correct, condition)
            reference = clean.setdefault((name, way), result.accuracy)
            result = replace(result, large_drop=result.accuracy <= reference - LARGE_DROP)
            results[name].append(result if first is None else _against(result, correct, first))
            first = correct if first is None else first
    for name in models[1:]:
        corrected = holm([result.p for result in results[name] if result.p is not None])
        results[name] = [replace(result, p=p) for result, p in zip(results[name], corrected)]
    return tuple(result for group in zip(*results.values()) for result in group)


def _evaluate(rows: pd.DataFrame, correct: npt.NDArray[np.bool_], condition: Condition) -> ConditionResult:
    found = (rows["emotion"] != "").to_numpy(bool)
    confidence = rows["confidence"].to_numpy(np.float64)[found]
    recall = pd.Series(correct).groupby(rows["label"].to_numpy()).agg(["mean", "size"])
    counted = recall[recall["size"] >= _MIN_SUPPORT]
    some = bool(found.any())
    return ConditionResult(
        model=str(rows["model"].iloc[0]),
        condition=condition,
        way=str(rows["way"].iloc[0]),
        n=len(rows),
        found=int(found.sum()),
        correct=int(correct.sum()),
        balanced_accuracy=float((counted if len(counted) else recall)["mean"].mean()),
        confidence=float(confidence.mean()) if some else None,
        ece=calibration_error(confidence, correct[found]) if some else None,
        abstained=float((rows["abstained"] == "true").to_numpy()[found].mean()) if some else None,
    )


def _against(result: ConditionResult, own: npt.NDArray[np.bool_], first: npt.NDArray[np.bool_]) -> ConditionResult:
    n, won, lost = len(own), int((own & ~first).sum()), int((first & ~own).sum())
    gain = (won - lost) / n
    half = 1.96 * math.sqrt(max(0.0, won + lost - (won - lost) ** 2 / n)) / n
    return replace(result, gain=gain, gain_interval=(gain - half, gain + half), p=mcnemar(own, first))
