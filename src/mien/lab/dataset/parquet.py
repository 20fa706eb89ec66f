"""Parquet: one file or a folder of them, with encoded pictures in a column, as Hugging Face gives data sets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, MienError, SourceError
from ...extras import require
from ..split.dividing import Shares
from .faces import UNDIVIDED, FaceSet
from .layout import PARTS
from .packed import from_ferplus
from .parquet_columns import find_columns
from .squares import Squares

#: Pictures held encoded at a time.
_BATCH = 256


def read_parquet(
    path: Path,
    size: int,
    colour: str = "gray",
    *,
    find_faces: bool = False,
    shares: Shares | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    on_damaged: Callable[[Path, str], None] | None = None,
    notes: Callable[[str], None] = lambda _text: None,
) -> FaceSet:
    """Read encoded pictures from parquet.

    - The pictures: the first column of structs with a field ``bytes`` (Hugging Face's ``Image``), or of bytes; PNG, JPEG
      or any other format that ``mien.sources.still.read_still`` knows.
    - The labels: a column ``label``, ``labels``, ``emotion``, ``expression``, ``class`` or ``target``. Strings may be any
      alias. Whole numbers go by the names in Hugging Face's metadata (``ClassLabel``) if there are any, else they are
      FER2013's own: 0 angry, 1 disgust, 2 fear, 3 happy, 4 sad, 5 surprise, 6 neutral.
    - The parts: a column ``split``, ``usage`` or ``Usage``; else the file's name (``train-00000-of-00001.parquet``), else
      that of a folder it is in; else they are ``undivided``.
    - FER+'s ten votes, where there is a column ``votes`` with lists of ten: its eight emotions in its own order,
      unknown, no face.

    Args:
        path: the file, or a folder that is searched for ``*.parquet``.
        size: side of the resulting squares in pixels.
        colour: ``gray`` or ``rgb``.
        find_faces: cut each photo's face out of it; a photo without one counts as damaged.
        shares: of train, validation and test, to divide by where parts are missing (``Squares.faces``); None does not.
        seed: of the division.
        progress: called with (pictures read, pictures in all).
        on_damaged: called with the file of each picture that cannot be decoded, and why; it is then left out. None makes
            the first one an error.
        notes: called with what the user should know.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DataError: a file is damaged, empty or lacks a column; a label or part is of no known name; or an emotion has too few
            pictures to be divided.
        SourceError: a picture cannot be decoded and ``on_damaged`` is None.
    """
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    tables = [(file, _open(file)) for file in files]
    total = sum(table.metadata.num_rows for _, table in tables)
    if not total:
        raise DataError(f"{path}: got no rows, expected pictures with labels", hint="Download it again.")
    squares = Squares(size, colour, find_faces)
    votes: list[Any] = []
    rows = (row for file, table in tables for row in _rows(file, table, path))
    for done, row in enumerate(rows, start=1):
        try:
            _add(squares, row)
            votes.append(row.votes)
        except SourceError as error:
            if on_damaged is None:
                raise
            on_damaged(row.file, str(error))
        progress(done, total)
    if not len(squares):
        raise DataError(f"{path}: none of the {total} pictures can be used", hint="Download it again.")
    found = squares.faces(path.resolve().stem, shares, seed, notes)
    if not all(isinstance(vote, list) and len(vote) == 10 for vote in votes):
        return found
    return replace(found, votes=from_ferplus(np.array(votes, np.uint8)))


@dataclass(frozen=True)
class _Row:
    file: Path
    where: str
    name: str
    content: bytes | None
    label: int
    part: str
    votes: Any


def _open(file: Path) -> Any:
    arrow, parquet = require("pyarrow", "table"), require("pyarrow.parquet", "table")
    try:
        return parquet.ParquetFile(file)
    except (arrow.ArrowException, OSError) as error:
        raise DataError(f"{file}: cannot be read as parquet: {error}", hint="Download the file again.") from error


def _rows(file: Path, table: Any, path: Path) -> Iterator[_Row]:
    """The rows of one file; its pictures are held encoded, a batch at a time."""
    arrow = require("pyarrow", "table")
    inside = file.name if path == file else file.relative_to(path).as_posix()
    columns, part, number = find_columns(table.schema_arrow, file), _part_of(inside), 0
    try:
        for batch in table.iter_batches(_BATCH, columns=columns.wanted):
            for row in batch.to_pylist():
                number += 1
                where = f"{file}, row {number}"
                votes = row[columns.votes] if columns.votes else None
                found = columns.part(row, where) or part
                name = f"{inside}, row {number}"
                yield _Row(file, where, name, columns.content(row), columns.emotion(row, where), found, votes)
    except (arrow.ArrowException, OSError) as error:
        if isinstance(error, MienError):
            raise
        raise DataError(f"{file}: damaged after row {number}: {error}", hint="Download the file again.") from error


def _add(squares: Squares, row: _Row) -> None:
    if not row.content:
        raise SourceError(
            f"{row.where}: holds no picture: got no bytes, expected those of a PNG or JPEG file",
            hint="Save the pictures themselves, not their paths.",
        )
    try:
        squares.add(row.content, row.name, row.label, row.part)
    except SourceError as error:
        raise SourceError(f"{row.where}: {error}", hint=error.hint) from error


def _part_of(name: str) -> str:
    """The part that a file's name speaks of, else that of the innermost folder that does."""
    for piece in reversed(Path(name).with_suffix("").parts):
        found = [PARTS[word] for word in re.split(r"[^a-z]+", piece.lower()) if word in PARTS]
        if found:
            return found[0]
    return UNDIVIDED
