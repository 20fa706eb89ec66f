"""Photos with labels and groups through the whole reader, detection included: the table of predictions that is audited."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...concurrency import worker_count
from ...data.dataset import Dataset
from ...errors import DataError, SourceError
from ...extras import require
from ...io.rows import Row
from ...options import ReadOptions
from ...reader import Reader
from ...types import Face, Frame, Reading
from ..measuring import frames_of as faces_of
from .clips import averaged, frames_of, widest
from .columns import TRUTHS, WITHOUT, emotions_in
from .table import Cells, Table, open_table

PATHS = ("path", "file", "filename", "image", "image", "photo")
_BATCH = 64


@dataclass(frozen=True)
class Labeled:
    """Photos with labels and groups, and how to come by them.

    Attributes:
        table: the names of the columns and all cells but the images.
        path: of the table, or of the data set's folder.
        images: the column of paths, or of images in parquet.
        encoded: the column holds the images themselves.
        truth: the column of right answers; empty where there are none.
        groups: the columns of groups.
        person: the column of people, or empty.
        folder: where paths are counted from; None for the folder that the table is in.
        notes: what a reader must know of the data, a sentence each.
        faces: the images themselves, where they are a data set of faces cut out already; else None.
    """

    table: Table
    path: Path
    images: str
    encoded: bool
    truth: str
    groups: tuple[str, ...]
    person: str = ""
    folder: Path | None = None
    notes: tuple[str, ...] = ()
    faces: Dataset | None = None


def open_labeled(
    path: Path,
    *,
    groups: Sequence[str],
    truth: str = "",
    images: str = "",
    person: str = "",
    no_truth: bool = False,
) -> Labeled:
    """See what a table of photos holds, before any is read.

    Args:
        path: CSV or JSON Lines with a column of paths of photos and clips, counted from the table's own folder; or parquet,
            where the column may hold the images themselves: encoded bytes, or structs with a field ``bytes``.
        groups: the columns of groups.
        truth: the column of right answers; empty looks for the usual names.
        images: the column of paths or images; empty looks for the usual names.
        person: the column of people, to be kept; empty for none.
        no_truth: there are no right answers, or they are not to be looked at.

    Raises:
        DataError: a column is missing or a label is no emotion.
    """
    table = open_table(path)
    found_truth = ""
    if not no_truth:
        found_truth = truth and table.wanted(truth, "--truth")
        found_truth = found_truth or table.first((*TRUTHS, "emotion"), "--truth", "labels", WITHOUT)
        emotions_in(table, table.text(found_truth), np.arange(len(table)), "labels")
    who = table.wanted(person, "--person") if person else ""
    wanted = tuple(table.wanted(name, "--groups") for name in dict.fromkeys(groups))
    encoded = _encoded(path)
    if encoded and images in ("", *encoded):
        return Labeled(table, path, images or encoded[0], True, found_truth, wanted, who)
    column = table.wanted(images, "--images") if images else table.first(PATHS, "--images", "paths of images")
    return Labeled(table, path, column, False, found_truth, wanted, who)


def predict(
    labeled: Labeled,
    options: ReadOptions,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    seen: Callable[[int, Frame, Face | None], None] = lambda _number, _frame, _face: None,
) -> tuple[list[Row], tuple[str, ...]]:
    """Read the photos and clips; of several faces in one, the widest is taken, and a clip's frames are averaged.

    Args:
        labeled: what to read.
        options: how.
        progress: called with (photos read, photos in all).
        seen: called with the number, from 0, of each image in its table, with the photo or a frame of the clip, and with
            the face that was read in it or None, in the order of the rows.

    Returns:
        A row a photo: ``image, truth, predicted, found, confidence, abstained``, the groups, the person, then the
        probability of each emotion; no ``truth`` where there are no right answers. And notes on what was left out.

    Raises:
        DataError: nothing is left to be read.
        ModelError: the model cannot be used.
    """
    at_once = worker_count(options.threads)
    reader = Reader(replace(options, threads=1) if at_once > 1 else options)
    table = labeled.table
    truth = _answers(labeled)
    usable = np.isin(truth.astype(str), reader.emotions) if labeled.truth else np.ones(len(table), np.bool_)
    if not usable.any():
        raise DataError(
            f"{table.name}: no photo has a label that the model tells: it knows {', '.join(reader.emotions)}",
            hint="Choose another label set with --emotions, or fill in the labels.",
        )
    failures: list[str] = []
    said: dict[int, list[Reading]] = {}
    names: dict[int, str] = {}
    order: list[int] = []
    frames = _frames(labeled, usable, order.append, failures.append)
    for place, (frame, readings) in enumerate(reader.read_frames(frames, at_once)):
        number = order[place]
        names[number] = f"row {number + 1}" if labeled.encoded else frame.name
        one = widest(readings)
        said.setdefault(number, []).extend([one] if one else [])
        seen(number, frame, None if one is None else one.face)
        progress(len(said), int(usable.sum()))
    if not said:
        raise DataError(f"{table.name}: none of the {len(failures)} photos can be read: {failures[0]}", hint="See why.")
    kept = dict.fromkeys([*labeled.groups, *([labeled.person] if labeled.person else [])])
    own = {name: table.text(name) for name in kept}
    rows: list[Row] = [
        {
            "image": names[number],
            **({"truth": str(truth[number])} if labeled.truth else {}),
            **_said(averaged(found), reader.emotions, {name: str(cells[number]) for name, cells in own.items()}),
        }
        for number, found in said.items()
    ]
    return rows, labeled.notes + _notes(int((~usable).sum()), failures)


def _frames(
    labeled: Labeled, usable: npt.NDArray[np.bool_], began: Callable[[int], None], failed: Callable[[str], None]
) -> Iterator[Frame]:
    """The frames of all usable rows; before each, ``began`` is told its row."""
    for number, image in _images(labeled):
        if usable[number]:
            try:
                for frame in [image] if isinstance(image, Frame) else frames_of(image, failed):
                    began(number)
                    yield frame
            except SourceError as error:
                failed(str(error))


def _answers(labeled: Labeled) -> Cells:
    """The right answer of each row, in the vocabulary's names; empty where it has none."""
    table = labeled.table
    if not labeled.truth:
        return np.full(len(table), "", object)
    return emotions_in(table, table.text(labeled.truth), np.arange(len(table)), "labels")


