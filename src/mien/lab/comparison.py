"""Compare models on the images and emotions that all of them can be evaluated on: accuracy, latency, significance."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ..data.dataset import TRAIN, Dataset, copies_of_training
from ..data.loading import load
from ..emotions import EMOTIONS, positions
from ..errors import DataError, ModelError, OptionError
from ..progress import Progress, no_progress
from ..stats import LEVEL, holm, mcnemar
from .comparison_models import Model, open_models
from .evaluation.classifier import open_classifier, predict
from .evaluation.evaluate import machine
from .evaluation.metrics import Scores, score
from .recipe import changed
from .sampling import subset

_Ints = npt.NDArray[np.int64]
_TIMED_IMAGES = 16
_MIN_ROUNDS, _MAX_ROUNDS, _WARM_UP = 15, 300, 3


@dataclass(frozen=True)
class Task:
    """The emotions that all models have in common, in the vocabulary's order, and the head of each model, by its name.

    ``truth`` is ``labels``, or ``votes`` (their majority) if all these heads were trained on votes.
    """

    heads: dict[str, str]
    emotions: tuple[str, ...]
    truth: str


@dataclass(frozen=True, eq=False)
class TestSet:
    """The images that all models classify.

    Attributes:
        names: str (n,), names of the images.
        y_true: int64 (n,), their labels, index into ``Task.emotions``.
        copies: bool (n,), exact copies of training images; None if the data has no training part.
        other_emotion, not_in_recipe: numbers of images left out because their emotion is not in the task, or because they
            are not among a recipe's evaluation images.
    """

    names: npt.NDArray[np.str_]
    y_true: _Ints
    copies: npt.NDArray[np.bool_] | None
    other_emotion: int
    not_in_recipe: int


@dataclass(frozen=True)
class Latency:
    """Wall time of one call in milliseconds: median and quartiles of ``calls`` calls."""

    median: float
    quartiles: tuple[float, float]
    calls: int


@dataclass(frozen=True, eq=False)
class Result:
    """The results of one model.

    Attributes:
        scores: on all images; logits restricted to the task's emotions, one view, the head's temperature.
        dedup: the same without exact copies of training images; None if there are no copies, or nothing else.
        y_pred: int64 (n,), index into the task's emotions.
        latency: of one image on one thread.
        p: p-value of the difference from the best model (McNemar, Holm); None for the best.
    """

    model: Model
    head: str
    scores: Scores
    dedup: Scores | None
    y_pred: _Ints
    latency: Latency
    p: float | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Models on the same images, the most accurate first; of equals the one with the higher macro-F1."""

    data: str
    split: str
    task: Task
    test_set: TestSet
    date: str
    machine: str
    results: tuple[Result, ...]

    @property
    def significantly_worse(self) -> list[Result]:
        """The models that differ significantly from the best one."""
        return [result for result in self.results if result.p is not None and result.p < LEVEL]

    @property
    def not_distinguished(self) -> list[Result]:
        """The models without a significant difference from the best one."""
        return [result for result in self.results if result.p is not None and result.p >= LEVEL]

    def optimistic(self, result: Result) -> bool:
        """Whether something about the model was chosen on the images it is evaluated on here."""
        return self.split == "validation" and bool(result.model.selected)

    @property
    def comparable_histories(self) -> bool:
        """Whether the losses and accuracies that the runs recorded are of one task."""
        kinds = {
            tuple((head.emotions, head.targets, head.weight) for head in result.model.recipe.heads.values())
            for result in self.results
            if result.model.history is not None and result.model.recipe is not None
        }
        return len(kinds) < 2


