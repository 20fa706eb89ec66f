"""FER2013 as Kaggle distributes it, with FER+ votes."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...emotions import EMOTIONS, FER2013_ORDER, FERPLUS_ORDER, parse
from ...errors import DataError, OptionError
from ..dataset import Dataset, Votes, named_by_content
from ..names import USAGE
from ..preprocessing import LoadOptions, refuse_options

NAME, KNOWN_BY = "FER2013", "fer2013.csv or icml_face_data.csv"
#: What Kaggle's archives unpack to.
_FILES = ("fer2013.csv", "icml_face_data.csv")
#: What its authors call the file.
FERPLUS_FILE = "fer2013new.csv"
_AGAIN = "Fetch fer2013new.csv again, from its authors' repository microsoft/FERPlus."
#: Fewer labels than this share agree with the votes only where the rows are in another order: in order it is about 0.6.
_LEAST_AGREEMENT = 0.4


def matches(path: Path) -> bool:
    """Whether this is a CSV file, or the folder that Kaggle's archive unpacks to."""
    return path.suffix.lower() == ".csv" or any((path / name).is_file() for name in _FILES)


def load(path: Path, options: LoadOptions) -> Dataset:
    """Load ``fer2013.csv``, with the votes of ``options.votes`` or of ``fer2013new.csv`` beside it.

    Raises:
        DataError: a file is missing or broken, or the votes are not those of these images.
    """
    refuse_options(path, options, "detect_faces")
    if path.is_dir():
        path = next(path / name for name in _FILES if (path / name).is_file())
        options.notes(f"{path.parent}: reading {path.name}")
    faces, votes = read_csv(path), options.votes
    if votes is None and path.with_name(FERPLUS_FILE).is_file():
        votes = path.with_name(FERPLUS_FILE)
        options.notes(f"{path.name}: with the FER+ votes of {votes}")
    return with_ferplus(faces, votes) if votes else faces


def with_ferplus(faces: Dataset, path: Path) -> Dataset:
    """``faces``, read from Kaggle's CSV file, with the votes of ten annotators for each image.

    The columns are Usage, Image name, the eight emotions, unknown and NF (no face), as Barsoum et al. (2016, arXiv
    1608.01041) give them, in any order. Nothing but their place tells which votes belong to which image, so both files
    must have the same rows in the same order.

    Args:
        faces: the images, in the order of ``fer2013.csv``.
        path: the table of votes.

    Raises:
        DataError: the table cannot be read, or its rows are not those of ``faces``: another number, another Usage in a
            row, or so many other answers that the order must be another.
    """
    split, table = _read(path)
    if len(split) != len(faces):
        raise DataError(
            f"{path}: got {len(split):,} rows of votes, expected {len(faces):,}, one a row of {faces.name}",
            hint="Use both files as they were published, or move the votes away to do without.",
        )
    for row, (ours, theirs) in enumerate(zip(faces.split.tolist(), split)):
        if ours != theirs:
            raise DataError(
                f"{path}, row {row + 1}: Usage: got {theirs!r}, expected {ours!r} as in {faces.name}",
                hint="Use both files as they were published, or move the votes away to do without.",
            )
    votes = Votes.from_ferplus(table)
    answers = votes.majority()
    agree = (answers == faces.labels)[answers >= 0]
    if len(agree) >= 1000 and agree.mean() < _LEAST_AGREEMENT:
        raise DataError(
            f"{path}: got votes that agree with {100 * agree.mean():.0f} % of the labels of {faces.name}, expected about "
            "60 %: the rows are in another order",
            hint="Use both files as they were published, or move the votes away to do without.",
        )
    return replace(faces, votes=votes)


def _read(path: Path) -> tuple[list[str], npt.NDArray[np.uint8]]:
    """The split of each row, and uint8 (N, 10): its votes in FER+'s order, unknown, no face."""
    split: list[str] = []
    rows: list[list[int]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, skipinitialspace=True)
            usage, columns = _header(next(lines, []), path)
            for number, row in enumerate(lines, start=2):
                if row:
                    name, votes = _row(row, usage, columns, f"{path}, line {number}")
                    split.append(name)
                    rows.append(votes)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}", hint=_AGAIN) from error
    return split, np.array(rows, np.uint8).reshape(-1, 10)


