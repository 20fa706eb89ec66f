"""FER2013: Kaggle's CSV file with FER+ votes, or both packed into a small ``.npz`` file.

Goodfellow et al. (2013), "Challenges in Representation Learning"; FER+: Barsoum et al. (2016), arXiv 1608.01041.
"""

from __future__ import annotations

import csv
import hashlib
import lzma
import math
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...emotions import BY_NAME, EMOTIONS, FER2013_ORDER, FERPLUS_ORDER
from ...errors import DataError
from ...model.preprocess import resize
from ..dataset import TEST, TRAIN, UNDIVIDED, VALIDATION, Dataset, Votes, named_by_content
from ..preprocessing import LoadOptions, refuse_options, split_undivided
from ..records import emotion_number, label_number, label_order, part_named

NAME, KNOWN_BY = "FER2013", "fer2013.csv, icml_face_data.csv, or a packed .npz file"
#: What Kaggle's archives unpack to.
_FILES = ("fer2013.csv", "icml_face_data.csv")
#: What FER+'s authors call their file.
FERPLUS_FILE = "fer2013new.csv"
#: FER2013's names of its splits.
USAGE = {"Training": TRAIN, "PublicTest": VALIDATION, "PrivateTest": TEST}
_LABELS = np.array([EMOTIONS.index(emotion) for emotion in FER2013_ORDER])
_KEYS = {"residuals", "shape", "labels", "usage", "votes"}
_AGAIN = "Download the file again."
_AS_PUBLISHED = "Use both files as they were published, or move the votes away to do without."
#: A smaller share of labels agrees with the votes only where the rows are in another order: in order it is about 0.6.
_LEAST_AGREEMENT = 0.4


def matches(path: Path) -> bool:
    """Whether this is a CSV or ``.npz`` file, or the folder that Kaggle's archive unpacks to."""
    return path.suffix.lower() in (".csv", ".npz") or any((path / name).is_file() for name in _FILES)


def load(path: Path, options: LoadOptions) -> Dataset:
    """Load the packed file, or ``fer2013.csv`` with the votes of ``options.votes`` or of ``fer2013new.csv`` beside it."""
    if path.suffix.lower() == ".npz":
        refuse_options(path, options, "votes", "detect_faces", "label_names")
        return read_npz(path)
    refuse_options(path, options, "detect_faces")
    if path.is_dir():
        path = next(path / name for name in _FILES if (path / name).is_file())
        options.notes(f"{path.parent}: reading {path.name}")
    faces, votes = read_csv(path, options.label_names, options.notes), options.votes
    if votes is None and path.with_name(FERPLUS_FILE).is_file():
        votes = path.with_name(FERPLUS_FILE)
        options.notes(f"{path.name}: with the FER+ votes of {votes}")
    if votes:
        return with_ferplus(faces, votes)
    if not options.split or UNDIVIDED not in faces.split:
        return faces
    keys = [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in faces.images]
    return split_undivided(faces, resize(faces.images, 48), keys, options)


def read_csv(path: Path, label_names: Sequence[str] = (), notes: Callable[[str], None] = lambda _text: None) -> Dataset:
    """Read a CSV file with the columns ``emotion``, ``pixels`` and ``Usage``, in any order.

    Without ``Usage``, as in the ``train.csv`` of Kaggle's competition, the images are ``undivided``. Labels 0 to 6 are
    FER2013's own; 0 to 7 are those of CK+ in this layout (``ckextended.csv``), 7 being contempt; ``notes`` receives what is
    assumed. Numbers that may count from 1, and higher ones, need ``label_names``; labels may also be names. The side of the
    square images follows from the number of pixels in the first row; errors name the line.
    """
    images: list[npt.NDArray[np.uint8]] = []
    cells: list[str] = []
    split: list[str] = []
    names: list[str] = []
    is_published = True  # with the names that FER2013 has for its splits
    for where, (emotion, pixels, usage) in _rows(path, ("emotion", "pixels"), ("usage",)):
        cells.append(emotion)
        split.append(UNDIVIDED if usage is None else _usage(usage, where))
        is_published &= usage in USAGE
        names.append(where.rpartition(", ")[2])
        images.append(_image(pixels, images[0].size if images else None, where))
    if not images:
        raise DataError(f"{path}: has a header but no images", hint=_AGAIN)
    labels = _labels(path, cells, names, label_names, is_published, notes)
    side = math.isqrt(images[0].size)
    stacked = np.stack(images).reshape(-1, side, side)
    return Dataset(
        path.stem,
        stacked,
        np.array(labels),
        np.array(split),
        names=named_by_content(names, stacked),
    )


