"""Which images of a dataset a recipe uses, and how often each is drawn so that groups are balanced."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..data.dataset import TEST, TRAIN, VALIDATION, Dataset
from ..data.records import groups_of, read_groups
from ..data.splits import set_aside
from ..emotions import EMOTIONS, label_set
from ..errors import DataError
from .recipe import Balance, Recipe

_MAX_SHOWN = 8


def subset(faces: Dataset, recipe: Recipe) -> Dataset:
    """The images of ``faces`` that ``recipe.data`` asks for; the same recipe and data give the same images.

    Images whose label no head of the recipe knows are left out, unless a head learns from votes. Exact and near
    duplicates stay together in ``train`` or ``inner``.

    Raises:
        DataError: the data has fewer images of an emotion than the recipe asks for.
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


def _drawn(faces: Dataset, part: str, counts: dict[str, int], rng: np.random.Generator) -> npt.NDArray[np.int64]:
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

    Attributes:
        cells: int64 (N,), the group of each image; -1 where it has none.
        names: of the groups, in alphabetical order.
        quotas: int64 (C,), draws of each group in an epoch; they add up to the number of images that have a group.
    """

    cells: npt.NDArray[np.int64]
    names: tuple[str, ...]
    quotas: npt.NDArray[np.int64]

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """int64 (C,): images of each group."""
        return np.bincount(self.cells[self.cells >= 0], minlength=len(self.names)).astype(np.int64)

    def times(self) -> npt.NDArray[np.float64]:
        """float64 (N,): mean draws of each image in an epoch, or its weight; their mean is 1."""
        return np.where(self.cells >= 0, (self.quotas / self.sizes)[self.cells], 1.0)

    def drawn(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """int64 (N,): the rows of an epoch in random order.

        In a group of n images with a quota q each image comes q // n times, and q % n of them, redrawn each epoch, once
        more. Images without a group come once.
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


def balanced_groups(names: npt.NDArray[np.str_], labels: npt.NDArray[np.int64], balance: Balance) -> BalancedGroups:
    """The group of each image, str (N,), and how often each is to be drawn; images without a group are drawn once.

    ``labels``, int64 (N,), are indices into the vocabulary.

    Raises:
        DataError: the groups cannot be read or fit no image, or all images are of one group.
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


def quotas(sizes: npt.NDArray[np.int64], most: float) -> npt.NDArray[np.int64]:
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
