"""Bring the columns of a table from the disk, whatever its format."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from ..errors import DataError, MissingExtraError, OptionError
from ..extras import check_installed
from ..io.journal import partial_path
from ..io.tables import FORMATS
from . import columnar, plain
from .piece import DAMAGED, Choose, Piece


def pieces(path: Path, text: str, choose: Choose) -> Iterator[Piece]:
    """Read some columns of a table.

    CSV and JSON Lines are read with pyarrow where it is installed, which is many times faster, and without it otherwise.

    Args:
        path: ``.csv``, ``.jsonl`` or ``.parquet``.
        text: the column to give as text; all others are given as numbers.
        choose: gets the names of all columns and returns those to give as numbers; may raise.

    Raises:
        OptionError: the extension is unknown.
        DataError: there is no such file, or it is damaged.
        MissingExtraError: it is ``.parquet``, and pyarrow is not installed.
    """
    extension = path.suffix.lower()
    if extension not in FORMATS:
        raise OptionError(
            f"unknown table format: got {path.name!r}, expected a name that ends in {', '.join(FORMATS)}",
            hint="Give the table that 'mien read VIDEO --out results.csv' writes.",
        )
    if not path.is_file():
        begun = partial_path(path).is_file()
        raise DataError(
            f"{path} {'is a folder' if path.is_dir() else 'does not exist'}: expected a table that mien has written",
            hint="Its run has not finished: go on with 'mien read ... --resume'." if begun else DAMAGED,
        )
    readers = columnar.READERS if extension == ".parquet" or _has_pyarrow() else plain.READERS
    try:
        yield from readers[extension](path, text, choose)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path} is damaged: {error}", hint=DAMAGED) from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}", hint=DAMAGED) from error


def _has_pyarrow() -> bool:
    try:
        check_installed(("pyarrow",), "table")
    except MissingExtraError:
        return False
    return True
