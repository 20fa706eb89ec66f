"""Tables as CSV, TSV, Excel, JSON Lines and parquet; the schema of their rows, and of ``--json``: one row per face.

An image without a face has one row, in which ``face`` and all later columns are empty.

=============  ============  =======  ===============================================================================
column         type          empty    meaning
=============  ============  =======  ===============================================================================
source         text          never    path of the image or video as it was given
frame          integer       never    number of the frame in its source, from 0; 0 in an image
time_s         number        never    seconds from the start of the source, 3 decimals; 0.0 in an image
face           integer       no face  number of the face in its frame, from 1
track_id       integer       image    number of the person in a video, from 1, the same from frame to frame
x0 y0          number        no face  left and top of the face's box, pixels of the upright image, 2 decimals
x1 y1          number        no face  right and bottom; a box may reach past the border of the image
score          number        no face  the detector's confidence that this is a face, 0 to 1, 4 decimals
emotion        text          no face  the most likely emotion, also where the reading abstained
confidence     number        no face  its probability, 0 to 1, 4 decimals
mixed          list of text  never    emotions of a mixed expression, strongest first; else empty
abstained      boolean       no face  whether not to rely on the reading: low confidence or too blurred
(emotions)     number        no face  one per emotion of the label set, in its order: its probability, 4 decimals
frame_(emotion)  number      no face  videos only: its probability in this frame alone, not smoothed over time
person         text          unnamed  only after ``mien timeline join``: the name given to a track
=============  ============  =======  ===============================================================================

In JSON, JSON Lines and parquet empty is null, and ``mixed`` is a list. Elsewhere empty is an empty cell and ``mixed`` is
joined with ``+``; in CSV and TSV, booleans are ``true`` and ``false``. ``SCHEMA_VERSION``, ``mien_schema`` in the metadata
of parquet files, grows when a column is renamed, removed or changes its meaning.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import locale
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from ..emotions import EMOTIONS
from ..errors import DataError, OptionError, OutputError
from ..extras import check_installed, require
from ..types import Frame, Reading, Readings, frame_cells
from .atomic import check_ending, replacing

if TYPE_CHECKING:
    from pandas import DataFrame

Value = str | int | float | bool | list[str] | None
Row = dict[str, Value]
#: Separator of a CSV file for Excel; ``";"`` comes with decimal commas.
ListSeparator = Literal[",", ";"]

SCHEMA_VERSION = 1

#: The columns before those of the emotions.
FIXED_COLUMNS = (
    *("source", "frame", "time_s", "face", "track_id", "x0", "y0", "x1", "y1", "score"),
    *("emotion", "confidence", "mixed", "abstained"),
)
#: The column of names that ``mien timeline join`` adds at the end.
PERSON = "person"
#: Type of each column that is not ``number``.
_KINDS = {
    **dict.fromkeys(("source", "emotion", "person"), "text"),
    **dict.fromkeys(("frame", "face", "track_id"), "integer"),
    "mixed": "texts",
    "abstained": "boolean",
}


def columns(emotions: tuple[str, ...], *, video: bool = False) -> tuple[str, ...]:
    """Return the names of all columns for a label set, in order; tables of videos have more."""
    return FIXED_COLUMNS + emotions + (tuple(f"frame_{emotion}" for emotion in emotions) if video else ())


def rows(frame: Frame, readings: Sequence[Reading], emotions: tuple[str, ...], *, video: bool = False) -> list[Row]:
    """Return the rows of one frame: one per reading, or a single one with an empty ``face``.

    With ``video``, they include the probabilities of the frame alone. The keys are those of ``columns``, in its order.
    Raises ``OptionError`` if a reading has another label set than the table.
    """
    start = frame_cells(frame.name, frame.index, frame.time_s)
    if not readings:
        return [{**dict.fromkeys(columns(emotions, video=video)), **start, "mixed": []}]
    unknown = dict.fromkeys(f"frame_{emotion}" for emotion in emotions)
    made = []
    for number, reading in enumerate(readings, 1):
        if reading.emotions != emotions:
            message = f"reading: got the label set {', '.join(reading.emotions)}, expected {', '.join(emotions)}"
            raise OptionError(message, hint="Read all images of a table with the same emotions.")
        row = {**(unknown if video else {}), **reading.to_dict(), **start, "face": number}
        made.append({name: row[name] for name in columns(emotions, video=video)})
    return made


def to_dataframe(results: Readings | Reading | Iterable[Readings | Reading]) -> DataFrame:
    """Convert readings, or lists of readings, to a pandas DataFrame with one row per face and the columns of ``--json``.

    Raises:
        MissingExtraError: pandas is not installed.
        OptionError: the readings have different label sets.
    """
    pandas = require("pandas", "table")
    readings = list(_flat(results))
    sets = {reading.emotions for reading in readings}
    if len(sets) > 1:
        raise OptionError(f"results: got {len(sets)} label sets, expected one", hint="Read with the same emotions.")
    video = any(reading.frame_probabilities is not None for reading in readings)
    names = columns(next(iter(sets), ()), video=video)
    frame: DataFrame = pandas.DataFrame([reading.to_dict() for reading in readings], columns=list(names))
    return frame


def _flat(results: Any) -> Iterator[Reading]:
    if isinstance(results, Reading):
        yield results
    elif isinstance(results, Frame):  # read_video gives pairs of a frame and its readings
        return
    else:
        for part in results:
            yield from _flat(part)


def write_csv(
    file: BinaryIO, columns: tuple[str, ...], rows: Iterable[Row], separator: str = ",", *, decimal: str = "."
) -> None:
    """Write a header and one line per row: UTF-8, line feeds; ``rows`` documents the cells."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n", delimiter=separator)
    writer.writerow(columns)
    for row in rows:
        cells = [_cell(row[name]) for name in columns]
        if decimal != ".":
            cells = [str(cell).replace(".", decimal) if isinstance(cell, float) else cell for cell in cells]
        writer.writerow(cells)
    text.detach()  # the caller closes the file


