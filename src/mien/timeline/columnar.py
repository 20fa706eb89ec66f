"""Read tables with pyarrow, a column at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ..extras import require
from ..io.rows import KINDS, SCHEMA_VERSION
from ..io.tables import require_parquet
from .piece import DAMAGED, Choose, Piece, Read, csv_names, json_names

_ROWS = 100_000


def _csv(path: Path, text: str, choose: Choose) -> Iterator[Piece]:
    wanted = choose(csv_names(path))
    pyarrow, reader = require("pyarrow", "table"), require("pyarrow.csv", "table")
    schema = _schema(pyarrow, text, wanted)
    try:
        table = reader.read_csv(
            path,
            parse_options=reader.ParseOptions(newlines_in_values=True),
            convert_options=reader.ConvertOptions(
                column_types=schema, include_columns=schema.names, null_values=[""], strings_can_be_null=False
            ),
        )
    except pyarrow.ArrowException as error:
        raise DataError(f"{path} is damaged: {error}", hint=DAMAGED) from error
    yield from _pieces(pyarrow, table.to_batches(_ROWS), text, wanted)


def _json_lines(path: Path, text: str, choose: Choose) -> Iterator[Piece]:
    wanted = choose(json_names(path))
    pyarrow, reader = require("pyarrow", "table"), require("pyarrow.json", "table")
    options = reader.ParseOptions(
        explicit_schema=_schema(pyarrow, text, wanted), newlines_in_values=False, unexpected_field_behavior="ignore"
    )
    try:
        table = reader.read_json(path, parse_options=options)
    except pyarrow.ArrowException as error:
        raise DataError(f"{path} is damaged: {error}", hint=DAMAGED) from error
    yield from _pieces(pyarrow, table.to_batches(_ROWS), text, wanted)


def _parquet(path: Path, text: str, choose: Choose) -> Iterator[Piece]:
    pyarrow, parquet = require_parquet()
    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            _check_version(path, schema.metadata or {})
            wanted = choose(schema.names)
            yield from _pieces(pyarrow, file.iter_batches(_ROWS, columns=[text, *wanted]), text, wanted)
    except pyarrow.ArrowException as error:
        raise DataError(f"{path} is damaged, or no parquet: {error}", hint=DAMAGED) from error


READERS: dict[str, Read] = {".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet}


def _schema(pyarrow: Any, text: str, wanted: Any) -> Any:
    types = {name: pyarrow.bool_() if KINDS.get(name) == "boolean" else pyarrow.float64() for name in wanted}
    return pyarrow.schema({text: pyarrow.string(), **types})


def _pieces(pyarrow: Any, batches: Any, text: str, wanted: Any) -> Iterator[Piece]:
    for batch in batches:
        names = [str(name) for name in batch.column(text).to_pylist()]
        yield names, {name: _numbers(pyarrow, batch.column(name)) for name in wanted}


def _numbers(pyarrow: Any, column: Any) -> npt.NDArray[np.float64]:
    if pyarrow.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if pyarrow.types.is_boolean(column.type):  # there is no direct way from here to floats
        column = column.cast(pyarrow.int8())
    return np.asarray(column.cast(pyarrow.float64()).to_numpy(zero_copy_only=False), np.float64)


def _check_version(path: Path, metadata: dict[bytes, bytes]) -> None:
    version = metadata.get(b"mien_schema", b"0")
    if version.isdigit() and int(version) > SCHEMA_VERSION:
        raise DataError(
            f"{path} follows schema {int(version)}, expected at most {SCHEMA_VERSION}",
            hint="A newer mien has written it: use that one.",
        )