def table_of(rows: Sequence[Row], name: str) -> Table:
    """The rows as a table, to be taken as predictions."""
    return Table(name, require("pandas", "audit").DataFrame(list(rows), dtype=object))


def _said(one: Reading | None, emotions: tuple[str, ...], own: Row) -> Row:
    if one is None:
        empty = dict.fromkeys(emotions)
        return {"predicted": None, "found": False, "confidence": None, "abstained": None, **own, **empty}
    return {
        "predicted": one.emotion,
        "found": True,
        "confidence": round(one.confidence, 4),
        "abstained": one.abstained,
        **own,
        **{emotion: round(share, 4) for emotion, share in zip(emotions, one.probabilities.tolist())},
    }


def _notes(unlabeled: int, failures: Sequence[str]) -> tuple[str, ...]:
    left = f"{unlabeled:,} photos are left out: they have no label, or one that the model does not tell."
    failed = f"{len(failures):,} could not be read, or not wholly, such as: {failures[0] if failures else ''}"
    return (*([left] if unlabeled else []), *([failed] if failures else []))


def _encoded(path: Path) -> list[str]:
    """The columns of a parquet file that hold images."""
    if path.suffix.lower() != ".parquet":
        return []
    types = require("pyarrow.types", "table")
    schema = require("pyarrow.parquet", "table").read_schema(path)

    def bytes_in(kind: Any) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    return [
        field.name
        for field in schema
        if bytes_in(field.type)
        or (types.is_struct(field.type) and any(part.name == "bytes" and bytes_in(part.type) for part in field.type))
    ]


def _images(labeled: Labeled) -> Iterator[tuple[int, bytes | Path | Frame]]:
    if labeled.faces is not None:
        yield from enumerate(faces_of(labeled.faces))
        return
    if not labeled.encoded:
        folder = labeled.path.parent if labeled.folder is None else labeled.folder
        yield from ((number, folder / str(cell)) for number, cell in enumerate(labeled.table.text(labeled.images)))
        return
    number = 0
    with require("pyarrow.parquet", "table").ParquetFile(labeled.path) as file:
        for batch in file.iter_batches(_BATCH, columns=[labeled.images]):
            for cell in batch.column(0).to_pylist():
                yield number, (cell.get("bytes") if isinstance(cell, dict) else cell) or b""
                number += 1
