"""What every layout gives: the images of a data set, with their labels and what is said of the people in them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError

#: The column of images, and that of labels where a layout has any.
PATH, EMOTION = "path", "emotion"


@dataclass(frozen=True, eq=False)
class Sheet:
    """The images of a data set.

    Attributes:
        name: of the data set.
        folder: where the paths are counted from.
        columns: name -> N cells, empty ones for what is not known: ``path``; ``emotion``, where there are labels; the groups
            and whatever else the data set tells.
        groups: the columns that say who is in the images, or how they were made; taken where the user names none.
        person: the column of people; empty where the data set does not tell them.
        notes: what a reader must know, a sentence each.
    """

    name: str
    folder: Path
    columns: Mapping[str, Sequence[str]]
    groups: tuple[str, ...]
    person: str = ""
    notes: tuple[str, ...] = ()


def headed(path: Path, names: Sequence[str]) -> bool:
    """Whether a CSV file has a header with all of these columns."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = next(csv.reader(file), [])
    return {*names} <= {name.strip() for name in header}


def missing_part(name: str, what: str, expected: str, hint: str) -> DataError:
    """The error for a data set that lacks a part of its layout."""
    return DataError(f"{name}: {what}; expected {expected}", hint=hint)
