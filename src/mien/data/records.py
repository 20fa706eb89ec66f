"""Labeled images and who is in them, as the published datasets with person attributes say."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..emotions import EMOTIONS
from ..errors import DataError
from ..io.video import VIDEO_EXTENSIONS
from .dataset import UNDIVIDED, Dataset
from .names import PARTS
from .preprocessing import LoadOptions, Sample, collect, refuse_options

#: The columns of images, of labels (where there are any), and of the dataset's own splits.
PATH, EMOTION, PART = "path", "emotion", "part"


@dataclass(frozen=True, eq=False)
class Records:
    """The images of a dataset as a table.

    Attributes:
        name: of the dataset.
        folder: what paths are relative to.
        columns: name -> N cells, empty where unknown: ``path``; ``emotion``, where there are labels; the groups and
            whatever else the dataset tells.
        groups: columns that say who is in the images; taken where the user names none.
        person: the column of people; empty where the dataset does not tell them apart.
        notes: what a reader must know, a sentence each.
    """

    name: str
    folder: Path
    columns: Mapping[str, Sequence[str]]
    groups: tuple[str, ...]
    person: str = ""
    notes: tuple[str, ...] = ()


def dataset_of(records: Records, options: LoadOptions) -> Dataset:
    """Decode the images of ``records``; its column ``part`` tells the splits.

    Raises:
        DataError: there are no emotions, or the records are videos.
        SourceError: an image cannot be decoded, or has no face, and ``options.on_damaged`` is None.
    """
    refuse_options(records.folder, options, "votes", "label_names")
    paths, emotions = records.columns[PATH], records.columns.get(EMOTION)
    if emotions is None:
        raise DataError(
            f"{records.name}: got no emotions, expected a label for each image",
            hint="Audit it with 'mien audit predict', which needs no labels.",
        )
    if Path(paths[0]).suffix.lower() in VIDEO_EXTENSIONS:
        raise DataError(
            f"{records.name}: got video clips, expected images",
            hint="Audit clips with 'mien audit predict', or save frames as train/happy/*.png to train on them.",
        )
    for note in records.notes:
        options.notes(note)
    parts = [_split_of(part) for part in records.columns.get(PART, [""] * len(paths))]
    samples = (
        Sample(records.folder / path, path, EMOTIONS.index(emotion), part, records.folder / path)
        for path, emotion, part in zip(paths, emotions, parts)
    )
    return collect(samples, len(paths), records.folder, options)


def _split_of(part: str) -> str:
    return PARTS.get(part.lower().removesuffix("_set"), UNDIVIDED)


def read_columns(path: Path) -> dict[str, list[str]]:
    """The columns of a CSV file with a header, cells stripped.

    Raises:
        DataError: it cannot be read, or has no rows.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}", hint="Download it again.") from error
    if len(lines) < 2:
        raise DataError(f"{path}: got no rows, expected a header and a row for each image", hint="Download it again.")
    header, rows = [name.strip() for name in lines[0]], lines[1:]
    short = next((number for number, row in enumerate(rows, 2) if len(row) < len(header)), None)
    if short:
        raise DataError(
            f"{path}, row {short}: got fewer cells than the {len(header)} columns", hint="The file may be cut off."
        )
    return {name: [row[place].strip() for row in rows] for place, name in enumerate(header)}


def headed(path: Path, names: Sequence[str]) -> bool:
    """Whether a CSV file has a header with all of these columns."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = next(csv.reader(file), [])
    return {*names} <= {name.strip() for name in header}


def missing_part(name: str, what: str, expected: str, hint: str) -> DataError:
    """The error for a dataset that lacks a part of its layout."""
    return DataError(f"{name}: {what}; expected {expected}", hint=hint)
