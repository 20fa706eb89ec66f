"""Thresholds are judged on images that they were not fitted to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...errors import DataError, OptionError
from ...lab.evaluate.scores import wilson
from ..fairness.table import Table
from .values import Kept


def halves(table: Table, column: str, *, person: str = "", share: float = 0.5, seed: int = 0) -> tuple[Table, Table]:
    """Divide a table at random: each group alike, or all images of a person on one side.

    Args:
        table: predictions.
        column: of groups.
        person: the column of people; empty for none.
        share: of each group's rows, or of the people, that come into the first part.
        seed: of chance.

    Raises:
        OptionError: ``share`` cannot be meant.
        DataError: a column is missing, or one part would be empty.
    """
    if not 0 < share < 1:
        raise OptionError(f"share: got {share}, expected between 0 and 1")
    order = np.random.default_rng(seed).permutation(len(table))
    groups = table.text(table.wanted(column, "--groups"))[order]
    first = np.zeros(len(table), np.bool_)
    if person:
        people = table.text(table.wanted(person, "--person"))[order]
        own = {name or f"row {row}": len(people) for row, name in zip(order.tolist(), people)}
        chosen = set(list(own)[: round(share * len(own))])  # in the random order in which they come first
        first[order] = [(name or f"row {row}") in chosen for row, name in zip(order.tolist(), people)]
    else:
        for name in set(groups.tolist()):
            rows = order[groups == name]
            first[rows[: round(share * len(rows))]] = True
    if first.all() or not first.any():
        raise DataError(
            f"{table.name}: too few rows to hold some back: got {len(table)}", hint="Give more predictions."
        )
    return table.take(np.flatnonzero(first)), table.take(np.flatnonzero(~first))


def kept(confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], threshold: float) -> Kept:
    """What is relied on at a threshold, and how often that is right."""
    relied = confidence >= threshold
    n, hits = int(relied.sum()), int(right[relied].sum())
    return Kept(len(right), n, hits / n if n else None, wilson(hits, n) if n else None)
