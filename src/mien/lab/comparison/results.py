"""Evaluate, time and rank the models of a comparison."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...data.dataset import Dataset
from ...emotions import positions
from ...stats import holm, mcnemar
from ..evaluation.classifier import open_classifier, predict
from ..evaluation.evaluate import machine
from ..evaluation.metrics import Scores, score
from .models import Model, open_models
from .task import Task, TestSet, build_test_set, common_task, rows_of

#: Gives the whole data set with images of at most this side in pixels, ``gray`` or ``rgb``.
OpenData = Callable[[int, str], Dataset]
#: Significance level of "better".
ALPHA = 0.05

_TIMED_IMAGES = 16
_MIN_ROUNDS, _MAX_ROUNDS, _WARM_UP = 15, 300, 3


@dataclass(frozen=True)
class Latency:
    """How long one call takes.

    Attributes:
        median: wall time in milliseconds.
        quartiles: of the wall time, in milliseconds.
        processor: median of the processor time in milliseconds: far below the wall time where others used the machine too.
        calls: how many were timed.
    """

    median: float
    quartiles: tuple[float, float]
    processor: float
    calls: int

    @property
    def disturbed(self) -> bool:
        """Whether other work on the machine slowed the calls."""
        return self.median > 1.3 * self.processor + 0.1  # clocks of processor time may tick coarsely


@dataclass(frozen=True)
class Result:
    """The results of one model.

    Attributes:
        model: which.
        head: the head that was used.
        scores: on all images; logits restricted to the task's emotions, one view, the head's temperature.
        dedup: the same without exact copies of training images; None where there are no copies, or nothing else.
        y_pred: int64 (n,), index into the task's emotions.
        latency: of one image on one thread.
        p: p-value that the best model is no better than this one (McNemar, Holm); None for the best.
    """

    model: Model
    head: str
    scores: Scores
    dedup: Scores | None
    y_pred: npt.NDArray[np.int64]
    latency: Latency
    p: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Models on the same images, the most accurate first.

    Attributes:
        data: the data set's name.
        split: the part of it.
        task: what the models did.
        test_set: on which images.
        date: when, ISO 8601, UTC.
        machine: processor and number of cores.
        results: one for each model; of equally accurate ones the one with the higher macro-F1 first.
    """

    data: str
    split: str
    task: Task
    test_set: TestSet
    date: str
    machine: str
    results: tuple[Result, ...]

    @property
    def significantly_worse(self) -> list[Result]:
        """The models that the best one is better than (p < ``ALPHA``)."""
        return [result for result in self.results if result.p is not None and result.p < ALPHA]

    @property
    def not_distinguished(self) -> list[Result]:
        """The models that these images do not tell from the best one."""
        return [result for result in self.results if result.p is not None and result.p >= ALPHA]

    def optimistic(self, result: Result) -> bool:
        """Whether a model chose something by the very images that it is evaluated on here."""
        return self.split == "validation" and bool(result.model.selected)

    @property
    def comparable_histories(self) -> bool:
        """Whether the runs' own losses and accuracies are of one task: same heads, same emotions, same targets."""
        kinds = {
            tuple((head.emotions, head.targets, head.weight) for head in result.model.recipe.heads.values())
            for result in self.results
            if result.model.history is not None and result.model.recipe is not None
        }
        return len(kinds) < 2


