"""How often each image is to be learned from so that all groups count alike, and which are drawn in an epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..data.records import groups_of, read_groups
from ..emotions import EMOTIONS
from ..errors import DataError
from .recipe import Balance

_MOST_NAMED = 8


@dataclass(frozen=True, eq=False)
class Evened:
    """N images in C cells: groups, or the emotions of each group.

    Attributes:
        cells: int64 (N,), the cell of each image; -1 where it has no group.
        names: of the cells, in alphabetical order.
        quotas: int64 (C,), draws of each cell in an epoch; they add up to the number of images that have a group.
    """

    cells: npt.NDArray[np.int64]
    names: tuple[str, ...]
    quotas: npt.NDArray[np.int64]

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """int64 (C,): images of each cell."""
        return np.bincount(self.cells[self.cells >= 0], minlength=len(self.names)).astype(np.int64)

    def times(self) -> npt.NDArray[np.float64]:
        """float64 (N,): how often each image is drawn in an epoch on average, or how much it counts; their mean is 1."""
        each = self.quotas / self.sizes
        return np.where(self.cells >= 0, each[self.cells], 1.0)

    def drawn(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """int64 (N,): the rows of an epoch in random order.

        Of a cell of n images and a quota q each image comes q // n times, and q % n of them, chosen anew each epoch,
        once more. Images without a group come once.
        """
        rows = [np.flatnonzero(self.cells < 0)]
        for cell, quota in enumerate(self.quotas.tolist()):
            own = np.flatnonzero(self.cells == cell)
            rows += [np.repeat(own, quota // len(own)), rng.permutation(own)[: quota % len(own)]]
        return rng.permutation(np.concatenate(rows))

    def words(self) -> str:
        """What is done, for the user: ``dark: 120 x 4.20, ...``."""
        each = [
            f"{name}: {size:,} x {quota / size:.2f}" for name, size, quota in zip(self.names, self.sizes, self.quotas)
        ]
        more = f" and {len(each) - _MOST_NAMED} more" if len(each) > _MOST_NAMED else ""
        without = int((self.cells < 0).sum())
        left = f"; {without:,} images without a group count as they are" if without else ""
        return f"{', '.join(each[:_MOST_NAMED])}{more}{left}"


def evened(names: npt.NDArray[np.str_], labels: npt.NDArray[np.int64], balance: Balance) -> Evened:
    """Which cell each image belongs to, and how often each cell is to be drawn.

    Images without a group are left as they are: nobody knows whom they would speak for.

    Args:
        names: str (N,), of the images to learn from.
        labels: int64 (N,), their emotions, index into the vocabulary.
        balance: what the recipe says.

    Raises:
        DataError: the groups cannot be read or fit no image, or all images are of one group.
    """
    path = Path(balance.groups)
    groups = groups_of(names, read_groups(path, balance.columns), str(path))
    there = sorted(set(groups[groups != ""].tolist()))
    if len(there) < 2:
        raise DataError(
            f"balance.column: all images to learn from are of one group in {balance.column}, {there[0]!r}: expected at "
            "least two",
            hint="Choose another column, or leave the table [balance] out.",
        )
    if balance.by_emotion:
        shown = np.array(EMOTIONS, np.str_)[labels]
        groups = np.where(groups != "", np.char.add(np.char.add(groups, " x "), shown), "")
    called, cells = np.unique(groups, return_inverse=True)
    without = int(called[0] == "")  # it sorts before all others
    sizes = np.bincount(cells.ravel(), minlength=len(called))[without:]
    return Evened(cells.ravel() - without, tuple(called[without:].tolist()), quotas(sizes, balance.most))


def quotas(sizes: npt.NDArray[np.int64], most: float) -> npt.NDArray[np.int64]:
    """Draws of each cell: the same of each, but of none more than ``most`` times its images.

    What a cell that is too small leaves is shared alike among the others.

    Args:
        sizes: int64 (C,), images of each cell, at least 1.
        most: at least 1.

    Returns:
        int64 (C,), with the sum of ``sizes``; cells with the same limit differ by one at most.
    """
    limits = np.floor(most * sizes).astype(np.int64)
    made = np.zeros(len(sizes), np.int64)
    left, order = int(sizes.sum()), np.argsort(limits, kind="stable")
    for place, cell in enumerate(order.tolist()):
        made[cell] = min(int(limits[cell]), math.ceil(left / (len(order) - place)))
        left -= int(made[cell])
    return made
