"""Training images of a recipe, sampling that balances groups, and the targets of each head."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..data.dataset import TEST, TRAIN, VALIDATION, Dataset, Votes
from ..data.records import groups_of, read_groups
from ..data.splits import set_aside
from ..emotions import EMOTIONS, label_set, positions
from ..errors import DataError
from .recipe import Balance, Head, Recipe

Rows = npt.NDArray[np.int64]
_MAX_SHOWN = 8


def subset(faces: Dataset, recipe: Recipe) -> Dataset:
    """The images of ``faces`` that ``recipe.data`` asks for; the same recipe and data yield the same images.

    Images whose label no head of the recipe knows are left out, unless a head learns from votes. Exact and near
    duplicates stay together in ``train`` or ``inner``. Raises ``DataError`` if the data has fewer images of an
    emotion than the recipe asks for.
    """
    wanted = recipe.data
    known = sorted({EMOTIONS.index(name) for head in recipe.heads.values() for name in label_set(head.emotions)})
    if all(head.targets == "labels" for head in recipe.heads.values()):
        usable = np.isin(faces.labels, known)
        if usable[faces.split == TRAIN].any():  # otherwise training reports which labels it found
            faces = faces.take(usable)
    parts = {TRAIN: wanted.counts, VALIDATION: wanted.evaluation_counts, TEST: wanted.evaluation_counts}
    kept = np.ones(len(faces), bool)
    for number, (part, counts) in enumerate(parts.items()):
        if counts and (faces.split == part).any():
            kept[faces.split == part] = False
            kept[_drawn(faces, part, counts, np.random.default_rng([recipe.seed, number]))] = True
    if not kept.all():
        faces = faces.take(kept)
    return set_aside(faces, wanted.inner, recipe.seed) if wanted.inner else faces


def _drawn(faces: Dataset, part: str, counts: dict[str, int], rng: np.random.Generator) -> Rows:
    rows = []
    for emotion, count in sorted(counts.items()):
        found = np.flatnonzero((faces.split == part) & (faces.labels == EMOTIONS.index(emotion)))
        if len(found) < count:
            raise DataError(
                f"{faces.name}, {part}: got {len(found):,} images of {emotion}, expected at least the {count:,} that the "
                "recipe asks for",
                hint="Lower data.counts or data.evaluation_counts in a copy of the recipe, or use more images.",
            )
        rows.append(rng.permutation(found)[:count])
    return np.sort(np.concatenate(rows))


@dataclass(frozen=True, eq=False)
class BalancedGroups:
    """N images in C groups (or emotions of groups), and how often each group is drawn.

    ``cells``, int64 (N,), is the group of each image, -1 for none; ``names`` are in alphabetical order; ``quotas``, int64
    (C,), are draws in an epoch, which add up to the number of images that have a group.
    """

    cells: Rows
    names: tuple[str, ...]
    quotas: Rows

    @property
    def sizes(self) -> Rows:
        """int64 (C,): images of each group."""
        return np.bincount(self.cells[self.cells >= 0], minlength=len(self.names)).astype(np.int64)

    def times(self) -> npt.NDArray[np.float64]:
        """float64 (N,): mean draws of each image in an epoch, or its weight; their mean is 1."""
        return np.where(self.cells >= 0, (self.quotas / self.sizes)[self.cells], 1.0)

    def drawn(self, rng: np.random.Generator) -> Rows:
        """int64 (N,): the rows of an epoch in random order; images without a group come once.

        Of a group of n images with a quota q, each is drawn q // n times; q % n of them, redrawn each epoch, once more.
        """
        rows = [np.flatnonzero(self.cells < 0)]
        for cell, quota in enumerate(self.quotas.tolist()):
            own = np.flatnonzero(self.cells == cell)
            rows += [np.repeat(own, quota // len(own)), rng.permutation(own)[: quota % len(own)]]
        return rng.permutation(np.concatenate(rows))

    def summary(self) -> str:
        """Sizes and factors, such as ``dark: 120 x 4.20, ...``."""
        cells = zip(self.names, self.sizes, self.quotas)
        each = [f"{name}: {size:,} x {quota / size:.2f}" for name, size, quota in cells]
        more = f" and {len(each) - _MAX_SHOWN} more" if len(each) > _MAX_SHOWN else ""
        without = int((self.cells < 0).sum())
        rest = f"; {without:,} images without a group x 1.00" if without else ""
        return f"{', '.join(each[:_MAX_SHOWN])}{more}{rest}"

    def to_csv(self, names: npt.NDArray[np.str_]) -> str:
        """A CSV table of the images' ``names``, their groups and ``times``."""
        groups = [self.names[cell] if cell >= 0 else "" for cell in self.cells.tolist()]
        table = pd.DataFrame({"name": names, "group": groups, "times": self.times()})
        return table.to_csv(index=False, float_format="%.4g")


