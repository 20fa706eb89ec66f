"""Rows as parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO

from ..extras import require
from .rows import KINDS, SCHEMA_VERSION, Row

_ROWS_IN_GROUP = 20_000


def require_parquet() -> tuple[Any, Any]:
    """The modules ``pyarrow`` and ``pyarrow.parquet``.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    return require("pyarrow", "table"), require("pyarrow.parquet", "table")


def write_parquet(file: BinaryIO, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Write rows in groups of 20,000, which is all that is held in memory; zstd-compressed.

    Columns are string, int64, double, list<string> and bool; the metadata has ``mien_schema``.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    pa, parquet = require_parquet()
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
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while group := list(islice(left, _ROWS_IN_GROUP)):
        yield group
