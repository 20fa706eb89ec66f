"""Labeled images for an audit: known data sets with person attributes, tables of images, or cropped faces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import Dataset
from ..data.loading import PERSON_LAYOUTS, records_of
from ..data.records import EMOTION, PATH, Records
from ..emotions import EMOTIONS
from ..errors import DataError, OptionError
from ..extras import require
from ..types import Frame
from .attributes import frames_of
from .predictions import LABELS, NO_LABELS_HINT, emotions_in
from .table import Cells, Table, open_table

PATHS = ("path", "file", "filename", "image", "photo")
_BATCH = 64
_HEADER = 4096  # bytes that the column names of Kaggle's file take at most


@dataclass(frozen=True)
class Labeled:
    """Images with labels and groups, not read yet.

    Attributes:
        table: all cells but the images.
        path: of the table, or of the data set.
        images: the column of paths, or of images in parquet.
        encoded: the column holds the images themselves.
        label: the column of labels; empty if there are none.
        groups: columns of groups.
        person: the column of people, or empty.
        folder: base of the paths.
        notes: remarks on the data, one sentence each.
        faces: the images, where they are a data set of cropped faces; else None.
    """

    table: Table
    path: Path
    images: str
    encoded: bool
    label: str
    groups: tuple[str, ...]
    person: str = ""
    folder: Path = Path()
    notes: tuple[str, ...] = ()
    faces: Dataset | None = None

    @property
    def labels(self) -> Cells:
        """Object (N,): the emotion of each row; empty without a label."""
        return emotions_in(self.table, self.label) if self.label else np.full(len(self.table), "", object)

    def items(self) -> Iterator[bytes | Path | Frame]:
        """Encoded bytes, path or frame of each image."""
        if self.faces is not None:
            yield from frames_of(self.faces)
        elif not self.encoded:
            yield from (self.folder / str(cell) for cell in self.table.text(self.images))
        else:
            with require("pyarrow.parquet", "table").ParquetFile(self.path) as file:
                for batch in file.iter_batches(_BATCH, columns=[self.images]):
                    for cell in batch.column(0).to_pylist():
                        yield (cell.get("bytes") if isinstance(cell, dict) else cell) or b""


def is_cropped_faces(path: Path) -> bool:
    """Whether this is a data set of cropped faces: packed ``.npz``, or Kaggle's CSV file with a column of pixels."""
    if path.suffix.lower() == ".csv" and path.is_file():
        with path.open("rb") as file:
            return b"pixels" in file.readline(_HEADER).lower()
    return path.suffix.lower() == ".npz"


def cropped_faces(faces: Dataset, path: Path, head: str) -> Labeled:
    """The images of a data set of cropped faces, without groups; ``path`` is for messages.

    The ``head`` ``ferplus`` is compared with the majority of FER+ votes, where there are any; other heads with the labels.
    """
    labels = faces.labels
    if faces.votes is not None and head == "ferplus":
        labels = faces.votes.majority()
    table = Table(str(path), {"image": faces.names, "label": np.array([*EMOTIONS, ""], object)[labels]})
    return Labeled(table, path, "image", False, "label", (), faces=faces)


def open_labeled(
    path: Path,
    *,
    groups: Sequence[str] | None = None,
    label: str = "",
    images: str = "",
    person: str = "",
    no_labels: bool = False,
) -> Labeled:
    """Open a data set or a table of images without reading any image; arguments as in ``mien.audit_predict``.

    The paths in CSV and JSON Lines are relative to the table's folder. Parquet may hold the images: encoded bytes, or
    structs with a field ``bytes``.

    Raises:
        OptionError: a plain table without groups.
        DataError: unknown layout, a column is missing, a label is no emotion, or there is no column of groups.
        MissingExtraError: a required package is not installed.
    """
    records = records_of(path)
    if records is None and path.is_dir():
        known = "; ".join(f"{layout.NAME} ({layout.KNOWN_BY})" for layout in PERSON_LAYOUTS)
        raise DataError(
            f"{path} is a folder of no known data set; known are {known}",
            hint="Name one of these, or a table with the columns path, emotion and the groups.",
        )
    if records is None and groups is None:
        raise OptionError(
            f"{path}: got no column of groups, expected at least one", hint="Name one with --groups, such as gender."
        )
    table = open_table(path) if records is None else Table(f"{records.name} in {path}", dict(records.columns))
    found = ""
    if not no_labels:
        usual = (*LABELS, "emotion") if records is None else (EMOTION,)
        found = table.find(label, "--label", usual, optional=records is not None, without=NO_LABELS_HINT)
    if found:
        emotions_in(table, found)  # checked before any image is read
    who = table.find(person, "--person") if person else ""
    wanted, notes = _all_groups(records) if records and groups is None else (tuple(groups or ()), ())
    wanted = tuple(table.find(name, "--groups") for name in dict.fromkeys(wanted))
    if records is not None:
        notes = (*records.notes, *notes, *_dependence(records, who))
        return Labeled(table, path, PATH, False, found, wanted, who, records.folder, notes)
    encoded = _image_columns(path)
    inside = bool(encoded) and images in ("", *encoded)
    column = images or encoded[0] if inside else table.find(images, "--images", PATHS)
    return Labeled(table, path, column, inside, found, wanted, who, path.parent)


def _all_groups(records: Records) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of groups that can be compared, and a note on those that cannot."""
    single = [name for name in records.groups if len({cell for cell in records.columns[name] if cell}) < 2]
    wanted = tuple(name for name in records.groups if name not in single)
    if not wanted:
        says = "holds one group only in each column" if records.groups else "has no information on people"
        raise DataError(
            f"{records.name} {says}: {', '.join(records.groups) or 'no columns of groups'}; expected at least two groups",
            hint="Name other columns with --groups; columns that you add to its tables of labels count too.",
        )
    return wanted, (f"Excluded columns with a single group: {', '.join(single)}.",) if single else ()


def _dependence(records: Records, person: str) -> tuple[str, ...]:
    """A warning where many images show the same people, and all are kept."""
    cells = records.columns[records.person] if records.person and not person else ()
    people, images = len(set(cells)), len(cells)
    if people == images:
        return ()
    return (
        f"{images:,} images or clips show {people:,} people and are not independent: p-values are too small, and intervals "
        f"too narrow. --person {records.person} keeps one per person.",
    )


def _image_columns(path: Path) -> list[str]:
    """The columns of a parquet file that hold images: bytes, or structs with a field ``bytes``."""
    if path.suffix.lower() != ".parquet":
        return []
    types = require("pyarrow.types", "table")

    def binary(kind: Any) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    return [
        field.name
        for field in require("pyarrow.parquet", "table").read_schema(path)
        if binary(field.type)
        or (types.is_struct(field.type) and any(part.name == "bytes" and binary(part.type) for part in field.type))
    ]
