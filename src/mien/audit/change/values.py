"""What a comparison of two models takes, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..fairness.values import Interval


@dataclass(frozen=True, eq=False)
class Pair:
    """N images that two models have read, a face found by both.

    Attributes:
        before: bool (N,), which of them the first model gets right.
        after: bool (N,), the same of the second.
        groups: column -> object (N,) of str, the group of each image; empty where it has none.
        notes: what a reader must know of how the tables were joined, a sentence each.
    """

    before: npt.NDArray[np.bool_]
    after: npt.NDArray[np.bool_]
    groups: dict[str, npt.NDArray[np.object_]]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.before)


@dataclass(frozen=True)
class GroupChange:
    """One group before and after; shares are 0 to 1.

    Attributes:
        name: of the group.
        n: its images.
        before: accuracy of the first model, with ``before_interval``, its 95 % interval (Wilson 1927).
        after: of the second, with ``after_interval``.
        difference: ``after`` less ``before``, with its 95 % interval (paired bootstrap).
        gained: images that only the second model gets right.
        lost: images that only the first one gets right.
        p: of both models being right equally often in this group (McNemar 1947, exact).
        p_corrected: the same, corrected for the number of groups (Holm 1979).
        compared: it has images enough to take part in the gap and in the correction.
    """

    name: str
    n: int
    before: float
    before_interval: Interval
    after: float
    after_interval: Interval
    difference: float
    interval: Interval
    gained: int
    lost: int
    p: float
    p_corrected: float
    compared: bool


@dataclass(frozen=True)
class Apart:
    """How far the best and the worst read group lie apart: their names, their distance and its 95 % interval (bootstrap)."""

    highest: str
    lowest: str
    gap: float
    interval: Interval


@dataclass(frozen=True)
class GapChange:
    """What became of the largest gap in accuracy.

    Attributes:
        before: with the first model.
        after: with the second; perhaps between other groups.
        difference: the gap after less the gap before: below 0 it shrank; with its 95 % interval (paired bootstrap).
        p: of the two models being exchangeable, image by image (permutation test).
        p_corrected: the same, corrected for the number of columns (Holm 1979).
    """

    before: Apart
    after: Apart
    difference: float
    interval: Interval
    p: float
    p_corrected: float


@dataclass(frozen=True)
class Changed:
    """One column of groups.

    Attributes:
        name: of the column.
        groups: in the natural order of their names.
        gap: what became of it; None where fewer than two groups have images enough.
        missing: images that belong to no group.
    """

    name: str
    groups: tuple[GroupChange, ...]
    gap: GapChange | None
    missing: int


@dataclass(frozen=True)
class Change:
    """All that was found.

    Attributes:
        n: images.
        overall: all of them as one group; its p-value is not corrected.
        attributes: the columns of groups.
        draws: resamples, and permutations.
        least: images that a group needs to be compared.
        comparisons: p-values of groups that were corrected together; those of gaps are corrected among themselves.
        notes: what a reader must know, a sentence each.
    """

    n: int
    overall: GroupChange
    attributes: tuple[Changed, ...]
    draws: int
    least: int
    comparisons: int
    notes: tuple[str, ...]
