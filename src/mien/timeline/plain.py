"""Read CSV and JSON Lines with the standard library, where pyarrow is not installed."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from .piece import DAMAGED, Choose, Piece, Read, csv_names, json_names, json_object

_ROWS = 5_000
_TRUTH = {"true": 1.0, "false": 0.0, "": math.nan}


def _csv(path: Path, text: str, choose: Choose) -> Iterator[Piece]:
    names = csv_names(path)
    wanted = choose(names)
    take = itemgetter(*(names.index(name) for name in (text, *wanted)))
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file)
        next(lines, None)
        while rows := list(islice(lines, _ROWS)):
            if any(len(row) != len(names) for row in rows):
                odd = next(row for row in rows if len(row) != len(names))
                near = lines.line_num - len(rows) + rows.index(odd) + 1
                raise DataError(
                    f"{path} is damaged near line {near}: got {len(odd)} cells, expected {len(names)}", hint=DAMAGED
                )
            found, *cells = zip(*map(take, rows))
            yield list(found), {name: _array(path, name, _from_cell, each) for name, each in zip(wanted, cells)}


def _json_lines(path: Path, text: str, choose: Choose) -> Iterator[Piece]:
    wanted = choose(json_names(path))
    with path.open(encoding="utf-8") as file:
        every = (json_object(path, number, line) for number, line in enumerate(file, 1))
        while rows := list(islice(every, _ROWS)):
            lacking = [name for name in (text, *wanted) if any(name not in row for row in rows)]
            if lacking:
                raise DataError(f"{path} is damaged: some lines lack {', '.join(lacking)}", hint=DAMAGED)
            numbers = {name: _array(path, name, _from_json, [row[name] for row in rows]) for name in wanted}
            yield [str(row[text]) for row in rows], numbers


READERS: dict[str, Read] = {".csv": _csv, ".jsonl": _json_lines}


def _array(path: Path, name: str, number: Callable[[Any], float], cells: Iterable[Any]) -> npt.NDArray[np.float64]:
    try:
        return np.array([number(cell) for cell in cells], np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}, column {name!r}: {error}; expected numbers", hint=DAMAGED) from error


def _from_cell(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        if cell.lower() not in _TRUTH:
            raise
        return _TRUTH[cell.lower()]


def _from_json(value: Any) -> float:
    return math.nan if value is None else float(value)