def compare(
    models: Sequence[str | Path | Model],
    data: str | Path | Dataset | Mapping[tuple[int, str], Dataset],
    split: str = "validation",
    *,
    head: str = "",
    seconds: float = 10.0,
    progress: Progress = no_progress,
) -> Comparison:
    """Evaluate and time models on the same images, and test which differences are significant.

    Args:
        models: paths of models, names of included models, or models from ``open_models``.
        data: as in ``mien.data.load``, a loaded dataset with its training part, or one for each size and color of models.
        split: the part to evaluate on.
        head: the head to use if a model has it.
        seconds: approximate time for measuring latency.
        progress: called as models are evaluated.

    Raises:
        OptionError: no model or no such head, or a model is given twice.
        ModelError: a model cannot be opened, or the models have fewer than two emotions in common.
        DataError: the data has no images that every model can be evaluated on.

    Example:
        >>> from mien import lab
        >>> lab.compare(["default", "tiny"], "fer2013.csv").results[0].scores.accuracy  # doctest: +SKIP
    """
    given = iter(open_models([Path(model) for model in models if not isinstance(model, Model)]))
    opened = [model if isinstance(model, Model) else next(given) for model in models]
    task = common_task(opened, head)
    inputs = [(model.classifier.input.size, model.classifier.input.color) for model in opened]
    sources: dict[tuple[int, str], Dataset] = {}
    for spec in dict.fromkeys(inputs):
        own = data[spec] if isinstance(data, Mapping) else data
        sources[spec] = own if isinstance(own, Dataset) else load(own, spec[0], color=spec[1])
    first = sources[inputs[0]]
    test_set = build_test_set(task, opened, first, split)
    logits: dict[str, npt.NDArray[np.float32]] = {}
    samples: dict[str, npt.NDArray[np.uint8]] = {}
    for spec, faces in sources.items():
        part = faces.part(split)
        images = part.images[rows_of(test_set.names, part)]
        for model in (model for model, own_spec in zip(opened, inputs) if own_spec == spec):
            progress(len(logits), len(opened), f"evaluating {model.name}")
            logits[model.name] = predict(model.classifier, images, flip=False)[task.heads[model.name]]
            samples[model.name] = images[:_TIMED_IMAGES].copy()
    progress(len(opened), len(opened), "measuring latency")

    def call(model: Model) -> Callable[[int], object]:
        classifier, images = open_classifier(model.path, threads=1), samples[model.name]
        return lambda number: classifier.logits(images[number % len(images)][None])

    with threadpool_limits(1):  # of torch and scikit-learn
        times = latencies([call(model) for model in opened], seconds)
    results = [_evaluate(model, task, test_set, logits[model.name], latency) for model, latency in zip(opened, times)]
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Comparison(first.name, split, task, test_set, now, machine(), _ranked(results, test_set))


def common_task(models: Sequence[Model], head: str = "") -> Task:
    """The task that all models can do, with the given ``head`` where a model has it.

    Otherwise it is the head that learned from labels, and of several the one with most emotions.

    Raises:
        OptionError: there is no model, or none with such a head.
        ModelError: the models have fewer than two emotions in common.
    """
    known = sorted({name for model in models for name in model.classifier.heads})
    if not models or (head and head not in known):
        raise OptionError(f"head: got {head!r}, expected one of {', '.join(known)}", hint="Choose one with --head.")
    heads = {model.name: _head(model, head) for model in models}
    labels = {model.name: model.classifier.heads[heads[model.name]].emotions for model in models}
    common = tuple(name for name in EMOTIONS if all(name in emotions for emotions in labels.values()))
    if len(common) < 2:
        each = "; ".join(f"{name}: {', '.join(emotions)}" for name, emotions in labels.items())
        hint = "Compare models with the same emotions."
        raise ModelError(f"the models have {len(common)} emotions in common, expected at least 2: {each}", hint=hint)
    by_votes = all(model.classifier.recipe_heads[heads[model.name]].targets == "votes" for model in models)
    return Task(heads, common, "votes" if by_votes else "labels")