def _header(row: Sequence[str], path: Path) -> tuple[int, list[int]]:
    places: dict[str, int] = {}
    for place, name in enumerate(row):
        word = name.strip().lower()
        try:
            places[word if word in {"usage", "unknown", "nf"} else parse(word)] = place
        except OptionError:  # such as "Image name"
            continue
    wanted = ("usage", *FERPLUS_ORDER, "unknown", "nf")
    missing = [name for name in wanted if name not in places]
    if missing:
        raise DataError(
            f"{path}: got the columns {', '.join(name.strip() for name in row)[:120] or '(none)'}; missing "
            f"{', '.join(missing)}",
            hint=_AGAIN,
        )
    return places["usage"], [places[name] for name in wanted[1:]]


def _row(row: Sequence[str], usage: int, columns: Sequence[int], where: str) -> tuple[str, list[int]]:
    if len(row) <= max(usage, *columns):
        raise DataError(
            f"{where}: got {len(row)} fields, expected {max(usage, *columns) + 1}",
            hint=f"The file may be cut off. {_AGAIN}",
        )
    if row[usage].strip() not in USAGE:
        raise DataError(f"{where}: Usage: got {row[usage]!r}, expected one of {', '.join(USAGE)}", hint=_AGAIN)
    cells = [row[column].strip() for column in columns]
    strange = [cell for cell in cells if not (cell.isdecimal() and int(cell) <= 255)]
    if strange:
        raise DataError(f"{where}: votes: got {strange[0]!r}, expected a whole number of 0 or more", hint=_AGAIN)
    return USAGE[row[usage].strip()], [int(cell) for cell in cells]


_LABEL_HINT = "The numbers are FER2013's own: " + ", ".join(f"{i} {name}" for i, name in enumerate(FER2013_ORDER)) + "."


@dataclass(frozen=True)
class _Columns:
    emotion: int
    pixels: int
    usage: int


def read_csv(path: Path) -> Dataset:
    """The data set in a CSV file with the columns ``emotion``, ``pixels`` and ``Usage``, in any order.

    ``Usage`` becomes the split: Training -> train, PublicTest -> validation, PrivateTest -> test (Goodfellow et al. 2013).
    The rows are streamed; the 28,709 training images take a few seconds.

    Args:
        path: the CSV file. The side of the square images follows from the number of pixels in the first row.

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
            columns = _header_kaggle(next(lines, []), path)
            for where, row in _rows(lines, columns, path):
                labels.append(_label(row[columns.emotion], where))
                split.append(_usage(row[columns.usage], where))
                names.append(where.rpartition(", ")[2])
                images.append(_image(row[columns.pixels], images[0].size if images else None, where))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}", hint="Download the file again.") from error
    if not images:
        raise DataError(f"{path}: has a header but no images", hint="Download the file again.")
    side = math.isqrt(images[0].size)
    stacked = np.stack(images).reshape(-1, side, side)
    return Dataset(
        name=path.stem,
        images=stacked,
        labels=np.array([EMOTIONS.index(emotion) for emotion in FER2013_ORDER])[labels],
        split=np.array(split),
        names=named_by_content(names, stacked),
    )


def _header_kaggle(row: Sequence[str], path: Path) -> _Columns:
    names = [name.strip().lower() for name in row]
    found = f"{path}: got the columns {', '.join(name.strip() for name in row)[:120] or '(none)'}"
    missing = [name for name in ("emotion", "pixels") if name not in names]
    if missing:
        raise DataError(f"{found}; missing {', '.join(missing)}", hint=_header_hint(names))
    if "usage" not in names:
        raise DataError(
            f"{found}; without Usage nothing says which images are to train on and which to judge by",
            hint="Use fer2013.csv or icml_face_data.csv instead of train.csv, or add a column Usage that says Training, "
            "PublicTest or PrivateTest.",
        )
    return _Columns(names.index("emotion"), names.index("pixels"), names.index("usage"))


def _header_hint(names: Sequence[str]) -> str:
    """What a file most likely is that is not Kaggle's, and what to give."""
    if "nf" in names:
        return "These are FER+'s votes: give fer2013.csv, and leave the votes beside it; they are found there."
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


def _image(text: str, expected: int | None, where: str) -> npt.NDArray[np.uint8]:
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
                f"{where}: pixels: got {pixels.size} numbers, expected a square image such as 48 x 48 = 2304",
                hint="Write each image as side x side numbers with spaces between, row by row.",
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
