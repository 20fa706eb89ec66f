"""What each head of a recipe learns from a dataset's labels and votes, and what it is evaluated against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..data.dataset import Dataset, Votes
from ..emotions import EMOTIONS, label_set, positions
from ..errors import DataError
from .recipe import Head, Recipe

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TrainingTargets:
    """The targets of N training images.

    Attributes:
        heads: for each head float32 (N, K), rows that sum to 1, or all zero where the head learns nothing.
        labeled, unlabeled: int64, rows whose labels some head learns from, and whose labels are withheld (``semi.labels``).
    """

    heads: dict[str, npt.NDArray[np.float32]]
    labeled: Rows
    unlabeled: Rows

    def class_weights(self, recipe: Recipe) -> dict[str, npt.NDArray[np.float32]]:
        """float32 (K,) for each head: the weight of each class in the loss; 1 on average over the labeled images."""
        weights = {}
        for name, head in recipe.heads.items():
            shares = self.heads[name][self.labeled].sum(0).astype(np.float64)
            balanced = shares.sum() / (np.maximum(shares, 1) * max(1, (shares > 0).sum()))
            weights[name] = (balanced if head.class_weights == "balanced" else np.ones(len(shares))).astype(np.float32)
        return weights


def training_targets(faces: Dataset, recipe: Recipe) -> TrainingTargets:
    """The targets of training images: ``semi.labels`` of each class keep their labels, the others count as unlabeled.

    Raises:
        DataError: no image has a target and there are no teachers, or a head needs votes that the data lacks.
    """
    heads = {name: soft_targets(faces, head) for name, head in recipe.heads.items()}
    labeled, unlabeled = np.flatnonzero(np.column_stack(list(heads.values())).sum(1) > 0), np.empty(0, np.int64)
    if not len(labeled) and not recipe.distillation.teachers:
        wanted = "; ".join(f"{name}: {head.emotions} by {head.targets}" for name, head in recipe.heads.items())
        raise DataError(
            f"{faces.name}: none of the {len(faces):,} training images has a label or votes that a head learns from "
            f"({wanted})",
            hint="Choose a recipe whose heads know the emotions of this data, or check the labels.",
        )
    if recipe.semi.labels < 1:
        shuffled = np.random.default_rng([recipe.seed, 17]).permutation(labeled)
        classes = [shuffled[faces.labels[shuffled] == label] for label in np.unique(faces.labels[labeled])]
        kept = np.sort(np.concatenate([rows[: max(1, round(recipe.semi.labels * len(rows)))] for rows in classes]))
        labeled, unlabeled = kept, np.setdiff1d(labeled, kept)
        for target in heads.values():
            target[unlabeled] = 0
    return TrainingTargets(heads, labeled, unlabeled)


def soft_targets(faces: Dataset, head: Head) -> npt.NDArray[np.float32]:
    """What ``head`` learns: float32 (N, K), each row a distribution over its classes, or all zero to leave it out.

    Raises:
        DataError: the head learns from votes and the data has none.
    """
    classes = label_set(head.emotions)
    if head.targets == "votes":
        shares = _votes(faces).distribution()[:, positions(classes, EMOTIONS)]
        total = shares.sum(1, keepdims=True)
        targets = np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
    else:
        hard = hard_targets(faces, head)
        targets = np.zeros((len(faces), len(classes)), np.float32)
        known = np.flatnonzero(hard >= 0)
        targets[known, hard[known]] = 1
    used = targets.sum(1, keepdims=True) > 0
    smooth = head.label_smoothing
    return np.asarray(np.where(used, targets * (1 - smooth) + smooth / len(classes), 0), np.float32)


def hard_targets(faces: Dataset, head: Head) -> Rows:
    """What ``head`` is evaluated against: int64 (N,), index into its classes, -1 where there is no right answer.

    The label itself, or the majority of the votes as FER+'s authors define it.

    Raises:
        DataError: the head learns from votes and the data has none.
    """
    classes = label_set(head.emotions)
    truth = _votes(faces).majority() if head.targets == "votes" else faces.labels
    rank = np.full(len(EMOTIONS) + 1, -1, np.int64)  # the last entry catches index -1: no answer
    rank[positions(classes, EMOTIONS)] = np.arange(len(classes))
    return rank[truth]


def _votes(faces: Dataset) -> Votes:
    if faces.votes is None:
        raise DataError(
            f"{faces.name} has one label per image, but a head of this recipe learns from annotators' votes",
            hint='Use a recipe whose heads have targets = "labels", such as the built-in "seven", or data with FER+ votes.',
        )
    return faces.votes
