"""FER+ votes for those who have Kaggle's CSV file: the table ``fer2013new.csv``, one row a row of ``fer2013.csv``."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...emotions import FERPLUS_ORDER, parse
from ...errors import DataError, OptionError
from .faces import FaceSet
from .packed import USAGE, from_ferplus

#: What its authors call the file.
FERPLUS_FILE = "fer2013new.csv"
_AGAIN = "Fetch fer2013new.csv again, from its authors' repository microsoft/FERPlus."
#: Fewer labels than this share agree with the votes only where the rows are in another order: in order it is about 0.6.
_LEAST_AGREEMENT = 0.4


def with_ferplus(faces: FaceSet, path: Path) -> FaceSet:
    """``faces``, read from Kaggle's CSV file, with the votes of ten annotators for each picture.

    The columns are Usage, Image name, the eight emotions, unknown and NF (no face), as Barsoum et al. (2016, arXiv
    1608.01041) give them, in any order. Nothing but their place tells which votes belong to which picture, so both files
    must have the same rows in the same order.

    Args:
        faces: the pictures, in the order of ``fer2013.csv``.
        path: the table of votes.

    Raises:
        DataError: the table cannot be read, or its rows are not those of ``faces``: another number, another Usage in a
            row, or so many other answers that the order must be another.
    """
    split, table = _read(path)
    if len(split) != len(faces):
        raise DataError(
            f"{path}: got {len(split):,} rows of votes, expected {len(faces):,}, one a row of {faces.name}",
            hint="Use both files as they were published, or move the votes away to do without.",
        )
    for row, (ours, theirs) in enumerate(zip(faces.split.tolist(), split)):
        if ours != theirs:
            raise DataError(
                f"{path}, row {row + 1}: Usage: got {theirs!r}, expected {ours!r} as in {faces.name}",
                hint="Use both files as they were published, or move the votes away to do without.",
            )
    votes = from_ferplus(table)
    answers = votes.majority()
    agree = (answers == faces.labels)[answers >= 0]
    if len(agree) >= 1000 and agree.mean() < _LEAST_AGREEMENT:
        raise DataError(
            f"{path}: got votes that agree with {100 * agree.mean():.0f} % of the labels of {faces.name}, expected about "
            "60 %: the rows are in another order",
            hint="Use both files as they were published, or move the votes away to do without.",
        )
    return replace(faces, votes=votes)


def _read(path: Path) -> tuple[list[str], npt.NDArray[np.uint8]]:
    """The split of each row, and uint8 (N, 10): its votes in FER+'s order, unknown, no face."""
    split: list[str] = []
    rows: list[list[int]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, skipinitialspace=True)
            usage, columns = _header(next(lines, []), path)
            for number, row in enumerate(lines, start=2):
                if row:
                    name, votes = _row(row, usage, columns, f"{path}, line {number}")
                    split.append(name)
                    rows.append(votes)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}", hint=_AGAIN) from error
    return split, np.array(rows, np.uint8).reshape(-1, 10)


def _header(row: Sequence[str], path: Path) -> tuple[int, list[int]]:
    places: dict[str, int] = {}
    for place, name in enumerate(row):
        word = name.strip().lower()
        try:
            places[word if word in {"usage", "unknown", "nf"} else parse(word)] = place
        except OptionError:  # such as "Image name"
            continue
    wanted = ("usage", *FERPLUS_ORDER, "unknown", "nf")
    missing = [name for name in wanted if name not in places]
    if missing:
        raise DataError(
            f"{path}: got the columns {', '.join(name.strip() for name in row)[:120] or '(none)'}; missing "
            f"{', '.join(missing)}",
            hint=_AGAIN,
        )
    return places["usage"], [places[name] for name in wanted[1:]]


def _row(row: Sequence[str], usage: int, columns: Sequence[int], where: str) -> tuple[str, list[int]]:
    if len(row) <= max(usage, *columns):
        raise DataError(
            f"{where}: got {len(row)} fields, expected {max(usage, *columns) + 1}",
            hint=f"The file may be cut off. {_AGAIN}",
        )
    if row[usage].strip() not in USAGE:
        raise DataError(f"{where}: Usage: got {row[usage]!r}, expected one of {', '.join(USAGE)}", hint=_AGAIN)
    cells = [row[column].strip() for column in columns]
    strange = [cell for cell in cells if not (cell.isdecimal() and int(cell) <= 255)]
    if strange:
        raise DataError(f"{where}: votes: got {strange[0]!r}, expected a whole number of 0 or more", hint=_AGAIN)
    return USAGE[row[usage].strip()], [int(cell) for cell in cells]
