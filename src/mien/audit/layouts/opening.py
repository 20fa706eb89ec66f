"""``--data``: a known layout, or a plain table, as photos with labels and groups."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...data.loading import PERSON_LAYOUTS, records_of
from ...data.records import EMOTION, PATH, Records
from ...errors import DataError, OptionError
from ...extras import require
from ..fairness.columns import emotions_in
from ..fairness.reading import Labeled, open_labeled
from ..fairness.table import Table


def open_data(
    path: Path,
    *,
    groups: Sequence[str] | None = None,
    truth: str = "",
    images: str = "",
    person: str = "",
    no_truth: bool = False,
) -> Labeled:
    """See what a data set or a table of photos holds, before any photo is read.

    Args:
        path: the folder of a known data set, or its file of labels; or a plain table, as ``open_labeled`` takes it.
        groups: the columns of groups; None takes all that a known data set has.
        truth: the column of right answers; empty looks for the usual names.
        images: the column of paths or images of a plain table; empty looks for the usual names.
        person: the column of people, to be kept; empty for none.
        no_truth: there are no right answers, or they are not to be looked at.

    Returns:
        The photos; without right answers (``truth`` is empty) where the data set has none.

    Raises:
        OptionError: a plain table, and no groups are named.
        DataError: it is nothing that is known, something is missing, or there is no column of groups.
        MissingExtraError: a package that it takes is not installed.
    """
    sheet = records_of(path)
    if sheet is None:
        return _open_table(path, groups, truth=truth, images=images, person=person, no_truth=no_truth)
    table = Table(f"{sheet.name} in {path}", require("pandas", "audit").DataFrame(dict(sheet.columns), dtype=object))
    found = table.wanted(truth, "--truth") if truth else EMOTION if EMOTION in sheet.columns else ""
    if no_truth:
        found = ""
    if found:
        emotions_in(table, table.text(found), np.arange(len(table)), "labels")
    who = table.wanted(person, "--person") if person else ""
    if groups is None:
        wanted, note = _all_groups(sheet)
    else:
        wanted, note = tuple(table.wanted(name, "--groups") for name in dict.fromkeys(groups)), ()
    notes = (*sheet.notes, *note, *_dependent(sheet, who))
    return Labeled(table, path, PATH, False, found, wanted, who, sheet.folder, notes)


def _open_table(
    path: Path, groups: Sequence[str] | None, *, truth: str, images: str, person: str, no_truth: bool
) -> Labeled:
    if path.is_dir():
        known = "; ".join(f"{layout.NAME} ({layout.KNOWN_BY})" for layout in PERSON_LAYOUTS)
        raise DataError(
            f"{path} is a folder of no data set that is known here: {known}",
            hint="Name one of these, or a table with the columns path, emotion and the groups.",
        )
    if groups is None:
        raise OptionError(
            f"{path}: got no column of groups, expected at least one", hint="Name one with --groups, such as gender."
        )
    return open_labeled(path, groups=groups, truth=truth, images=images, person=person, no_truth=no_truth)


def _all_groups(sheet: Records) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of groups that can be compared, and a note on those that cannot."""
    alike = [name for name in sheet.groups if len({cell for cell in sheet.columns[name] if cell}) < 2]
    wanted = tuple(name for name in sheet.groups if name not in alike)
    if not wanted:
        says = "holds one group only in each column" if sheet.groups else "does not tell who is in its images"
        raise DataError(
            f"{sheet.name} {says}: {', '.join(sheet.groups) or 'no columns of groups'}; expected two groups at least",
            hint="Name other columns with --groups: those that you add to its tables of labels can be named too.",
        )
    return wanted, (f"Left out, as all are of one group: {', '.join(alike)}.",) if alike else ()


def _dependent(sheet: Records, person: str) -> tuple[str, ...]:
    """A warning where many images show the same people, and all are kept."""
    if not sheet.person or person:
        return ()
    people = len(set(sheet.columns[sheet.person]))
    images = len(sheet.columns[sheet.person])
    if people == images:
        return ()
    return (
        f"{images:,} images or clips show {people:,} people. Those of one person are not independent: p-values are too "
        f"small, and intervals too narrow. --person {sheet.person} keeps one of each.",
    )
