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
from .predictions import Predictions

MAX_GROUPS = 60
#: Groups of an intersection: each pair of them is compared in each of thousands of permutations.
MAX_INTERSECTIONS = 240
#: Images that a group needs to be compared.
MIN_GROUP_SIZE = 5
_MOST_NAMED = 6


@dataclass(frozen=True, eq=False)
class Grouping:
    """One column of groups, or an intersection of two.

    Attributes:
        name: such as ``gender`` or ``gender x age``.
        codes: int64 (N,), group index of each image, -1 where it has none.
        names: of the G groups, in natural order.
    """

    name: str
    codes: npt.NDArray[np.int64]
    names: tuple[str, ...]

    @property
    def n_missing(self) -> int:
        """Images without a group."""
        return int((self.codes < 0).sum())


def groupings(predictions: Predictions, *, intersections: bool, min_group_size: int, resamples: int) -> list[Grouping]:
    """Columns of groups, and their intersections if wanted.

    Raises:
        OptionError: ``min_group_size`` or ``resamples`` is out of range, or there is no column of groups.
        DataError: a column holds one group only, none, or too many.
    """
    check_settings(min_group_size, resamples)
    if not predictions.groups:
        raise OptionError("got no column of groups, expected at least one", hint="Name one with --groups.")
    made = [grouping(name, cells) for name, cells in predictions.groups.items()]
    return made + (_intersections(predictions) if intersections else [])


def check_settings(min_group_size: int, resamples: int) -> None:
    """Raises OptionError for values out of range."""
    if min_group_size < 2 or resamples < 100:
        raise OptionError(
            f"min_group_size, resamples: got {min_group_size}, {resamples}, expected at least 2 images and 100 resamples"
        )


def grouping(column: str, cells: npt.NDArray[np.object_]) -> Grouping:
    """The groups of a column.

    Args:
        column: its name.
        cells: object (N,) of str; empty where an image has no group.

    Raises:
        DataError: no image has a group, all have the same, or there are more than ``MAX_GROUPS``.
    """
    codes, names = _ranked(cells)
    if not names:
        raise DataError(
            f"column {column!r}: all {len(cells):,} cells are empty, expected a group in each",
            hint="Choose another column with --groups, or fill this one.",
        )
    if len(names) == 1:
        raise DataError(
            f"column {column!r}: got one group only, {names[0]!r}, expected at least two to compare",
            hint="Choose another column with --groups, or add images of other groups.",
        )
    if len(names) > MAX_GROUPS:
        raise DataError(
            f"column {column!r}: got {len(names):,} different values, such as {', '.join(names[:3])}; expected at most "
            f"{MAX_GROUPS} groups",
            hint="Bin numbers, such as an age_band '18-29'; identifiers of people are no groups.",
        )
    return Grouping(column, codes, names)


def excluded_note(name: str, groups: Sequence[tuple[str, int]]) -> str:
    """A note on groups, with names and sizes, that are too small to be compared."""
    named = ", ".join(f"{group} ({n})" for group, n in groups[:_MOST_NAMED])
    more = f" and {len(groups) - _MOST_NAMED} more" if len(groups) > _MOST_NAMED else ""
    return f"By {name}, not compared for too few images: {named}{more}."


def _intersections(predictions: Predictions) -> list[Grouping]:
    """Every pair of columns as one; an image belongs to it if it has a group in both. Pairs with one group are dropped."""
    made = []
    for one, other in combinations(predictions.groups, 2):
        a, b = predictions.groups[one], predictions.groups[other]
        codes, names = _ranked(np.where((a != "") & (b != ""), a + " x " + b, ""))
        if len(names) > MAX_INTERSECTIONS:
            raise DataError(
                f"columns {one!r} and {other!r}: got {len(names):,} intersections, expected at most {MAX_INTERSECTIONS}",
                hint="Use fewer, wider groups, or leave --intersections out.",
            )
        if len(names) > 1:
            made.append(Grouping(f"{one} x {other}", codes, names))
    return made


def _ranked(cells: npt.NDArray[np.object_]) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Group index of each cell, -1 where empty; image attributes from low to high, others in natural order (2 before 10)."""
    names, codes = np.unique(cells.astype(str), return_inverse=True)
    given = [str(name) for name in names if name]
    order = in_order(given) or tuple(sorted(given, key=_natural))
    rank = {name: place for place, name in enumerate(order)}
    return np.array([rank.get(str(name), -1) for name in names], np.int64)[codes.ravel()], order


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name) if part]