def _labels(
    path: Path,
    cells: Sequence[str],
    rows: Sequence[str],
    label_names: Sequence[str],
    is_published: bool,
    notes: Callable[[str], None],
) -> list[int]:
    """Index in the vocabulary of each label, a number or a name.

    Numbers without names are FER2013's if they begin with 0, or in its published form; to 7 also CK+'s.
    """
    numbers = [label_number(cell) for cell in cells]
    known = {number for number in numbers if number is not None}
    if not known and label_names:
        raise DataError(
            f"{path}: its labels are names, expected numbers", hint="Leave --label-names (label_names) out."
        )
    if not known:
        return [emotion_number(cell, f"{path}, {row}", "emotion") for cell, row in zip(cells, rows)]
    if None in numbers:
        row = numbers.index(None)
        message = f"{path}, {rows[row]}: emotion: got {cells[row]!r}, expected a whole number as in other rows"
        raise DataError(message, hint="Correct or remove the row.")
    order = label_order(label_names, known, str(path)) if label_names else _assumed(path, known, is_published, notes)
    return [order[number] for number in numbers if number is not None]


def _assumed(path: Path, known: set[int], is_published: bool, notes: Callable[[str], None]) -> dict[int, int]:
    names, highest = (*FER2013_ORDER, "contempt"), max(known)
    is_fer2013 = is_published and highest < len(FER2013_ORDER)
    if highest >= len(names) or not (is_fer2013 or 0 in known):
        return label_order((), known, str(path))
    if not is_fer2013:
        meaning = ", ".join(f"{number} {emotion}" for number, emotion in enumerate(names[: highest + 1]))
        notes(f"{path}: labels are taken for those of {'CK+' if highest > 6 else 'FER2013'}: {meaning}")
    return label_order(names, {0, *known}, str(path))


def with_ferplus(faces: Dataset, path: Path) -> Dataset:
    """``faces``, read from Kaggle's CSV file, with the votes of ten annotators for each image.

    The columns are Usage, Image name, the eight emotions, unknown and NF (no face), in any order. Both files must have the
    same rows in the same order: ``DataError`` for another number of rows, another Usage, or too many other labels.
    """
    split: list[str] = []
    table: list[list[int]] = []
    for where, (usage, *cells) in _rows(path, ("usage", *FERPLUS_ORDER, "unknown", "nf")):
        split.append(_usage(usage, where))
        table.append([_whole(cell, 255, f"{where}: votes") for cell in cells])
    if len(split) != len(faces):
        message = f"{path}: got {len(split):,} rows of votes, expected {len(faces):,}, one a row of {faces.name}"
        raise DataError(message, hint=_AS_PUBLISHED)
    for row, (ours, theirs) in enumerate(zip(faces.split.tolist(), split), 1):
        if ours != theirs:
            raise DataError(
                f"{path}, row {row}: Usage: got {theirs!r}, expected {ours!r} as in {faces.name}", hint=_AS_PUBLISHED
            )
    votes = Votes.from_ferplus(np.array(table, np.uint8))
    majority = votes.majority()
    agree = (majority == faces.labels)[majority >= 0]
    if len(agree) >= 1000 and agree.mean() < _LEAST_AGREEMENT:
        message = f"{path}: got votes that agree with {agree.mean():.0%} of the labels, expected about 60%"
        raise DataError(f"{message}: the rows are in another order", hint=_AS_PUBLISHED)
    return replace(faces, votes=votes)


