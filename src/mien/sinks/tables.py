"""Write rows as a table, in the format that the file's name asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from ..errors import OptionError
from .atomic import replacing
from .csv_table import write_csv
from .json_lines import write_json_lines
from .parquet_table import require_parquet, write_parquet
from .rows import Row

_WRITERS: dict[str, Callable[[BinaryIO, tuple[str, ...], Iterable[Row]], None]] = {
    ".csv": write_csv,
    ".jsonl": write_json_lines,
    ".parquet": write_parquet,
}

FORMATS = tuple(_WRITERS)


def check_format(path: Path) -> None:
    """Make sure that a table can be written under this name, before any work is done for it.

    Raises:
        OptionError: its extension is none of ``.csv``, ``.jsonl`` and ``.parquet``.
        MissingExtraError: it is ``.parquet``, and pyarrow is not installed.
    """
    extension = path.suffix.lower()
    if extension not in _WRITERS:
        raise OptionError(
            f"unknown table format: got {path.name!r}, expected a name that ends in {', '.join(FORMATS)}",
            hint="Rename the output, for example to results.csv.",
        )
    if extension == ".parquet":
        require_parquet()


def write_table(path: Path, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Write ``rows`` to ``path`` as they come, in constant memory; the file is there whole or not at all.

    Raises:
        OptionError: the extension is unknown.
        MissingExtraError: pyarrow is needed and is not installed.
        OutputError: the place cannot be written to.
    """
    check_format(path)
    with replacing(path) as file:
        _WRITERS[path.suffix.lower()](file, columns, rows)
