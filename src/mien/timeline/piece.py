"""What the readers of tables hand on, and what they ask."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import DataError

#: Some rows: the text of the column asked for as text, and the others as numbers, NaN where a cell is empty.
Piece: TypeAlias = tuple[list[str], dict[str, npt.NDArray[np.float64]]]
#: Says which columns are wanted as numbers, given the names of all.
Choose: TypeAlias = Callable[[Sequence[str]], Sequence[str]]
#: Reads a file: its path, the column of text, and the choice of the others.
Read: TypeAlias = Callable[[Path, str, Choose], Iterator[Piece]]

DAMAGED = "Make it anew: mien read VIDEO --out results.csv"


def csv_names(path: Path) -> list[str]:
    """The names of the columns of a CSV file; none where it is empty."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file), [])


def json_names(path: Path) -> list[str]:
    """The names in the first line of a JSON Lines file; none where it is empty."""
    with path.open(encoding="utf-8") as file:
        first = file.readline()
    return list(json_object(path, 1, first)) if first else []


def json_object(path: Path, number: int, line: str) -> dict[str, Any]:
    """A line of a JSON Lines file.

    Raises:
        DataError: it is no JSON object.
    """
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"{path} is damaged at line {number}: {error}", hint=DAMAGED) from error
    if not isinstance(row, dict):
        raise DataError(f"{path} line {number}: got {type(row).__name__}, expected a JSON object", hint=DAMAGED)
    return row
