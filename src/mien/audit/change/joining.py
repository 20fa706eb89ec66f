"""Two tables of predictions, joined image by image."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...errors import DataError
from ..fairness.columns import SAID, TRUTHS, Columns, emotions_in, predictions_of
from ..fairness.table import Table
from .values import Pair

IMAGES = ("image", "name", "path", "file", "filename", "image", "photo")


def joined(before: Table, after: Table, columns: Columns, image: str = "") -> Pair:
    """The images that both tables hold, with the answers of both.

    Right answers, groups and people are read from the first table; where the second has right answers too, they must be the
    same.

    Args:
        before: what the first model said, a row an image.
        after: what the second one said.
        columns: the names of columns; those of predictions and of faces found hold for both tables.
        image: the column of the images' names; empty looks for the usual ones.

    Raises:
        DataError: a column is missing, an image comes twice in a table, the tables share no image, an image is labeled
            otherwise in them, no face was found in any by both, or a cell is not what it must be.
    """
    names = [_names(table, image) for table in (before, after)]
    place = {name: row for row, name in enumerate(names[1])}
    rows = np.array([row for row, name in enumerate(names[0]) if name in place], np.int64)
    if not len(rows):
        raise DataError(
            f"{before.name} and {after.name} share no image: got names such as {names[0][0]!r} and {names[1][0]!r}",
            hint="Let both models read the same images, or name the column of their names with --image.",
        )
    truth = columns.truth or before.first(TRUTHS, "--truth", "right answers")
    groups = tuple(before.wanted(name, "--groups") for name in dict.fromkeys(columns.groups))
    first = before.take(rows)
    # The second table takes over what does not depend on the model, so that both are read and thinned out alike.
    kept = {name: first.text(name) for name in (truth, *groups, *([columns.person] if columns.person else []))}
    others = np.array([place[names[0][row]] for row in rows], np.int64)
    _check_labels(first, truth, after.take(others), columns.truth, [names[0][row] for row in rows])
    said = columns.predicted or after.first(SAID, "--predicted", "predictions")
    named = replace(columns, truth=truth)
    one = predictions_of(first, named)
    other = predictions_of(after.take(others, kept), replace(named, predicted=said))
    found = (one.said >= 0) & (other.said >= 0)
    if not found.any():
        raise DataError(
            f"{before.name} and {after.name}: no image has a prediction in both", hint="Check the column --predicted."
        )
    return Pair(
        before=((one.said == one.truth) & found)[found],
        after=((other.said == other.truth) & found)[found],
        groups={name: cells[found] for name, cells in one.groups.items()},
        notes=(*_left_out(before, after, names, len(rows)), *one.notes, *_unseen(int((~found).sum()))),
    )


def _names(table: Table, image: str) -> list[str]:
    column = table.wanted(image, "--image") if image else table.first(IMAGES, "--image", "names of images")
    names = [str(name) for name in table.text(column)]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise DataError(
            f"{table.name}: {len(twice):,} images have several rows, such as {twice[0]!r} in column {column!r}: expected "
            "one an image",
            hint="Keep one row an image, or name another column with --image.",
        )
    return names


def _check_labels(first: Table, truth: str, second: Table, given: str, names: list[str]) -> None:
    column = given if given in second.columns else second.maybe((truth.lower(), *TRUTHS))
    if not column:
        return
    rows = np.arange(len(first))
    one = emotions_in(first, first.text(truth), rows, "right answers")
    other = emotions_in(second, second.text(column), rows, "right answers")
    differ: npt.NDArray[np.int64] = np.flatnonzero((one != other) & (one != "") & (other != ""))
    if len(differ):
        at = int(differ[0])
        raise DataError(
            f"{len(differ):,} images are labeled otherwise in the two tables, such as {names[at]!r}: {one[at]} in "
            f"{first.name}, {other[at]} in {second.name}",
            hint="Compare predictions of the same images with the same labels.",
        )


def _left_out(before: Table, after: Table, names: list[list[str]], shared: int) -> list[str]:
    return [
        f"{len(own) - shared:,} of {len(own):,} images are only in {table.name} and are left out."
        for table, own in zip((before, after), names)
        if len(own) > shared
    ]


def _unseen(number: int) -> list[str]:
    return [f"{number:,} images are left out: one of the models found no face in them."] if number else []
