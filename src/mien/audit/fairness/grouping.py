"""Who belongs to which group: columns as they are, and their crossings."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import numpy.typing as npt

from ...errors import DataError
from ..groups import in_order
from .values import Predictions

MOST_GROUPS = 60
#: Of a crossing: each pair of its groups is compared in each of thousands of draws.
MOST_CROSSED = 240


def grouping(predictions: Predictions, column: str) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """The groups of a column of ``predictions``, as ``ranked`` gives them."""
    return ranked(column, predictions.groups[column])


def ranked(column: str, cells: npt.NDArray[np.object_]) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """The groups of a column.

    Args:
        column: its name, for messages.
        cells: object (N,) of str, the group of each image; empty where it has none.

    Returns:
        int64 (N,), the place of each image's group, -1 where it has none; and the names of the groups, in natural order.

    Raises:
        DataError: no image has a group, all have the same, or there are too many groups to be groups.
    """
    codes, kept = _ranked(cells)
    if not kept:
        raise DataError(
            f"column {column!r}: all {len(cells):,} cells are empty, expected a group in each",
            hint="Choose another column with --groups, or fill this one.",
        )
    if len(kept) == 1:
        raise DataError(
            f"column {column!r}: got one group only, {kept[0]!r}, expected at least two to compare",
            hint="Choose another column with --groups, or add images of other groups.",
        )
    if len(kept) > MOST_GROUPS:
        raise DataError(
            f"column {column!r}: got {len(kept):,} different values, such as {', '.join(kept[:3])}; expected at most "
            f"{MOST_GROUPS} groups",
            hint="Make bands of numbers, such as an age_band '18-29'; names and numbers of people are no groups.",
        )
    return codes, kept


def crossings(predictions: Predictions) -> list[tuple[str, npt.NDArray[np.int64], tuple[str, ...]]]:
    """Every pair of columns as one column, such as ``gender x age`` with the group ``female x 18-29``.

    An image belongs to a crossing where it belongs to a group in both. Pairs with one group are left out.

    Returns:
        Name, groups of the images and names of the groups, as ``grouping`` gives them.

    Raises:
        DataError: a pair gives too many groups.
    """
    made = []
    for one, other in combinations(predictions.groups, 2):
        a, b = predictions.groups[one], predictions.groups[other]
        both = (a != "") & (b != "")
        codes, names = _ranked(np.where(both, a + " x " + b, ""))
        if len(names) > MOST_CROSSED:
            raise DataError(
                f"columns {one!r} and {other!r}: got {len(names):,} groups if crossed, expected at most {MOST_CROSSED}",
                hint="Make fewer, wider bands of them, or leave --cross out.",
            )
        if len(names) > 1:
            made.append((f"{one} x {other}", codes, names))
    return made


def _ranked(cells: npt.NDArray[np.object_]) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """The place of each cell among the different ones; -1 where it is empty.

    Image conditions go from low to high, all others in natural order (2 before 10).
    """
    names, codes = np.unique(cells.astype(str), return_inverse=True)
    given = [str(name) for name in names if name]
    order = in_order(given) or tuple(sorted(given, key=_natural))
    rank = {name: place for place, name in enumerate(order)}
    return np.array([rank.get(str(name), -1) for name in names], np.int64)[codes.ravel()], order


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name) if part]
