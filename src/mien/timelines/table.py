"""Read the readings of videos, as arrays, from a table that ``mien read`` has written."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..emotions import EMOTIONS
from ..errors import DataError, OptionError
from ..extras import require
from ..io.journal import partial_path
from ..io.rows import KINDS, SCHEMA_VERSION, Row
from ..io.tables import FORMATS

_NEEDED = ("source", "time_s", "track_id", "abstained")
_SUM_TOLERANCE = 0.01  # probabilities are written with four decimals
_MAKE = "Make the table with 'mien read VIDEO --out results.csv'."


@dataclass(frozen=True, eq=False)
class VideoTable:
    """The rows of a table, N of them, in its order.

    Attributes:
        emotions: the label set, in the vocabulary's order; length K.
        sources: the videos.
        source: int64 (N,), which of ``sources`` a row belongs to.
        time_s: float64 (N,), seconds from the start of the video.
        seen: bool (N,), the row holds a face; otherwise the frame had none, and what follows says nothing.
        track_id: int64 (N,), the number of the person in its video; -1 where it has none.
        unsure: bool (N,), the reading abstained.
        probabilities: float32 (N, K); each row sums to 1.
    """

    emotions: tuple[str, ...]
    sources: tuple[str, ...]
    source: npt.NDArray[np.int64]
    time_s: npt.NDArray[np.float64]
    seen: npt.NDArray[np.bool_]
    track_id: npt.NDArray[np.int64]
    unsure: npt.NDArray[np.bool_]
    probabilities: npt.NDArray[np.float32]


def read_table(path: Path) -> VideoTable:
    """Read a table with pyarrow; half a million rows take about 50 MB.

    Args:
        path: ``.csv``, ``.jsonl`` or ``.parquet``.

    Raises:
        OptionError: the extension is unknown.
        DataError: there is no such table, it is damaged, has no rows, is not one of mien's, or holds photos only.
        MissingExtraError: pyarrow is not installed.
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
            hint="Its run has not finished: continue it with 'mien read ... --resume'." if begun else _MAKE,
        )
    pyarrow = require("pyarrow", "table")
    try:
        names, table = {".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet}[extension](path)
        sources = [str(name) for name in table.column("source").to_pylist()]
        emotions = _emotions_of(path, names)
        columns = {name: _numbers(pyarrow, table.column(name)) for name in (*_NEEDED[1:], *emotions)}
    except (pyarrow.ArrowException, csv.Error, ValueError, KeyError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is damaged: {error}", hint=_MAKE) from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}", hint=_MAKE) from error
    if not sources:
        raise DataError(f"{path} has no rows: expected at least one", hint=_MAKE)
    return _checked(str(path), emotions, sources, columns, video=f"frame_{emotions[0]}" in names)


def table_of_rows(rows: Sequence[Row], emotions: tuple[str, ...], name: str) -> VideoTable:
    """The rows of a ``VideoResult`` as arrays.

    Raises:
        OptionError: there are none.
    """
    if not rows:
        raise OptionError(f"{name}: the result holds no rows", hint="Call process_video with keep_rows=True.")
    wanted = (*_NEEDED[1:], *emotions)
    columns = {n: np.array([np.nan if row[n] is None else row[n] for row in rows], np.float64) for n in wanted}
    return _checked(name, emotions, [str(row["source"]) for row in rows], columns, video=True)


def _csv(path: Path) -> tuple[list[str], Any]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        names = next(csv.reader(file), [])
    reader, schema = require("pyarrow.csv", "table"), _schema(path, names)
    table = reader.read_csv(
        path,
        parse_options=reader.ParseOptions(newlines_in_values=True),
        convert_options=reader.ConvertOptions(
            column_types=schema, include_columns=schema.names, null_values=[""], strings_can_be_null=False
        ),
    )
    return names, table


def _json_lines(path: Path) -> tuple[list[str], Any]:
    with path.open(encoding="utf-8") as file:
        first = file.readline()
    names = list(json.loads(first)) if first else []
    reader, schema = require("pyarrow.json", "table"), _schema(path, names)
    options = reader.ParseOptions(explicit_schema=schema, newlines_in_values=False, unexpected_field_behavior="ignore")
    return names, reader.read_json(path, parse_options=options)


def _parquet(path: Path) -> tuple[list[str], Any]:
    with require("pyarrow.parquet", "table").ParquetFile(path) as file:
        schema = file.schema_arrow
        version = (schema.metadata or {}).get(b"mien_schema", b"0")
        if version.isdigit() and int(version) > SCHEMA_VERSION:
            raise DataError(
                f"{path} follows schema {int(version)}, expected at most {SCHEMA_VERSION}",
                hint="It was written by a newer mien: use that one.",
            )
        return schema.names, file.read(columns=list(_schema(path, schema.names).names))


def _schema(path: Path, names: Sequence[str]) -> Any:
    pyarrow = require("pyarrow", "table")
    wanted = (*_NEEDED[1:], *_emotions_of(path, names))
    types = {name: pyarrow.bool_() if KINDS.get(name) == "boolean" else pyarrow.float64() for name in wanted}
    return pyarrow.schema({"source": pyarrow.string(), **types})


def _emotions_of(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        raise DataError(f"{path} is empty: expected a table that mien has written", hint=_MAKE)
    emotions = tuple(emotion for emotion in EMOTIONS if emotion in names)
    missing = [name for name in _NEEDED if name not in names]
    if len(emotions) < 2:
        missing.append("emotions such as happy and sad")
    if missing:
        raise DataError(
            f"{path} is not a table of mien: it lacks the columns {', '.join(missing)}; "
            f"it has {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}",
            hint=_MAKE,
        )
    return emotions


def _numbers(pyarrow: Any, column: Any) -> npt.NDArray[np.float64]:
    if pyarrow.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if pyarrow.types.is_boolean(column.type):  # there is no direct way from here to floats
        column = column.cast(pyarrow.int8())
    return np.asarray(column.cast(pyarrow.float64()).to_numpy(), np.float64)


def _checked(
    name: str,
    emotions: tuple[str, ...],
    sources: Sequence[str],
    columns: dict[str, npt.NDArray[np.float64]],
    *,
    video: bool,
) -> VideoTable:
    probabilities = np.stack([columns[emotion].astype(np.float32) for emotion in emotions], 1)
    seen = np.isfinite(probabilities.sum(1))
    track_id = np.where(np.isnan(columns["track_id"]), -1, columns["track_id"]).astype(np.int64)
    wrong = (
        (~np.isfinite(columns["time_s"]), "its time_s is no finite number"),
        (seen & ~(abs(probabilities.sum(1) - 1) < _SUM_TOLERANCE), "its probabilities do not sum to 1"),
        ((probabilities < 0).any(1), "a probability is negative"),
        (~seen & (track_id >= 0), "it has a track_id, but not all of its probabilities"),
        (seen & np.isnan(columns["abstained"]), "it has probabilities, but no value for abstained"),
    )
    for rows, why in wrong:
        if rows.any():
            raise DataError(f"{name} is damaged at row {int(rows.argmax()) + 1}: {why}", hint=_MAKE)
    # A video in which nobody was seen has no tracks either, but its table has the columns of a video
    if not (track_id >= 0).any() and (seen.any() or not video):
        raise DataError(
            f"{name} holds photos: none of its {len(track_id):,} rows has a track_id, which a timeline requires",
            hint="Read a video: mien read clip.mp4 --out results.csv",
        )
    numbers: dict[str, int] = {}
    codes = np.array([numbers.setdefault(source, len(numbers)) for source in sources], np.int64)
    unsure = columns["abstained"] == 1
    return VideoTable(emotions, tuple(numbers), codes, columns["time_s"], seen, track_id, unsure, probabilities)
