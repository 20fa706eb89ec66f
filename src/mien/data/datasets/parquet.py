"""Datasets in parquet files, as Hugging Face and others write them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...emotions import EMOTIONS
from ...errors import DataError, MienError
from ...extras import require
from ..dataset import UNDIVIDED, Dataset
from ..preprocessing import LoadOptions, Sample, collect, refuse_options
from ..records import PARTS, emotion_number, label_number, label_order

NAME, KNOWN_BY = "parquet", "*.parquet"
_LABELS = ("label", "labels", "emotion", "emotions", "expression", "class", "target")
_SPLITS = ("split", "usage", "subset")
#: Images held encoded at a time.
_BATCH = 256


def matches(path: Path) -> bool:
    """Whether this is a parquet file, or a folder with some."""
    if path.is_dir():
        return next(path.rglob("*.parquet"), None) is not None
    return path.suffix.lower() == ".parquet"


def load(path: Path, options: LoadOptions) -> Dataset:
    """Load encoded images from parquet.

    - Images: the first column of structs with a field ``bytes`` (Hugging Face's ``Image``), or of bytes; PNG, JPEG or any
      other format of ``mien.io.images.read_image``.
    - Labels: a column ``label``, ``labels``, ``emotion``, ``expression``, ``class`` or ``target``. Strings may be any alias.
      Numbers, also as text, go by the names in Hugging Face's metadata (``ClassLabel``), or by ``label_names``.
    - Splits: a column ``split``, ``usage`` or ``Usage``; else the file's name (``train-00000-of-00001.parquet``), else
      that of a folder it is in; else they are ``undivided``.
    - FER+'s ten votes, where there is a column ``votes`` with lists of ten, in its own order.
    """
    refuse_options(path, options, "votes")
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    tables = [(file, _open(file)) for file in files]
    total = sum(table.metadata.num_rows for _, table in tables)
    if not total:
        raise DataError(f"{path}: got no rows, expected images with labels", hint="Download it again.")
    columns = {file: _columns(table.schema_arrow, file) for file, table in tables}
    numbers: set[int] = set()
    for file, table in tables:
        if not columns[file].names:
            found = _label_numbers(file, table, columns[file].label)
            columns[file] = replace(columns[file], numbered=bool(found))
            numbers |= found
    if numbers:
        order = label_order(options.label_names, numbers, str(path))
        columns = {file: replace(one, names=order) if one.numbered else one for file, one in columns.items()}
    else:
        refuse_options(path, options, "label_names")
    samples = (sample for file, table in tables for sample in _samples(file, table, path, columns[file]))
    return collect(samples, total, path, options)


@dataclass(frozen=True)
class _Columns:
    """Columns of encoded images, labels, splits and votes (empty if there is none).

    ``names`` says what label numbers mean; labels are ``numbered`` if they are numbers and nothing in the file says it.
    """

    image: str
    label: str
    split: str
    votes: str
    names: Mapping[int, int]
    numbered: bool = False

    def emotion(self, row: Mapping[str, Any], where: str) -> int:
        """Index in the vocabulary of the row's emotion."""
        label = row[self.label]
        if isinstance(label, str) and not self.numbered:
            return emotion_number(label, where, f"column {self.label!r}")
        label = label_number(str(label)) if self.numbered else label
        if label is None or label not in self.names:
            expected = (
                ", ".join(f"{number} {EMOTIONS[place]}" for number, place in self.names.items()) or "whole numbers"
            )
            message = f"{where}: column {self.label!r}: got {label}, expected {expected}"
            raise DataError(message, hint="Write the emotions' names, or leave out rows without a label.")
        return self.names[int(label)]

    def part(self, row: Mapping[str, Any], where: str) -> str:
        """The row's split, or empty if there is no such column."""
        if not self.split:
            return ""
        name = str(row[self.split]).strip()
        if name.lower() not in PARTS:
            message = f"{where}: column {self.split!r}: got {name!r}, expected one of {', '.join(PARTS)}"
            raise DataError(message, hint="Rename the splits.")
        return PARTS[name.lower()]


def _open(file: Path) -> Any:
    arrow, parquet = require("pyarrow", "table"), require("pyarrow.parquet", "table")
    try:
        return parquet.ParquetFile(file)
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{file}: cannot be read as parquet: {error}", hint="Download the file again.") from error


def _columns(schema: Any, file: Path) -> _Columns:
    """The columns of a ``pyarrow.Schema``."""
    types = require("pyarrow.types", "table")

    def is_text(kind: Any) -> bool:
        kind = kind.value_type if types.is_dictionary(kind) else kind
        return any(check(kind) for check in (types.is_string, types.is_large_string, types.is_string_view))

    def is_image(kind: Any) -> bool:
        if types.is_struct(kind):
            fields = (kind.field(place) for place in range(kind.num_fields))
            return any(field.name == "bytes" and is_image(field.type) for field in fields)
        return any(check(kind) for check in (types.is_binary, types.is_large_binary, types.is_binary_view))

    def first(names: tuple[str, ...], fits: Callable[[Any], bool]) -> str:
        by_name = {field.name.lower(): field for field in reversed(list(schema))}
        return next((by_name[name].name for name in names if name in by_name and fits(by_name[name].type)), "")

    images = [field.name for field in schema if is_image(field.type)]
    labels = first(_LABELS, lambda kind: types.is_integer(kind) or types.is_floating(kind) or is_text(kind))
    found = f"{file}: got the columns {', '.join(f'{field.name} ({field.type})' for field in schema)[:200]}"
    if not images:
        message = f"{found}; expected one of images: encoded bytes, or structs with a field 'bytes'"
        raise DataError(message, hint="Save encoded images, not arrays or paths: an image file's bytes in each row.")
    if not labels:
        message = f"{found}; expected one of labels, whole numbers or text, called {', '.join(_LABELS)}"
        raise DataError(message, hint="Rename the column of labels to 'label'.")
    names = _class_names(schema.metadata, labels, file)
    return _Columns(
        "image" if "image" in images else images[0],
        labels,
        first(_SPLITS, is_text),
        first(("votes",), lambda kind: types.is_list(kind) or types.is_fixed_size_list(kind)),
        {number: emotion_number(name, str(file), f"class {number}") for number, name in enumerate(names)},
    )


def _label_numbers(file: Path, table: Any, column: str) -> set[int]:
    """The label numbers of a file, also written as text or as floats; empty if some label is not a number."""
    arrow = require("pyarrow", "table")
    try:
        used = table.read([column]).column(0).unique().to_pylist()
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{file}: its labels cannot be read: {error}", hint="Download the file again.") from error
    numbers = [label_number(str(label)) for label in used if label is not None and label == label]  # noqa: PLR0124 - NaN
    return set() if None in numbers else {number for number in numbers if number is not None}


def _class_names(metadata: Mapping[bytes, bytes] | None, label: str, file: Path) -> tuple[str, ...]:
    """Hugging Face's ClassLabel names, if there are any."""
    text = (metadata or {}).get(b"huggingface", b"{}")
    try:
        features = json.loads(text).get("info", {}).get("features", {})
        names = (features.get(label) or {}).get("names") or ()
    except (ValueError, AttributeError) as error:
        message = f"{file}: Hugging Face's metadata: got {text[:60]!r}, expected JSON with info.features"
        raise DataError(message, hint=f"Write the emotions' names into the column {label!r}.") from error
    return tuple(str(name) for name in names)


def _samples(file: Path, table: Any, path: Path, columns: _Columns) -> Iterator[Sample]:
    """The rows of one file; its images are held encoded, a batch at a time."""
    arrow = require("pyarrow", "table")
    inside = file.name if path == file else file.relative_to(path).as_posix()
    part, number = _part_of(inside), 0
    wanted = [name for name in (columns.image, columns.label, columns.split, columns.votes) if name]
    try:
        for batch in table.iter_batches(_BATCH, columns=wanted):
            for row in batch.to_pylist():
                number += 1
                where = f"{file}, row {number}"
                cell = row[columns.image]
                yield Sample(
                    source=(cell.get("bytes") if isinstance(cell, dict) else cell) or b"",
                    name=f"{inside}, row {number}",
                    label=columns.emotion(row, where),
                    split=columns.part(row, where) or part,
                    file=file,
                    row=f"row {number}",
                    votes=tuple(row[columns.votes] or ()) if columns.votes else None,
                )
    except (arrow.ArrowException, OSError) as error:
        if isinstance(error, MienError):
            raise
        raise DataError(f"{file}: damaged after row {number}: {error}", hint="Download the file again.") from error


def _part_of(name: str) -> str:
    """The split that a file's name speaks of, else that of the innermost folder that does."""
    for piece in reversed(Path(name).with_suffix("").parts):
        found = [PARTS[word] for word in re.split(r"[^a-z]+", piece.lower()) if word in PARTS]
        if found:
            return found[0]
    return UNDIVIDED