def write_excel_csv(file: BinaryIO, columns: tuple[str, ...], rows: Iterable[Row], separator: ListSeparator) -> None:
    """As ``write_csv``, with a byte order mark for Excel; semicolons come with decimal commas."""
    file.write(codecs.BOM_UTF8)
    write_csv(file, columns, rows, separator, decimal="," if separator == ";" else ".")


def locale_separator() -> ListSeparator:
    """The separator that Excel expects in the user's locale: a semicolon where numbers have decimal commas.

    Raises:
        OptionError: the locale that the environment names is not installed.
    """
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        locale.setlocale(locale.LC_NUMERIC, "")
        return ";" if locale.localeconv()["decimal_point"] == "," else ","
    except locale.Error as error:
        message = "the locale of this environment (LC_ALL, LC_NUMERIC, LANG) is not installed"
        raise OptionError(message, hint="Choose with --list-separator semicolon, or comma.") from error
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)


def csv_bytes(columns: tuple[str, ...], rows: Iterable[Row]) -> bytes:
    """Return the content of the file of ``write_csv``."""
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


_ROWS_IN_GROUP = 20_000


def write_parquet(
    file: BinaryIO, columns: tuple[str, ...], rows: Iterable[Row], *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write rows in groups of 20,000 to limit memory, zstd-compressed, with ``mien_schema`` and ``metadata``."""
    pa, parquet = require("pyarrow", "table"), require("pyarrow.parquet", "table")
    types = {
        "text": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "texts": pa.list_(pa.string()),
        "boolean": pa.bool_(),
    }
    fields = [pa.field(name, types[_KINDS.get(name, "number")]) for name in columns]
    schema = pa.schema(fields, metadata={"mien_schema": str(SCHEMA_VERSION), **(metadata or {})})
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        left = iter(rows)
        while group := list(islice(left, _ROWS_IN_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


#: Rows of a worksheet, its header included.
_EXCEL_ROWS = 2**20


def write_excel(file: BinaryIO, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Write a workbook of one sheet; ``OutputError`` where it would need more rows than Excel has."""
    cells = require("openpyxl.cell.cell", "table")
    book = require("openpyxl", "table").Workbook(write_only=True)
    sheet = book.create_sheet("mien")

    def cell(value: Value) -> Any:
        if not isinstance(value, str | list):
            return value
        text = "+".join(value) if isinstance(value, list) else value
        made = cells.WriteOnlyCell(sheet, cells.ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", text))
        made.data_type = "s"  # a name that begins with = is no formula
        return made

    try:
        sheet.append(columns)
        for number, row in enumerate(rows, 2):
            if number > _EXCEL_ROWS:
                message = f"an Excel sheet has {_EXCEL_ROWS:,} rows, which is not enough for this table"
                raise OutputError(message, hint="Write a .csv or .parquet file.")
            sheet.append([cell(row[name]) for name in columns])
    finally:
        book.save(file)  # also removes openpyxl's temporary file


_WRITERS: dict[str, Callable[[BinaryIO, tuple[str, ...], Iterable[Row]], None]] = {
    ".csv": write_csv,
    ".tsv": partial(write_csv, separator="\t"),
    ".xlsx": write_excel,
    ".jsonl": write_json_lines,
    ".parquet": write_parquet,
}

FORMATS = tuple(_WRITERS)


def check_format(path: Path, *, excel: ListSeparator | None = None) -> None:
    """Raise if a table cannot be written under this name: for another ending, or if a package is missing.

    ``excel`` is the separator of a CSV file for Excel, and only for CSV.
    """
    check_ending(path, (".csv",) if excel else FORMATS)
    needed = {".parquet": ["pyarrow"], ".xlsx": ["openpyxl"]}.get(path.suffix.lower(), [])
    check_installed(needed, "table")


def write_table(
    path: Path, columns: tuple[str, ...], rows: Iterable[Row], *, excel: ListSeparator | None = None
) -> None:
    """Write ``rows`` to ``path`` as they come, in constant memory, completely or not at all.

    Arguments and errors as ``check_format``.
    """
    check_format(path, excel=excel)
    write = partial(write_excel_csv, separator=excel) if excel else _WRITERS[path.suffix.lower()]
    with replacing(path) as file:
        write(file, columns, rows)


def column_names(path: Path) -> tuple[str, ...]:
    """The names of a table's columns; errors as ``read_columns``, and ``DataError`` for a table of a newer mien."""
    schema = _stored(path).schema
    version = int((schema.metadata or {}).get(b"mien_schema", b"0"))
    if version > SCHEMA_VERSION:
        message = f"{path} follows schema {version}, expected at most {SCHEMA_VERSION}"
        raise DataError(message, hint="It was written by a newer mien: use that one.")
    return tuple(schema.names)


def read_columns(path: Path, columns: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Read columns of a table, without lists such as ``mixed``; half a million rows take about 50 MB.

    Returns name -> object (N,) of texts, or float64 (N,): NaN if a cell is empty, 1 and 0 for true and false. Raises
    ``DataError`` if the table is missing or damaged, or a cell is not of its column's type.
    """
    pa = require("pyarrow", "table")
    types = {"text": pa.string(), "boolean": pa.bool_()}
    schema = pa.schema({name: types.get(_KINDS.get(name, ""), pa.float64()) for name in columns})
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


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a table as ``write_table`` takes them, with all of its columns, also those of others (as text).

    Memory use does not grow with the length of the table. Errors as ``read_columns``.
    """
    pa = require("pyarrow", "table")
    kind = path.suffix.lower()
    try:
        if kind == ".xlsx":
            names, lines = _sheet(path)
            found = (dict(zip(names, line)) for line in lines)
        else:
            schema = None if kind == ".parquet" else _row_schema(pa, column_names(path), lists=kind == ".jsonl")
            found = (row for batch in _stored(path, schema).to_batches() for row in batch.to_pylist())
        for row in found:
            yield {name: _typed(name, value) for name, value in row.items()}
    except (pa.ArrowException, OSError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error


def _row_schema(pa: Any, names: Sequence[str], *, lists: bool) -> Any:
    """Types of columns, which pyarrow would guess from the first rows."""
    numbers = {*FIXED_COLUMNS, *EMOTIONS, *(f"frame_{emotion}" for emotion in EMOTIONS)}
    kinds = {"text": pa.string(), "texts": pa.list_(pa.string()) if lists else pa.string(), "boolean": pa.bool_()}
    return pa.schema(
        {name: kinds.get(_KINDS.get(name, ""), pa.float64() if name in numbers else pa.string()) for name in names}
    )


def _typed(name: str, value: Any) -> Value:
    kind = _KINDS.get(name)
    if kind == "texts" and not isinstance(value, list):
        return str(value).split("+") if value else []
    if kind == "integer" and isinstance(value, float):
        return int(value)
    typed: Value = None if value == "" else value
    return typed


def _stored(path: Path, schema: Any = None) -> Any:
    """A table on disk, of which only the header has been read."""
    if path.suffix.lower() not in FORMATS:
        message = f"unknown table format: got {path.name!r}, expected a name that ends in {', '.join(FORMATS)}"
        raise OptionError(message, hint="Give a table that 'mien read --out' has written.")
    pa, dataset = require("pyarrow", "table"), require("pyarrow.dataset", "table")
    kind = path.suffix.lower()
    reading = require("pyarrow.csv", "table")
    european = kind == ".csv" and excel_separator(path) == ";"
    delimiter = "\t" if kind == ".tsv" else ";" if european else ","
    lines = reading.ParseOptions(newlines_in_values=True, delimiter=delimiter)
    numbers = reading.ConvertOptions(decimal_point="," if european else ".")
    formats = {".jsonl": "json", ".parquet": "parquet"}
    try:
        if kind == ".xlsx":
            return dataset.dataset(_workbook(pa, path, schema))
        form = formats.get(kind) or dataset.CsvFileFormat(parse_options=lines, convert_options=numbers)
        return dataset.dataset(path, format=form, schema=schema)
    except (pa.ArrowException, OSError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error


def excel_separator(path: Path) -> ListSeparator | None:
    """The separator of a table of ``write_excel_csv``; None for other files."""
    separators: dict[bytes, ListSeparator] = {b"source;": ";", b"source,": ","}
    with suppress(OSError), path.open("rb") as file:
        if file.read(3) == codecs.BOM_UTF8:
            return separators.get(file.read(7))
    return None


def _sheet(path: Path) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """The names and the rows of the first sheet of a workbook."""
    book = require("openpyxl", "table").load_workbook(io.BytesIO(path.read_bytes()), read_only=True)
    lines = book.worksheets[0].iter_rows(values_only=True)
    return [str(name) for name in next(lines, ())], lines


def _workbook(pa: Any, path: Path, schema: Any) -> Any:
    """The first sheet of a workbook as a table of pyarrow: only its names without a schema."""
    names, lines = _sheet(path)
    if schema is None:
        return pa.table({name: pa.nulls(0, pa.string()) for name in names})
    return pa.Table.from_pylist([dict(zip(names, line)) for line in lines], schema=schema)


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read as a table: {error}", hint="Write it again with 'mien read --out'.")