def balanced_groups(names: npt.NDArray[np.str_], labels: Rows, balance: Balance) -> BalancedGroups:
    """The group of each image, str (N,), and how often each is to be drawn; images without a group are drawn once.

    ``labels``, int64 (N,), are indices into the vocabulary. Raises ``DataError`` if the groups cannot be read or fit
    no image, or all images are of one group.
    """
    path = Path(balance.groups)
    groups = groups_of(names, read_groups(path, balance.columns), str(path))
    found = sorted(set(groups[groups != ""].tolist()))
    if len(found) < 2:
        raise DataError(
            f"balance.column: all training images are of one group in {balance.column}, {found[0]!r}: expected at least two",
            hint="Choose another column, or leave the table [balance] out.",
        )
    if balance.by_emotion:
        shown = np.array(EMOTIONS, np.str_)[labels]
        groups = np.where(groups != "", np.char.add(np.char.add(groups, " x "), shown), "")
    unique, cells = np.unique(groups, return_inverse=True)
    without = int(unique[0] == "")  # it sorts before all others
    sizes = np.bincount(cells.ravel(), minlength=len(unique))[without:]
    return BalancedGroups(cells.ravel() - without, tuple(unique[without:].tolist()), quotas(sizes, balance.most))


def quotas(sizes: Rows, most: float) -> Rows:
    """Draws of each group: equal, but at most ``most`` times its images; the rest is shared among the others.

    int64 (C,), with the sum of ``sizes``, int64 (C,); groups with the same limit differ by one at most.
    """
    limits = np.floor(most * sizes).astype(np.int64)
    result = np.zeros(len(sizes), np.int64)
    left, order = int(sizes.sum()), np.argsort(limits, kind="stable")
    for place, cell in enumerate(order.tolist()):
        result[cell] = min(int(limits[cell]), math.ceil(left / (len(order) - place)))
        left -= int(result[cell])
    return result


@dataclass(frozen=True, eq=False)
class TrainingTargets:
    """Targets of N training images: float32 (N, K) for each head, rows that sum to 1, or all zero where it learns nothing.

    ``labeled`` and ``unlabeled`` are the rows whose labels some head learns from, or are withheld (``semi.labels``).
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

    ``DataError`` if no image has a target and there are no teachers, or a head needs votes that the data lacks.
    """
    heads = {name: soft_targets(faces, head) for name, head in recipe.heads.items()}
    labeled, unlabeled = np.flatnonzero(np.column_stack(list(heads.values())).sum(1) > 0), np.empty(0, np.int64)
    if not len(labeled) and not recipe.distillation.teachers:
        wanted = "; ".join(f"{name}: {head.emotions} by {head.targets}" for name, head in recipe.heads.items())
        raise DataError(
            f"{faces.name}: none of the {len(faces):,} training images has a label or votes that a head learns from "
            f"({wanted})",
            hint="Choose a recipe whose heads have the emotions of this data, or check the labels.",
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
    """Targets of ``head``: float32 (N, K), each row a distribution over its classes, or all zero to leave it out."""
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
    """True classes for evaluating ``head``: int64 (N,), index into its classes, -1 if there is none.

    The label, or the majority of the votes as FER+'s authors define it; ``DataError`` if the data has no votes.
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
