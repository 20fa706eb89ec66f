"""Which group each image of a data set belongs to, as a CSV file beside it says."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import DataError

NAME = "name"


def read_groups(path: Path, columns: Sequence[str]) -> dict[str, str]:
    """The group of each image: its name -> its group; names without a group are left out.

    Args:
        path: CSV with a column ``name`` and columns of groups; other columns are not looked at. An empty cell is no group.
        columns: of groups; of several, an image belongs to their crossing, such as ``dark x female``, where it has all.

    Raises:
        DataError: the file is missing or no such table, a column is missing, no cell holds a group, or two rows say
            different things of one image.
    """
    groups: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            names = [name.strip() for name in table.fieldnames or ()]
            table.fieldnames = names
            for column in (NAME, *columns):
                _check_column(path, column, names)
            for row in table:
                cells = [(row[column] or "").strip() for column in columns]
                if all(cells):
                    _put(groups, row[NAME] or "", " x ".join(cells), f"{path}, line {table.line_num}")
    except FileNotFoundError as error:
        raise DataError(
            f"balance.groups: nothing at {path}: expected a CSV file of groups",
            hint=f"Make it with 'mien audit attributes DATA --out {path}', or check the path.",
        ) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"balance.groups: {path} cannot be read as CSV: {error}", hint="Write it anew.") from error
    if not groups:
        raise DataError(
            f"balance.column: {path}: no row has a group in {' and '.join(columns)}, expected one in each",
            hint="Choose another column, or fill this one.",
        )
    return groups


def groups_of(names: npt.NDArray[np.str_], groups: dict[str, str], where: str) -> npt.NDArray[np.str_]:
    """The group of each image, str (N,); empty where the file says nothing of it.

    Names are compared as they are. Where a name in the file is a longer path to an image of the data set
    (``photos/train/happy/1.png`` for ``train/happy/1.png``), it counts as its name.

    Args:
        names: of the images, str (N,).
        groups: as ``read_groups`` gives them.
        where: what to call the file in messages.

    Raises:
        DataError: no name is that of an image.
    """
    known = set(names.tolist())
    by_name = {short: group for name, group in groups.items() if (short := _short(name, known))}
    if not by_name:
        raise DataError(
            f"balance.groups: {where}: none of its {len(groups):,} names is that of an image: got names such as "
            f"{next(iter(groups))!r}, expected such as {str(names[0])!r}",
            hint="Make the file from the data that you train on: mien audit attributes DATA --out FILE.",
        )
    return np.array([by_name.get(name, "") for name in names.tolist()], np.str_)


def _check_column(path: Path, column: str, names: Sequence[str]) -> None:
    if column in names:
        return
    near = get_close_matches(column.lower(), [name.lower() for name in names], n=1, cutoff=0.5)
    meant = next((name for name in names if near and name.lower() == near[0]), "")
    what = "names of images" if column == NAME else "groups (balance.column)"
    raise DataError(
        f"balance.groups: {path} has no column {column!r} of {what}; it has {', '.join(names[:30]) or 'none'}",
        hint=f"Did you mean {meant!r}?" if meant else "Name one of these, or add the column.",
    )


def _put(groups: dict[str, str], name: str, group: str, where: str) -> None:
    if groups.setdefault(name, group) != group:
        raise DataError(
            f"balance.groups: {where}: {name!r} was in the group {groups[name]!r} before, and is in {group!r} here",
            hint="Keep one row an image.",
        )


def _short(name: str, known: set[str]) -> str:
    while name not in known and "/" in name:
        name = name.partition("/")[2]
    return name if name in known else ""