def compare(
    models: Sequence[str | Path | Model],
    data: Dataset | OpenData,
    split: str = "validation",
    *,
    head: str = "",
    seconds: float = 10.0,
    progress: Callable[[str], None] = lambda _step: None,
) -> Comparison:
    """Evaluate ``models`` on the same images and the emotions that all of them know.

    Args:
        models: at least one: runs, checkpoints, model files, names of models that come with mien, or opened ones.
        data: a data set, or a function that is called once for each size and color that the models want.
        split: ``validation`` or ``test``.
        head: see ``common_task``.
        seconds: to spend on timing, about.
        progress: called with the next step.

    Raises:
        OptionError, ModelError: see ``open_models`` and ``common_task``.
        DataError: see ``build_test_set``.
    """
    paths = [Path(model) for model in models if not isinstance(model, Model)]
    found = iter(open_models(paths))
    opened = [model if isinstance(model, Model) else next(found) for model in models]
    task = common_task(opened, head)
    used: TestSet | None = None
    name = ""
    logits: dict[str, npt.NDArray[np.float32]] = {}
    samples: dict[str, npt.NDArray[np.uint8]] = {}
    # One size at a time: the images of all sizes at once may not fit into memory.
    for size, color in sorted({_input(model) for model in opened}):
        faces = data if isinstance(data, Dataset) else data(size, color)
        if used is None:
            name, used = faces.name, build_test_set(task, opened, faces, split)
        part = faces.part(split)
        images = part.images[rows_of(used.names, part)]
        del faces, part
        for model in (model for model in opened if _input(model) == (size, color)):
            progress(f"evaluating {model.name}")
            logits[model.name] = predict(model.classifier, images, flip=False)[task.heads[model.name]]
            samples[model.name] = images[:_TIMED_IMAGES].copy()
    if used is None:
        raise ValueError("models: got none, expected at least one")
    progress("timing")
    times = _timed(opened, samples, seconds)
    results = [_evaluate(model, task, used, logits[model.name], latency) for model, latency in zip(opened, times)]
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Comparison(name, split, task, used, now, machine(), _ranked(results, used))


def latencies(calls: Sequence[Callable[[int], object]], seconds: float = 10.0) -> list[Latency]:
    """Time ``calls`` in turn, round after round, each round in another order, so that other work slows all alike.

    Args:
        calls: each takes the number of the round and does the work of one image.
        seconds: to spend on the whole, about; at least 15 rounds are run, and at most 300.
    """
    rng = np.random.default_rng(0)
    for call in calls:
        for number in range(_WARM_UP):
            call(number)
    times: list[list[tuple[float, float]]] = [[] for _ in calls]
    started = time.perf_counter()
    for number in range(_MAX_ROUNDS):
        if number >= _MIN_ROUNDS and time.perf_counter() - started > seconds:
            break
        for which in rng.permutation(len(calls)):
            before, before_processor = time.perf_counter(), time.process_time()
            calls[which](number)
            times[which].append((time.perf_counter() - before, time.process_time() - before_processor))
    return [_summary(own) for own in times]


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Within this context torch computes on one thread, if it is loaded at all."""
    torch = sys.modules.get("torch")  # where no checkpoint was opened, torch need not even be installed
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _summary(times: list[tuple[float, float]]) -> Latency:
    wall, processor = 1000 * np.array(times).T
    low, middle, high = np.percentile(wall, (25, 50, 75))
    return Latency(float(middle), (float(low), float(high)), float(np.median(processor)), len(times))


def _input(model: Model) -> tuple[int, str]:
    return model.classifier.input.size, model.classifier.input.color


def _timed(models: Sequence[Model], samples: dict[str, npt.NDArray[np.uint8]], seconds: float) -> list[Latency]:
    def call(model: Model) -> Callable[[int], object]:
        classifier, images = open_classifier(model.path, threads=1), samples[model.name]
        return lambda number: classifier.logits(images[number % len(images)][None])

    with _one_torch_thread():
        return latencies([call(model) for model in models], seconds)


def _evaluate(model: Model, task: Task, used: TestSet, logits: npt.NDArray[np.float32], latency: Latency) -> Result:
    name = task.heads[model.name]
    head = model.classifier.heads[name]
    own = logits[:, positions(task.emotions, head.emotions)]

    def scored(rows: npt.NDArray[np.int64]) -> Scores:
        return score(own[rows], used.y_true[rows], task.emotions, temperature=head.temperature)

    everything = np.arange(len(own))
    rest = everything if used.copies is None else np.flatnonzero(~used.copies)
    dedup = scored(rest) if 0 < len(rest) < len(own) else None
    return Result(model, name, scored(everything), dedup, own.argmax(1).astype(np.int64), latency)


def _ranked(results: Sequence[Result], used: TestSet) -> tuple[Result, ...]:
    """The best first, with p-values corrected for all pairs: which model is best was seen on these very images."""
    order = sorted(results, key=lambda one: (-one.scores.accuracy, -one.scores.macro_f1, one.model.name))
    correct = [result.y_pred == used.y_true for result in order]
    pairs = list(combinations(range(len(order)), 2))
    p_values = dict(zip(pairs, holm([mcnemar(correct[i], correct[j]) for i, j in pairs]), strict=True))
    return tuple(replace(one, p=p_values[0, rank] if rank else None) for rank, one in enumerate(order))
