"""What all members of a comparison can be asked: the same emotions, of the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...data.dataset import TRAIN, Dataset, copies_of_training
from ...emotions import EMOTIONS, positions
from ...errors import DataError, ModelError, OptionError
from ..subsetting import subset
from .members import Member


@dataclass(frozen=True)
class Question:
    """Which emotion is it, of those that all members know?

    Attributes:
        heads: the head that answers, by the member's name.
        emotions: what all of these heads can tell apart, in the vocabulary's order.
        truth: ``labels``, or ``votes`` (their majority) where every one of these heads learned from votes.
    """

    heads: dict[str, str]
    emotions: tuple[str, ...]
    truth: str


@dataclass(frozen=True)
class Exam:
    """The images that the question is asked of.

    Attributes:
        names: str (n,), which images.
        answers: int64 (n,), the right answer of each, index into ``Question.emotions``.
        copies: bool (n,), which of them are exact copies of training images; None where the data has no training part.
        other_emotion: images of the part left out because their emotion is not asked for, or they have none.
        not_judged: images left out because the recipe of a member judges on others.
    """

    names: npt.NDArray[np.str_]
    answers: npt.NDArray[np.int64]
    copies: npt.NDArray[np.bool_] | None
    other_emotion: int
    not_judged: int


def common_question(members: Sequence[Member], head: str = "") -> Question:
    """The question that all members can answer.

    Args:
        members: at least one.
        head: the head to ask where a member has it; the others, and all where it is empty, are asked through the head that
            learned from labels, and of several through the one with most emotions.

    Raises:
        OptionError: no member has such a head.
        ModelError: the members have fewer than two emotions in common.
    """
    known = sorted({name for member in members for name in member.classifier.heads})
    if head and head not in known:
        raise OptionError(
            f"no model has a head {head!r}: they have {', '.join(known)}", hint="Choose one of these with --head."
        )
    heads = {member.name: _head(member, head) for member in members}
    sets = {member.name: member.classifier.heads[heads[member.name]].emotions for member in members}
    common = tuple(name for name in EMOTIONS if all(name in emotions for emotions in sets.values()))
    if len(common) < 2:
        each = "; ".join(f"{name}: {', '.join(emotions)}" for name, emotions in sets.items())
        raise ModelError(
            f"the models have {len(common) or 'no'} emotion in common, expected at least two: {each}",
            hint="Compare models that can tell the same emotions apart.",
        )
    by_votes = all(member.classifier.marks[heads[member.name]].targets == "votes" for member in members)
    return Question(heads, common, "votes" if by_votes else "labels")


def exam(question: Question, members: Sequence[Member], faces: Dataset, split: str) -> Exam:
    """The images of ``split`` that every member can be marked on.

    A member whose recipe draws the images to judge by is asked about these only, and so are then all others.

    Args:
        question: from ``common_question``.
        members: the same.
        faces: the whole data set, training part included.
        split: the part to ask about.

    Raises:
        DataError: there is no such part, no such image in it, or no votes where the truth is theirs.
    """
    part = faces.part(split)
    if question.truth == "votes" and part.votes is None:
        raise DataError(
            f"{faces.name} has one label an image, expected votes, for the heads asked learned from votes: "
            f"{', '.join(sorted(set(question.heads.values())))}",
            hint="Choose a head that learned from labels with --head, or data with FER+ votes.",
        )
    truth = part.votes.majority() if question.truth == "votes" and part.votes is not None else part.labels
    rank = np.full(len(EMOTIONS) + 1, -1, np.int64)  # the last entry catches index -1: no answer
    rank[positions(question.emotions, EMOTIONS)] = np.arange(len(question.emotions))
    answers = rank[truth]
    judged = np.ones(len(part), bool)
    for recipe in (member.recipe for member in members):
        if recipe and recipe.data.judge_counts:
            whole = replace(
                recipe, data=replace(recipe.data, inner=0.0)
            )  # who was set aside of train is not asked here
            judged &= np.isin(part.names, subset(faces, whole).part(split).names)
    asked = judged & (answers >= 0)
    if not asked.any():
        raise DataError(
            f"{faces.name}, {split}: got no image that all {len(members)} models can be marked on, of {len(part):,}; "
            f"expected some of {', '.join(question.emotions)}"
            + ("" if judged.any() else " among those that the recipes judge on"),
            hint="Choose another --split or data set, or compare fewer models at once.",
        )
    copies = copies_of_training(faces, split)[asked] if (faces.split == TRAIN).any() else None
    return Exam(
        part.names[asked], answers[asked], copies, int((answers < 0).sum()), int((~judged & (answers >= 0)).sum())
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


def _head(member: Member, wanted: str) -> str:
    heads, marks = member.classifier.heads, member.classifier.marks
    if wanted in heads:
        return wanted
    by_labels = [name for name in heads if marks[name].targets == "labels"]
    return max(by_labels or list(heads), key=lambda name: len(heads[name].emotions))
