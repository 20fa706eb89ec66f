"""Tables (CSV, JSON Lines, parquet) as text cells with column names."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError, OptionError
from ..extras import require
from ..io.tables import FORMATS
from ..report import join

Cells = npt.NDArray[np.object_]
_AGAIN = "Check the file, or write it again."
_HEADER = 65536  # bytes at most that the names of columns take
_MOST_NAMED = 20


class Table:
    """A table in memory, called ``name`` in messages, from a ``pandas.DataFrame`` or what makes one.

    Spaces around cells are removed, whole numbers lose their point, and unknown cells become empty.
    """

    def __init__(self, name: str, frame: Any) -> None:
        pandas = require("pandas", "audit")
        self.name = name
        self._frame = pandas.DataFrame(frame, dtype=object).map(_text)
        self.columns: tuple[str, ...] = tuple(str(column) for column in self._frame.columns)

    def __len__(self) -> int:
        return len(self._frame)

    def text(self, column: str) -> Cells:
        """Object (N,) of str, empty if unknown."""
        return np.array(self._frame.iloc[:, self.columns.index(column)], object)

    def take(self, rows: npt.NDArray[np.int64]) -> Table:
        """Some rows, in the order given."""
        return Table(self.name, self._frame.iloc[rows].reset_index(drop=True))

    def csv(self) -> bytes:
        """The table as CSV, UTF-8."""
        return str(self._frame.to_csv(index=False, lineterminator="\n")).encode()

    def find(
        self, column: str, option: str, usual: Sequence[str] = (), *, optional: bool = False, without: str = ""
    ) -> str:
        """The name of a column: ``column``, or where that is empty the first of the ``usual`` ones, in any case.

        ``option`` and ``without``, what to do without such a column, are for messages. ``optional``: where none has a usual
        name, the name is empty.

        Raises:
            DataError: there is no such column, or there are several.
        """
        by_case = {name.lower(): name for name in reversed(self.columns)}
        if not column:
            column = next((by_case[name] for name in usual if name in by_case), "")
            if not column and optional:
                return ""
            if not column:
                raise DataError(
                    f"{self.name} has no column for {option}: expected one called {', '.join(usual)}; it has "
                    f"{join(self.columns, most=_MOST_NAMED)}",
                    hint=f"Say which it is: {option} COLUMN. {without}".strip(),
                )
        n = self.columns.count(column)
        if n == 1:
            return column
        if n:
            text = f"{self.name} has {n} columns {column!r} ({option}), expected one"
            raise DataError(text, hint="Rename all but one.")
        near = get_close_matches(column.lower(), by_case, n=1, cutoff=0.5)
        raise DataError(
            f"{self.name} has no column {column!r} ({option}); it has {join(self.columns, most=_MOST_NAMED)}",
            hint=f"Did you mean {option} {by_case[near[0]]}?" if near else f"Name one of these with {option}.",
        )


def check_table(path: Path) -> None:
    """Raise where ``path`` is not a file, or has an unknown format."""
    if path.suffix.lower() not in FORMATS and not path.is_dir():
        raise OptionError(
            f"unknown table format: got {path.name!r}, expected a name that ends in {', '.join(FORMATS)}",
            hint="Save the table as CSV.",
        )
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise DataError(f"{path} {what}: expected a table", hint="Name a file, such as predictions.csv.")


def open_table(source: Path | str | Table) -> Table:
    """Read a table whole: ``.csv``, ``.tsv``, ``.xlsx``, ``.jsonl`` or ``.parquet``; one in memory is returned as it is.

    Raises:
        OptionError: the extension is unknown.
        DataError: the file is missing, damaged, or has no rows.
        MissingExtraError: pandas, or for parquet pyarrow, is not installed.
    """
    if isinstance(source, Table):
        return source
    path = Path(source).expanduser()
    check_table(path)
    pandas = require("pandas", "audit")
    try:
        frame = _read(pandas, path)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text: got byte {error.object[error.start]:#04x} at place {error.start}",
            hint="Save it as UTF-8: spreadsheets call that 'CSV UTF-8'.",
        ) from error
    except (pandas.errors.ParserWarning, OSError, ValueError) as error:  # pandas' other errors are ValueErrors
        why = "it is empty" if not path.stat().st_size else str(error).strip().partition("\n")[0]
        raise DataError(f"{path} cannot be read as a table: {why}", hint=_AGAIN) from error
    frame.columns = [str(column).strip() for column in frame.columns]
    if not len(frame):
        raise DataError(f"{path} has no rows: expected one for each image", hint=_AGAIN)
    return Table(str(path), frame)


def _read(pandas: Any, path: Path) -> Any:
    if path.suffix.lower() in (".csv", ".tsv"):
        with path.open("rb") as file:
            header = next((line for line in file.read(_HEADER).splitlines() if line.strip()), b"")
        separator = max((",", ";", "\t"), key=lambda mark: header.count(mark.encode()))
        with warnings.catch_warnings():  # a row with too many cells would only be warned about
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            # The header is read as a row: pandas would rename columns of the same name
            frame = pandas.read_csv(
                path, sep=separator, header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig"
            )
        return frame.iloc[1:].set_axis(frame.iloc[0].tolist(), axis=1).reset_index(drop=True)
    if path.suffix.lower() == ".xlsx":
        require("openpyxl", "table")
        return pandas.read_excel(path, dtype=object, keep_default_na=False)
    if path.suffix.lower() == ".parquet":
        types, parquet = require("pyarrow.types", "table"), require("pyarrow.parquet", "table")
        fields = parquet.read_schema(path)  # images, whatever holds them, would fill the memory
        heavy = (types.is_nested, types.is_binary, types.is_large_binary)
        names = [field.name for field in fields if not any(test(field.type) for test in heavy)]
        return pandas.read_parquet(path, columns=names)
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("a line holds no JSON object")
    return pandas.DataFrame(rows, dtype=object)


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell.strip()
    if cell is None or (isinstance(cell, float) and math.isnan(cell)) or isinstance(cell, dict | list):
        return ""
    if isinstance(cell, bool | np.bool_):
        return "true" if cell else "false"
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