def read_npz(path: Path) -> Dataset:
    """Read the packed file: xz over the residuals of the median edge predictor of LOCO-I.

    The predictor (Weinberger, Seroussi and Sapiro 2000) guesses each pixel from its left, upper and upper-left neighbors.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if missing := _KEYS - set(file.files):
                raise DataError(
                    f"{path}: got the arrays {', '.join(file.files)[:120]}; missing {', '.join(sorted(missing))}",
                    hint="Save the images in one folder for each emotion: happy/*.png, sad/*.png, ...",
                )
            images = _unpack(file["residuals"].tobytes(), file["shape"])
            labels, usage, votes = file["labels"].astype(np.int64), file["usage"], file["votes"]
    except (lzma.LZMAError, zipfile.BadZipFile, ValueError, EOFError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: damaged: {error}", hint=_AGAIN) from error
    for value in np.unique(labels).tolist():
        _whole(str(value), len(FER2013_ORDER) - 1, f"{path}: labels")
    splits = {name: _usage(name, f"{path}") for name in np.unique(usage).tolist()}
    if votes.shape != (len(labels), 10):
        raise DataError(f"{path}: votes: got {votes.shape}, expected {(len(labels), 10)}", hint=_AGAIN)
    names = named_by_content([f"row {row}" for row in range(len(labels))], images)
    split = np.array([splits[name] for name in usage.tolist()])
    return Dataset(path.stem, images, _LABELS[labels], split, Votes.from_ferplus(votes), names)


def _unpack(blob: bytes, shape: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    n, height, width = (int(side) for side in shape)
    flat = np.frombuffer(lzma.decompress(blob), np.uint8)
    if flat.size != n * height * width:
        raise DataError(f"damaged: {flat.size} bytes unpacked, expected {n * height * width}", hint=_AGAIN)
    residual = flat.reshape(n, height * width).T.astype(np.int16)
    pixels = np.zeros((height + 1, width + 1, n), np.int16)
    for y in range(height):
        for x in range(width):
            left, up, corner = pixels[y + 1, x], pixels[y, x + 1], pixels[y, x]
            low, high = np.minimum(left, up), np.maximum(left, up)
            guess = np.where(corner >= high, low, np.where(corner <= low, high, left + up - corner))
            pixels[y + 1, x + 1] = (guess + residual[y * width + x]) & 255
    return np.ascontiguousarray(pixels[1:, 1:].transpose(2, 0, 1).astype(np.uint8))


def _rows(path: Path, wanted: Sequence[str], optional: Sequence[str] = ()) -> Iterator[tuple[str, list[Any]]]:
    """The position of each row of a CSV file, and its cells in the columns ``wanted``, found by any alias of an emotion.

    The cells of ``optional`` columns follow; they are None if there is no such column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, skipinitialspace=True)
            header = [name.strip() for name in next(lines, [])]
            places = {BY_NAME.get(name.lower(), name.lower()): place for place, name in enumerate(header)}
            if missing := [name for name in wanted if name not in places]:
                message = f"{path}: got the columns {', '.join(header)[:120] or '(none)'}; missing {', '.join(missing)}"
                raise DataError(message, hint=_header_hint(places))
            columns = [places[name] for name in wanted]
            others = [places.get(name) for name in optional]
            for number, row in enumerate(lines, start=2):
                least = 1 + max(place for place in (*columns, *others) if place is not None)
                if row and len(row) < least:
                    what = f"{path}, line {number}: got {len(row)} fields, expected {least}"
                    raise DataError(what, hint="The file may be cut off: download it again.")
                if row:
                    cells = [None if place is None else row[place].strip() for place in (*columns, *others)]
                    yield f"{path}, line {number}", cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}", hint=_AGAIN) from error


def _header_hint(places: dict[str, int]) -> str:
    if "nf" in places:
        return "For FER+ votes, give fer2013.csv and leave fer2013new.csv, as published, beside it."
    if len(places) == 1 and any(mark in name for name in places for mark in ";\t"):
        return "Separate the columns by commas."
    if "pixels" not in places:
        return "Lists of image files are manifests with the columns name,emotion,split,use,why."
    return "The columns must be emotion, pixels and Usage, as in fer2013.csv or icml_face_data.csv from Kaggle."


def _whole(text: str, highest: int, what: str) -> int:
    if not (text.isdecimal() and int(text) <= highest):
        raise DataError(f"{what}: got {text!r}, expected a whole number of 0 to {highest}", hint=_AGAIN)
    return int(text)


def _usage(text: str, where: str) -> str:
    part = part_named(text)
    if part is None:
        raise DataError(f"{where}: Usage: got {text!r}, expected one of {', '.join(USAGE)}", hint="Rename the splits.")
    return part


def _image(text: str, expected: int | None, where: str) -> npt.NDArray[np.uint8]:
    try:
        pixels = np.fromstring(text, np.int32, sep=" ")  # three times as fast as splitting the text
    except ValueError as error:
        what = f"{where}: pixels: got a value that is not an integer"
        raise DataError(what, hint="Correct or remove the row.") from error
    is_square = bool(pixels.size) and math.isqrt(pixels.size) ** 2 == pixels.size
    if pixels.size != expected if expected else not is_square:
        wanted = expected or "a square image such as 48 x 48 = 2304"
        message = f"{where}: pixels: got {pixels.size} numbers, expected {wanted}"
        raise DataError(message, hint="The file may be cut off: download it again.")
    if pixels.min() < 0 or pixels.max() > 255:
        message = f"{where}: pixels: got values from {pixels.min()} to {pixels.max()}, expected 0 to 255"
        raise DataError(message, hint="Scale the pixels to whole numbers of 0 to 255.")
    return pixels.astype(np.uint8)
