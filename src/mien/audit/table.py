"""Read tables (CSV, JSON Lines, parquet) as text cells with column names."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError, OptionError
from ..extras import require
from ..io.tables import FORMATS

Cells = npt.NDArray[np.object_]
_AGAIN = "Check the file, or write it again."
#: Separators of CSV cells.
_SEPARATORS = (",", ";", "\t")
_HEADER = 65536  # bytes at most that the names of columns take


class Table:
    """A table in memory.

    Args:
        name: what it is called in messages.
        frame: a ``pandas.DataFrame``.
    """

    def __init__(self, name: str, frame: Any) -> None:
        self.name = name
        self._frame = frame
        self.columns: tuple[str, ...] = tuple(str(column) for column in frame.columns)

    def __len__(self) -> int:
        return len(self._frame)

    def text(self, column: str) -> Cells:
        """Object (N,) of str: cells without spaces around them, whole numbers without a point; empty for none."""
        cells = [_text(cell) for cell in self._frame.iloc[:, self.columns.index(column)].tolist()]
        made = np.empty(len(cells), object)
        made[:] = cells
        return made

    def take(self, rows: npt.NDArray[np.int64], cells: Mapping[str, Cells] | None = None) -> Table:
        """Some rows, in the order given; some columns replaced or added, each object (len(rows),) of str."""
        frame = self._frame.iloc[rows].reset_index(drop=True)
        for name, column in (cells or {}).items():
            frame[name] = column
        return Table(self.name, frame)

    def csv(self) -> bytes:
        """The table as CSV, UTF-8."""
        return str(self._frame.to_csv(index=False, lineterminator="\n")).encode()

    def require(self, column: str, option: str) -> str:
        """The column, if there is one.

        Raises:
            DataError: there is none; the message lists those that there are, the hint the nearest.
        """
        if self.columns.count(column) > 1:
            raise DataError(
                f"{self.name} has {self.columns.count(column)} columns {column!r} ({option}), expected one",
                hint="Rename all but one of them.",
            )
        if column in self.columns:
            return column
        by_case = {name.lower(): name for name in self.columns}
        near = get_close_matches(column.lower(), list(by_case), n=1, cutoff=0.5)
        raise DataError(
            f"{self.name} has no column {column!r} ({option}); it has {listed(self.columns)}",
            hint=f"Did you mean {option} {by_case[near[0]]}?" if near else f"Name one of these with {option}.",
        )

    def first(self, names: Sequence[str], option: str, meaning: str, without: str = "") -> str:
        """The first column of one of the usual names.

        Args:
            names: the usual names, in lower case.
            option: what names the column.
            meaning: what it is, for the message.
            without: what to do without such a column, for the hint.

        Raises:
            DataError: there is none.
        """
        found = self.maybe(names)
        if not found:
            raise DataError(
                f"{self.name} has no column of {meaning}: expected one called {', '.join(names)}; "
                f"it has {listed(self.columns)}",
                hint=f"Say which it is: {option} COLUMN.{f' {without}' if without else ''}",
            )
        return found

    def maybe(self, names: Sequence[str]) -> str:
        """The first column of one of these names, in any case; empty where there is none.

        Raises:
            DataError: there are several of that very name.
        """
        by_case = {name.lower(): name for name in reversed(self.columns)}
        found = next((by_case[name] for name in names if name in by_case), "")
        return found and self.require(found, "by its usual name")


def as_table(source: Path | str | Table) -> Table:
    """A table in memory as it is, else ``open_table``."""
    return source if isinstance(source, Table) else open_table(Path(source))


def open_table(path: Path) -> Table:
    """Read a table whole: ``.csv``, ``.jsonl`` or ``.parquet``.

    Raises:
        OptionError: the extension is unknown.
        DataError: the file is missing, damaged, or has no rows.
        MissingExtraError: pandas, or for parquet pyarrow, is not installed.
    """
    kind = path.suffix.lower()
    if path.is_dir():
        raise DataError(f"{path} is a folder: expected a table", hint="Name a file, such as predictions.csv.")
    if kind not in FORMATS:
        raise OptionError(
            f"unknown table format: got {path.name!r}, expected a name that ends in {', '.join(FORMATS)}",
            hint="Save the table as CSV.",
        )
    if not path.is_file():
        raise DataError(f"{path} does not exist: expected a table", hint="Check the path.")
    pandas = require("pandas", "audit")
    try:
        frame = _read(pandas, path, kind)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text: got byte {error.object[error.start]:#04x} at place {error.start}",
            hint="Save it as UTF-8: spreadsheets call that 'CSV UTF-8'.",
        ) from error
    except (pandas.errors.ParserWarning, ValueError) as error:  # pandas' other errors are ValueErrors
        why = "it is empty" if path.stat().st_size == 0 else str(error).strip().partition("\n")[0]
        raise DataError(f"{path} cannot be read as a table: {why}", hint=_AGAIN) from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}", hint=_AGAIN) from error
    frame.columns = [str(column).strip() for column in frame.columns]
    if not len(frame):
        raise DataError(f"{path} has no rows: expected one for each image", hint=_AGAIN)
    return Table(str(path), frame)


def listed(names: Sequence[str]) -> str:
    """Names of columns for a message, 20 at most."""
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _read(pandas: Any, path: Path, kind: str) -> Any:
    if kind == ".csv":
        with warnings.catch_warnings():  # a row with too many cells would only be warned about
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            # The header is read as a row: pandas would rename columns of the same name
            frame = pandas.read_csv(
                path, sep=_separator(path), header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig"
            )
        frame.columns = frame.iloc[0].tolist()
        return frame.iloc[1:].reset_index(drop=True)
    if kind == ".parquet":
        schema = require("pyarrow.parquet", "table").read_schema(path)
        return pandas.read_parquet(path, columns=[field.name for field in schema if _plain(field.type)])
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("a line holds no JSON object")
    return pandas.DataFrame(rows, dtype=object)


def _separator(path: Path) -> str:
    """What separates the names of the columns."""
    with path.open("rb") as file:
        header = next((line for line in file.read(_HEADER).splitlines() if line.strip()), b"")
    return max(_SEPARATORS, key=lambda mark: header.count(mark.encode()))


def _plain(kind: Any) -> bool:
    """Not images, whatever holds them: they would fill the memory."""
    types = require("pyarrow.types", "table")
    return not (types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind))


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell.strip()
    if cell is None or (isinstance(cell, float) and math.isnan(cell)) or isinstance(cell, dict | list):
        return ""
    if isinstance(cell, bool | np.bool_):
        return "true" if cell else "false"
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
