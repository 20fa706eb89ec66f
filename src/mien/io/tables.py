"""Read and write tables of rows: CSV, JSON Lines and parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np
import numpy.typing as npt

from ..errors import DataError, OptionError
from ..extras import require
from .atomic import check_ending, replacing
from .rows import KINDS, SCHEMA_VERSION, Row, Value


def write_csv(file: BinaryIO, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Write a header and one line per row: UTF-8, commas, line feeds; ``rows`` documents the cells."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    text.detach()  # the caller closes the file


def csv_bytes(columns: tuple[str, ...], rows: Iterable[Row]) -> bytes:
    """What ``write_csv`` writes."""
    file = io.BytesIO()
    write_csv(file, columns, rows)
    return file.getvalue()


def _cell(value: Value) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "+".join(value) if isinstance(value, list) else value


def write_json_lines(file: BinaryIO, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Write one JSON object per line, in UTF-8, with ``columns`` as its keys."""
    for row in rows:
        line = json.dumps({name: row[name] for name in columns}, ensure_ascii=False, allow_nan=False)
        file.write(line.encode() + b"\n")


class JsonArray:
    """A context that writes rows as one JSON array of ASCII, as they come.

    An error closes the array; an error before any row leaves nothing written.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._begun = stream, False

    def add(self, rows: Iterable[Row]) -> None:
        """Write rows."""
        for row in rows:
            line = json.dumps(row, allow_nan=False)
            self._stream.write(f"{',' if self._begun else '['}\n  {line}")
            self._begun = True

    def __enter__(self) -> JsonArray:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._begun:
            self._stream.write("\n]\n")
        elif kind is None:
            self._stream.write("[]\n")


_ROWS_IN_GROUP = 20_000


def write_parquet(file: BinaryIO, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Write rows in groups of 20,000 to limit memory, zstd-compressed; the metadata has ``mien_schema``."""
    pa, parquet = require("pyarrow", "table"), require("pyarrow.parquet", "table")
    types = {
        "text": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "texts": pa.list_(pa.string()),
        "boolean": pa.bool_(),
    }
    fields = [pa.field(name, types[KINDS.get(name, "number")]) for name in columns]
    schema = pa.schema(fields, metadata={"mien_schema": str(SCHEMA_VERSION)})
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        left = iter(rows)
        while group := list(islice(left, _ROWS_IN_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


_WRITERS: dict[str, Callable[[BinaryIO, tuple[str, ...], Iterable[Row]], None]] = {
    ".csv": write_csv,
    ".jsonl": write_json_lines,
    ".parquet": write_parquet,
}

FORMATS = tuple(_WRITERS)


def check_format(path: Path) -> None:
    """Check that a table can be written under this name, before any work is done.

    Raises:
        OptionError: the extension is not one of ``.csv``, ``.jsonl`` and ``.parquet``.
        MissingExtraError: it is ``.parquet``, and pyarrow is not installed.
    """
    check_ending(path, FORMATS)
    if path.suffix.lower() == ".parquet":
        require("pyarrow", "table")


def write_table(path: Path, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Write ``rows`` to ``path`` as they come, in constant memory, completely or not at all; errors as ``check_format``."""
    check_format(path)
    with replacing(path) as file:
        _WRITERS[path.suffix.lower()](file, columns, rows)


def column_names(path: Path) -> tuple[str, ...]:
    """The names of a table's columns; errors as ``read_columns``, and ``DataError`` for a table of a newer mien."""
    schema = _stored(path).schema
    version = int((schema.metadata or {}).get(b"mien_schema", b"0"))
    if version > SCHEMA_VERSION:
        raise DataError(
            f"{path} follows schema {version}, expected at most {SCHEMA_VERSION}",
            hint="It was written by a newer mien: use that one.",
        )
    return tuple(schema.names)


def read_columns(path: Path, columns: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Read columns of a table, without lists such as ``mixed``; half a million rows take about 50 MB.

    Returns:
        Name -> object (N,) of texts, or float64 (N,): NaN where a cell is empty, 1 and 0 for true and false.

    Raises:
        OptionError: the extension is unknown.
        DataError: the table is missing or damaged, or a cell is not of its column's type.
        MissingExtraError: pyarrow is not installed.
    """
    pa = require("pyarrow", "table")
    types = {"text": pa.string(), "boolean": pa.bool_()}
    schema = pa.schema({name: types.get(KINDS.get(name, ""), pa.float64()) for name in columns})
    try:
        table = _stored(path, schema).to_table()
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error
    arrays = {}
    for name in columns:
        column = table.column(name)
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int8()).cast(pa.float64())  # there is no direct way
        arrays[name] = np.asarray(column.to_numpy())
    return arrays


def _stored(path: Path, schema: Any = None) -> Any:
    """A table on disk, of which only the header has been read."""
    if path.suffix.lower() not in FORMATS:
        raise OptionError(
            f"unknown table format: got {path.name!r}, expected a name that ends in {', '.join(FORMATS)}",
            hint="Give a table that 'mien read --out' has written.",
        )
    pa, dataset = require("pyarrow", "table"), require("pyarrow.dataset", "table")
    csv_format = dataset.CsvFileFormat(
        parse_options=require("pyarrow.csv", "table").ParseOptions(newlines_in_values=True)
    )
    formats = {".csv": csv_format, ".jsonl": "json", ".parquet": "parquet"}
    try:
        return dataset.dataset(path, format=formats[path.suffix.lower()], schema=schema)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read as a table: {error}", hint="Write it again with 'mien read --out'.")
