"""Labeled images with groups: a known data set, a plain table of paths, parquet with images, or cropped faces."""

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
        folder: base of the paths; None for the table's folder.
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
    folder: Path | None = None
    notes: tuple[str, ...] = ()
    faces: Dataset | None = None

    @property
    def labels(self) -> Cells:
        """Object (N,): the emotion of each row; empty without a label."""
        if not self.label:
            return np.full(len(self.table), "", object)
        return emotions_in(self.table, self.table.text(self.label), np.arange(len(self.table)), "labels")

    def items(self) -> Iterator[tuple[int, bytes | Path | Frame]]:
        """Row number, and encoded bytes, path or frame of each image."""
        if self.faces is not None:
            yield from enumerate(frames_of(self.faces))
            return
        if not self.encoded:
            folder = self.path.parent if self.folder is None else self.folder
            yield from ((number, folder / str(cell)) for number, cell in enumerate(self.table.text(self.images)))
            return
        number = 0
        with require("pyarrow.parquet", "table").ParquetFile(self.path) as file:
            for batch in file.iter_batches(_BATCH, columns=[self.images]):
                for cell in batch.column(0).to_pylist():
                    yield number, (cell.get("bytes") if isinstance(cell, dict) else cell) or b""
                    number += 1


def is_cropped_faces(path: Path) -> bool:
    """Whether this is a data set of cropped faces: packed ``.npz``, or Kaggle's CSV file with a column of pixels."""
    if path.suffix.lower() == ".csv" and path.is_file():
        with path.open("rb") as file:
            return b"pixels" in file.readline(_HEADER).lower()
    return path.suffix.lower() == ".npz"


def cropped_faces(faces: Dataset, path: Path, head: str) -> Labeled:
    """The images of a data set of cropped faces; its groups are still to be measured.

    Args:
        faces: the split to audit.
        path: where it is, for messages.
        head: of the model. ``ferplus`` is compared with the majority of FER+ votes, where there are any; other heads with
            the labels.
    """
    labels = faces.labels
    if faces.votes is not None and head == "ferplus":
        labels = faces.votes.majority()
    cells = np.array([*EMOTIONS, ""], object)[labels]
    table = Table(str(path), require("pandas", "audit").DataFrame({"image": faces.names, "label": cells}))
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
    """Open a data set or a table of images without reading any image.

    Args:
        path: a known data set (folder, or its file of labels); CSV or JSON Lines with a column of paths of images or clips,
            relative to the table's folder; or parquet, where the column may hold the images: encoded bytes, or structs with
            a field ``bytes``.
        groups: columns of groups; None takes all that a known data set has.
        label: column of labels; empty columns are searched for under usual names, as in all that follow.
        images: column of paths, or of images.
        person: column of people, to be kept.
        no_labels: ignore labels, or there are none.

    Raises:
        OptionError: a plain table without groups.
        DataError: unknown layout, a column is missing, a label is no emotion, or there is no column of groups.
        MissingExtraError: a required package is not installed.
    """
    records = records_of(path)
    if records is not None:
        return _open_records(records, path, groups, label, person, no_labels)
    if path.is_dir():
        known = "; ".join(f"{layout.NAME} ({layout.KNOWN_BY})" for layout in PERSON_LAYOUTS)
        raise DataError(
            f"{path} is a folder of no known data set; known are {known}",
            hint="Name one of these, or a table with the columns path, emotion and the groups.",
        )
    if groups is None:
        raise OptionError(
            f"{path}: got no column of groups, expected at least one", hint="Name one with --groups, such as gender."
        )
    return _open_table(path, groups, label, images, person, no_labels)


def _open_table(path: Path, groups: Sequence[str], label: str, images: str, person: str, no_labels: bool) -> Labeled:
    table = open_table(path)
    found = ""
    if not no_labels:
        found = label and table.require(label, "--label")
        found = found or table.first((*LABELS, "emotion"), "--label", "labels", NO_LABELS_HINT)
        emotions_in(table, table.text(found), np.arange(len(table)), "labels")
    who = table.require(person, "--person") if person else ""
    wanted = tuple(table.require(name, "--groups") for name in dict.fromkeys(groups))
    encoded = _image_columns(path)
    if encoded and images in ("", *encoded):
        return Labeled(table, path, images or encoded[0], True, found, wanted, who)
    column = table.require(images, "--images") if images else table.first(PATHS, "--images", "paths of images")
    return Labeled(table, path, column, False, found, wanted, who)


def _open_records(
    records: Records, path: Path, groups: Sequence[str] | None, label: str, person: str, no_labels: bool
) -> Labeled:
    table = Table(
        f"{records.name} in {path}", require("pandas", "audit").DataFrame(dict(records.columns), dtype=object)
    )
    found = table.require(label, "--label") if label else EMOTION if EMOTION in records.columns else ""
    if no_labels:
        found = ""
    if found:
        emotions_in(table, table.text(found), np.arange(len(table)), "labels")
    who = table.require(person, "--person") if person else ""
    if groups is None:
        wanted, note = _all_groups(records)
    else:
        wanted, note = tuple(table.require(name, "--groups") for name in dict.fromkeys(groups)), ()
    notes = (*records.notes, *note, *_dependence(records, who))
    return Labeled(table, path, PATH, False, found, wanted, who, records.folder, notes)


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
    if not records.person or person:
        return ()
    cells = records.columns[records.person]
    people, images = len(set(cells)), len(cells)
    if people == images:
        return ()
    return (
        f"{images:,} images or clips show {people:,} people and are not independent: p-values are too small, and intervals "
        f"too narrow. --person {records.person} keeps one per person.",
    )


def _image_columns(path: Path) -> list[str]:
    """The columns of a parquet file that hold images."""
    if path.suffix.lower() != ".parquet":
        return []
    types = require("pyarrow.types", "table")
    schema = require("pyarrow.parquet", "table").read_schema(path)

    def binary(kind: Any) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    def holds_images(kind: Any) -> bool:
        return binary(kind) or (
            types.is_struct(kind) and any(part.name == "bytes" and binary(part.type) for part in kind)
        )

    return [field.name for field in schema if holds_images(field.type)]