def build_test_set(task: Task, models: Sequence[Model], faces: Dataset, split: str) -> TestSet:
    """The images of ``split`` that every model can be evaluated on; where recipes draw images, only those.

    Raises:
        DataError: there is no such part, no such image in it, or no votes although the task needs them.
    """
    part = faces.part(split)
    truth = part.labels
    if task.truth == "votes":
        if part.votes is None:
            hint = "Choose a head that learned from labels with --head, or data with FER+ votes."
            heads = ", ".join(sorted(set(task.heads.values())))
            raise DataError(f"{faces.name} has no votes, but the heads {heads} learned from them", hint=hint)
        truth = part.votes.majority()
    classes = positions(task.emotions, EMOTIONS)
    answers = np.where(np.isin(truth, classes), np.searchsorted(classes, truth), -1)
    drawn = np.ones(len(part), bool)
    for recipe in (model.recipe for model in models):
        if recipe and recipe.data.evaluation_counts:
            whole = changed(recipe, {"data.inner": 0.0})
            drawn &= np.isin(part.names, subset(faces, whole).part(split).names)
    used = drawn & (answers >= 0)
    if not used.any():
        hint = "Choose another --split or dataset, or compare fewer models at once."
        wanted = f"an image of {', '.join(task.emotions)} that all {len(models)} models can be evaluated on"
        raise DataError(f"{faces.name}, {split}: got {len(part):,} images, expected {wanted} among them", hint=hint)
    copies = copies_of_training(faces, split)[used] if (faces.split == TRAIN).any() else None
    other_emotion, not_in_recipe = int((answers < 0).sum()), int((~drawn & (answers >= 0)).sum())
    return TestSet(part.names[used], answers[used], copies, other_emotion, not_in_recipe)


def latencies(calls: Sequence[Callable[[int], object]], seconds: float = 10.0) -> list[Latency]:
    """Time calls, each with the work of one image and the number of the round, for about ``seconds``; 15 to 300 rounds.

    Each round has a new random order, so that other work on the machine slows all alike.
    """
    rng = np.random.default_rng(0)
    for call in calls:
        for number in range(_WARM_UP):
            call(number)
    rounds: list[list[float]] = []
    started = time.perf_counter()
    while len(rounds) < _MIN_ROUNDS or (len(rounds) < _MAX_ROUNDS and time.perf_counter() - started < seconds):
        rounds.append([0.0] * len(calls))
        for which in rng.permutation(len(calls)):
            before = time.perf_counter()
            calls[which](len(rounds))
            rounds[-1][which] = 1000 * (time.perf_counter() - before)
    quartiles = np.percentile(rounds, (25, 50, 75), axis=0).T.tolist()
    return [Latency(middle, (low, high), len(rounds)) for low, middle, high in quartiles]


def _evaluate(model: Model, task: Task, used: TestSet, logits: npt.NDArray[np.float32], latency: Latency) -> Result:
    name = task.heads[model.name]
    head = model.classifier.heads[name]
    own = logits[:, positions(task.emotions, head.emotions)]

    def scored(rows: _Ints) -> Scores:
        return score(own[rows], used.y_true[rows], task.emotions, temperature=head.temperature)

    everything = np.arange(len(own))
    rest = everything if used.copies is None else np.flatnonzero(~used.copies)
    dedup = scored(rest) if 0 < len(rest) < len(own) else None
    return Result(model, name, scored(everything), dedup, own.argmax(1).astype(np.int64), latency)


def _ranked(results: Sequence[Result], used: TestSet) -> tuple[Result, ...]:
    """The best first; p-values are corrected for all pairs, since the best was chosen on these images."""
    order = sorted(results, key=lambda one: (-one.scores.accuracy, -one.scores.macro_f1, one.model.name))
    correct = [result.y_pred == used.y_true for result in order]
    pairs = list(combinations(range(len(order)), 2))
    p_values = dict(zip(pairs, holm([mcnemar(correct[i], correct[j]) for i, j in pairs]), strict=True))
    return tuple(replace(one, p=p_values[0, rank] if rank else None) for rank, one in enumerate(order))


def _head(model: Model, wanted: str) -> str:
    heads = model.classifier.heads
    if wanted in heads:
        return wanted
    by_labels = [name for name, head in model.classifier.recipe_heads.items() if head.targets == "labels"]
    return max(by_labels or list(heads), key=lambda name: len(heads[name].emotions))


def rows_of(names: npt.NDArray[np.str_], faces: Dataset) -> _Ints:
    """int64 (n,): where in ``faces`` the images of these names are."""
    place = {name: row for row, name in enumerate(faces.names.tolist())}
    if missing := [name for name in names.tolist() if name not in place]:
        hint = "Were files changed meanwhile?"
        raise DataError(f"{faces.name}: {missing[0]} can be read at one size but not at another", hint=hint)
    return np.array([place[name] for name in names.tolist()], np.int64)
