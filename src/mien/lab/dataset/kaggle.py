"""FER2013 as Kaggle gives it: a CSV file with one picture a row, its pixels written out as text.

Two spellings are about: ``fer2013.csv`` (``emotion,pixels,Usage``) and ``icml_face_data.csv`` (``emotion, Usage, pixels``).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...emotions import EMOTIONS, FER2013_ORDER
from ...errors import DataError
from .faces import FaceSet, named_by_content
from .packed import USAGE

_LABEL_HINT = "The numbers are FER2013's own: " + ", ".join(f"{i} {name}" for i, name in enumerate(FER2013_ORDER)) + "."


@dataclass(frozen=True)
class _Columns:
    emotion: int
    pixels: int
    usage: int


def read_kaggle(path: Path) -> FaceSet:
    """The data set in a CSV file with the columns ``emotion``, ``pixels`` and ``Usage``, in any order.

    ``Usage`` becomes the split: Training -> train, PublicTest -> validation, PrivateTest -> test (Goodfellow et al. 2013).
    The rows are streamed; the 28,709 training pictures take a few seconds.

    Args:
        path: the CSV file. The side of the square pictures follows from the number of pixels in the first row.

    Raises:
        DataError: the file is missing or empty, lacks a column, or has a broken row; the message gives the line.
    """
    images: list[npt.NDArray[np.uint8]] = []
    labels: list[int] = []
    split: list[str] = []
    names: list[str] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, skipinitialspace=True)
            columns = _header(next(lines, []), path)
            for where, row in _rows(lines, columns, path):
                labels.append(_label(row[columns.emotion], where))
                split.append(_usage(row[columns.usage], where))
                names.append(where.rpartition(", ")[2])
                images.append(_picture(row[columns.pixels], images[0].size if images else None, where))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}", hint="Download the file again.") from error
    if not images:
        raise DataError(f"{path}: has a header but no pictures", hint="Download the file again.")
    side = math.isqrt(images[0].size)
    pictures = np.stack(images).reshape(-1, side, side)
    return FaceSet(
        name=path.stem,
        images=pictures,
        labels=np.array([EMOTIONS.index(emotion) for emotion in FER2013_ORDER])[labels],
        split=np.array(split),
        names=named_by_content(names, pictures),
    )


def _header(row: Sequence[str], path: Path) -> _Columns:
    names = [name.strip().lower() for name in row]
    found = f"{path}: got the columns {', '.join(name.strip() for name in row)[:120] or '(none)'}"
    missing = [name for name in ("emotion", "pixels") if name not in names]
    if missing:
        raise DataError(f"{found}; missing {', '.join(missing)}", hint=_header_hint(names))
    if "usage" not in names:
        raise DataError(
            f"{found}; without Usage nothing says which pictures are to train on and which to judge by",
            hint="Use fer2013.csv or icml_face_data.csv instead of train.csv, or add a column Usage that says Training, "
            "PublicTest or PrivateTest.",
        )
    return _Columns(names.index("emotion"), names.index("pixels"), names.index("usage"))


def _header_hint(names: Sequence[str]) -> str:
    """What a file most likely is that is not Kaggle's, and what to give."""
    if "nf" in names:
        return "These are FER+'s votes: give fer2013.csv, and leave the votes beside it; they are found there."
    if names and (names[0].startswith("# mien list") or "use" in names):
        return "This is a list of pictures: give the data that it was made for, and the list as such."
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        return "Separate the columns by commas."
    return "The first line must be 'emotion,pixels,Usage': use fer2013.csv or icml_face_data.csv from Kaggle."


def _rows(lines: Iterator[list[str]], columns: _Columns, path: Path) -> Iterator[tuple[str, list[str]]]:
    """Where each row stands, and its fields; blank lines are left out."""
    needed = max(columns.emotion, columns.pixels, columns.usage) + 1
    for number, row in enumerate(lines, start=2):
        if not row:
            continue
        where = f"{path}, line {number}"
        if len(row) < needed:
            raise DataError(f"{where}: got {len(row)} fields, expected {needed}", hint="The file may be cut off.")
        yield where, row


def _label(text: str, where: str) -> int:
    try:
        label = int(text)
    except ValueError:
        label = -1
    if not 0 <= label < len(FER2013_ORDER):
        raise DataError(f"{where}: emotion: got {text!r}, expected 0 to {len(FER2013_ORDER) - 1}", hint=_LABEL_HINT)
    return label


def _usage(text: str, where: str) -> str:
    if text.strip() not in USAGE:
        raise DataError(
            f"{where}: Usage: got {text!r}, expected one of {', '.join(USAGE)}",
            hint="Write one of these; if this is the last line, the file is cut off: download it again.",
        )
    return USAGE[text.strip()]


def _picture(text: str, expected: int | None, where: str) -> npt.NDArray[np.uint8]:
    try:
        pixels = np.fromstring(text, np.int32, sep=" ")  # three times as fast as splitting the text
    except ValueError as error:
        raise DataError(
            f"{where}: pixels: got something that is no whole number", hint="Mend or remove the row."
        ) from error
    if expected is None:
        expected = pixels.size
        if not expected or math.isqrt(expected) ** 2 != expected:
            raise DataError(
                f"{where}: pixels: got {pixels.size} numbers, expected a square picture such as 48 x 48 = 2304",
                hint="Write each picture as side x side numbers with spaces between, row by row.",
            )
    if pixels.size != expected:
        raise DataError(
            f"{where}: pixels: got {pixels.size} numbers, expected {expected}", hint="The file may be cut off."
        )
    if pixels.min() < 0 or pixels.max() > 255:
        raise DataError(
            f"{where}: pixels: got values from {pixels.min()} to {pixels.max()}, expected 0 to 255",
            hint="Scale the pixels to whole numbers of 0 to 255.",
        )
    return pixels.astype(np.uint8)
