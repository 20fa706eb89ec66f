"""Groups of images: columns and their intersections, and the settings that every comparison shares."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ..errors import DataError, OptionError
from .attributes import in_order

MAX_GROUPS = 60
#: Groups of an intersection: each pair of them is compared in each of thousands of permutations.
MAX_INTERSECTIONS = 240
#: Images that a group needs to be compared.
MIN_GROUP_SIZE = 5
_MOST_NAMED = 6


@dataclass(frozen=True, eq=False)
class Grouping:
    """One column of groups, or an intersection of two, such as ``gender x age``.

    Attributes:
        codes: int64 (N,), group index of each image, -1 if it has none.
        names: of the G groups: image attributes from low to high, others in natural order (2 before 10).
    """

    name: str
    codes: npt.NDArray[np.int64]
    names: tuple[str, ...]

    @property
    def n_missing(self) -> int:
        """Images without a group."""
        return int((self.codes < 0).sum())

    @staticmethod
    def everyone(n: int) -> Grouping:
        """All ``n`` images as one group."""
        return Grouping("all", np.zeros(n, np.int64), ("all",))

    @staticmethod
    def of(name: str, cells: npt.NDArray[np.object_]) -> Grouping:
        """From object (N,) of str, empty if an image has no group."""
        names, codes = np.unique(cells.astype(str), return_inverse=True)
        given = [str(own) for own in names if own]
        order = in_order(given) or tuple(sorted(given, key=_natural))
        rank = {own: place for place, own in enumerate(order)}
        return Grouping(name, np.array([rank.get(str(own), -1) for own in names], np.int64)[codes.ravel()], order)


def groupings(
    groups: dict[str, npt.NDArray[np.object_]], *, intersections: bool = False, min_group_size: int, resamples: int
) -> list[Grouping]:
    """Columns of groups, and their intersections if wanted; pairs of columns with one group in common are dropped.

    Raises:
        OptionError: ``min_group_size`` or ``resamples`` is out of range, or there is no column of groups.
        DataError: a column holds one group only, none, or too many.
    """
    if min_group_size < 2 or resamples < 100:
        raise OptionError(
            f"min_group_size, resamples: got {min_group_size}, {resamples}, expected at least 2 images and 100 resamples"
        )
    if not groups:
        raise OptionError("got no column of groups, expected at least one", hint="Name one with --groups.")
    made = [grouping(name, cells) for name, cells in groups.items()]
    for (one, a), (other, b) in combinations(groups.items(), 2) if intersections else ():
        both = Grouping.of(f"{one} x {other}", np.where((a != "") & (b != ""), a + " x " + b, ""))
        if len(both.names) > MAX_INTERSECTIONS:
            raise DataError(
                f"columns {one!r} and {other!r}: got {len(both.names):,} intersections, expected at most "
                f"{MAX_INTERSECTIONS}",
                hint="Use fewer, wider groups, or leave --intersections out.",
            )
        if len(both.names) > 1:
            made.append(both)
    return made


def grouping(column: str, cells: npt.NDArray[np.object_]) -> Grouping:
    """``Grouping.of``; a DataError if no image has a group, all have the same, or there are more than ``MAX_GROUPS``."""
    made = Grouping.of(column, cells)
    if len(made.names) > MAX_GROUPS:
        raise DataError(
            f"column {column!r}: got {len(made.names):,} different values, such as {', '.join(made.names[:3])}; expected "
            f"at most {MAX_GROUPS} groups",
            hint="Bin numbers, such as an age_band '18-29'; identifiers of people are not groups.",
        )
    if len(made.names) < 2:
        got = f"one group only, {made.names[0]!r}" if made.names else f"{len(cells):,} empty cells"
        raise DataError(
            f"column {column!r}: got {got}, expected at least two groups to compare",
            hint="Choose another column with --groups, or add images of other groups.",
        )
    return made


def excluded_note(name: str, groups: Sequence[tuple[str, int]]) -> str:
    """A note on groups, with names and sizes, that are too small to be compared."""
    named = ", ".join(f"{group} ({n})" for group, n in groups[:_MOST_NAMED])
    more = f" and {len(groups) - _MOST_NAMED} more" if len(groups) > _MOST_NAMED else ""
    return f"By {name}, not compared for too few images: {named}{more}."


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name) if part]
