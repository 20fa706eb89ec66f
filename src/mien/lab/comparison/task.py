"""The task of a comparison: the emotions that all models know, and the images to classify."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...data.dataset import TRAIN, Dataset, copies_of_training
from ...emotions import EMOTIONS, positions
from ...errors import DataError, ModelError, OptionError
from ..recipe import changed
from ..sampling import subset
from .models import Model


@dataclass(frozen=True)
class Task:
    """To tell apart the emotions that all models know.

    Attributes:
        heads: the head that is used, by the model's name.
        emotions: the K labels that all of these heads know, in the vocabulary's order.
        truth: ``labels``, or ``votes`` (their majority) where every one of these heads learned from votes.
    """

    heads: dict[str, str]
    emotions: tuple[str, ...]
    truth: str


@dataclass(frozen=True)
class TestSet:
    """The images that all models classify.

    Attributes:
        names: str (n,), which images.
        y_true: int64 (n,), their labels, index into ``Task.emotions``.
        copies: bool (n,), which of them are exact copies of training images; None where the data has no training part.
        other_emotion: images left out because their emotion is not in the task, or they have none.
        not_in_recipe: images left out because a model's recipe evaluates on others.
    """

    names: npt.NDArray[np.str_]
    y_true: npt.NDArray[np.int64]
    copies: npt.NDArray[np.bool_] | None
    other_emotion: int
    not_in_recipe: int


def common_task(models: Sequence[Model], head: str = "") -> Task:
    """The task that all models can do.

    Args:
        models: at least one.
        head: the head to use where a model has it; of the others, and of all where it is empty, the head that learned from
            labels is used, and of several the one with most emotions.

    Raises:
        OptionError: no model has such a head.
        ModelError: the models have fewer than two emotions in common.
    """
    known = sorted({name for model in models for name in model.classifier.heads})
    if head and head not in known:
        raise OptionError(
            f"no model has a head {head!r}: they have {', '.join(known)}", hint="Choose one of these with --head."
        )
    heads = {model.name: _head(model, head) for model in models}
    labels = {model.name: model.classifier.heads[heads[model.name]].emotions for model in models}
    common = tuple(name for name in EMOTIONS if all(name in emotions for emotions in labels.values()))
    if len(common) < 2:
        each = "; ".join(f"{name}: {', '.join(emotions)}" for name, emotions in labels.items())
        raise ModelError(
            f"the models have {len(common) or 'no'} emotion in common, expected at least two: {each}",
            hint="Compare models that can tell the same emotions apart.",
        )
    by_votes = all(model.classifier.marks[heads[model.name]].targets == "votes" for model in models)
    return Task(heads, common, "votes" if by_votes else "labels")


def build_test_set(task: Task, models: Sequence[Model], faces: Dataset, split: str) -> TestSet:
    """The images of ``split`` that every model can be evaluated on.

    Where the recipe of a model draws the images to evaluate on, all models are evaluated on these only.

    Args:
        task: from ``common_task``.
        models: the same.
        faces: the whole data set, training part included.
        split: the part to evaluate on.

    Raises:
        DataError: there is no such part, no such image in it, or no votes where the task needs them.
    """
    part = faces.part(split)
    if task.truth == "votes" and part.votes is None:
        raise DataError(
            f"{faces.name} has one label an image, expected votes, because these heads learned from votes: "
            f"{', '.join(sorted(set(task.heads.values())))}",
            hint="Choose a head that learned from labels with --head, or data with FER+ votes.",
        )
    truth = part.votes.majority() if task.truth == "votes" and part.votes is not None else part.labels
    rank = np.full(len(EMOTIONS) + 1, -1, np.int64)  # the last entry catches index -1: no answer
    rank[positions(task.emotions, EMOTIONS)] = np.arange(len(task.emotions))
    answers = rank[truth]
    drawn_rows = np.ones(len(part), bool)
    for recipe in (model.recipe for model in models):
        if recipe and recipe.data.judge_counts:
            # what the recipe sets aside of the training part is not needed here
            whole = changed(recipe, {"data.inner": 0.0})
            drawn_rows &= np.isin(part.names, subset(faces, whole).part(split).names)
    used = drawn_rows & (answers >= 0)
    if not used.any():
        raise DataError(
            f"{faces.name}, {split}: got no image that all {len(models)} models can be evaluated on, of {len(part):,}; "
            f"expected some of {', '.join(task.emotions)}"
            + ("" if drawn_rows.any() else " among those that the recipes evaluate on"),
            hint="Choose another --split or data set, or compare fewer models at once.",
        )
    copies = copies_of_training(faces, split)[used] if (faces.split == TRAIN).any() else None
    return TestSet(
        part.names[used], answers[used], copies, int((answers < 0).sum()), int((~drawn_rows & (answers >= 0)).sum())
    )


def rows_of(names: npt.NDArray[np.str_], faces: Dataset) -> npt.NDArray[np.int64]:
    """int64 (n,): where in ``faces`` the images of these names are.

    Raises:
        DataError: one is not there.
    """
    place = {name: row for row, name in enumerate(faces.names.tolist())}
    missing = [name for name in names.tolist() if name not in place]
    if missing:
        raise DataError(
            f"{faces.name}: {len(missing)} images can be read at one size but not at another, such as {missing[0]}",
            hint="Were the files changed meanwhile? Run it again.",
        )
    return np.array([place[name] for name in names.tolist()], np.int64)


def _head(model: Model, wanted: str) -> str:
    heads, marks = model.classifier.heads, model.classifier.marks
    if wanted in heads:
        return wanted
    by_labels = [name for name in heads if marks[name].targets == "labels"]
    return max(by_labels or list(heads), key=lambda name: len(heads[name].emotions))
