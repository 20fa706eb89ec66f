"""Manifests: which images of a dataset are used, in which split, with which emotion; written and verified.

A manifest is a CSV file. Its first line has the hash of its rows, so that a manifest kept beside a result is known to be
the one that made it. Beside its images, it is a dataset by itself::

    # mien manifest, sha256 9f86d08...
    name,emotion,split,use,why
    train/happy/1.png,happy,train,yes,
    train/happy/3.png,happy,train,no,copy of train/happy/1.png
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..emotions import EMOTIONS
from ..errors import DataError
from ..io.atomic import write_atomically
from .dataset import SPLITS, Dataset
from .preprocessing import LoadOptions, Sample, collect, refuse_options
from .records import emotion_number

COLUMNS = ("name", "emotion", "split", "use", "why")
NAME, KNOWN_BY = "manifest", f"a CSV file with the columns {','.join(COLUMNS)}"
_TITLE = "# mien manifest, sha256 "
_USE = {"yes": True, "no": False}


@dataclass(frozen=True)
class Manifest:
    """A manifest of images.

    Attributes:
        source: where it was read, for messages.
        names: str (N,), as in ``Dataset.names``; each once.
        labels: int64 (N,), index into the vocabulary.
        split, use: str (N,), one of ``mien.data.dataset.SPLITS``; bool (N,), False for images to leave out.
        sha256: of the rows, as on the first line of the file.
    """

    source: str
    names: npt.NDArray[np.str_]
    labels: npt.NDArray[np.int64]
    split: npt.NDArray[np.str_]
    use: npt.NDArray[np.bool_]
    why: tuple[str, ...]
    sha256: str


def write_manifest(
    faces: Dataset, path: Path, *, use: npt.NDArray[np.bool_] | None = None, why: str | Sequence[str] = ""
) -> str:
    """Write the manifest of ``faces``.

    Args:
        faces: the images, with the emotions and splits to write down.
        path: the file.
        use: bool (N,), False for images to leave out; None uses all.
        why: reasons, one for each image, or one for every image that is left out.

    Returns:
        The SHA-256 of the rows, 64 hexadecimal digits.

    Raises:
        DataError: ``use`` or ``why`` has another length, or two images have one name.
    """
    kept = np.ones(len(faces), bool) if use is None else use
    reasons = ["" if keep else why for keep in kept] if isinstance(why, str) else list(why)
    if not len(kept) == len(reasons) == len(faces):
        raise DataError(f"manifest: got {len(kept)} uses and {len(reasons)} reasons, expected {len(faces)} of each")
    _check_unique(faces.names, faces.name)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for name, label, split, keep, reason in zip(faces.names.tolist(), faces.labels, faces.split, kept, reasons):
        table.writerow([name, EMOTIONS[label], split, "yes" if keep else "no", reason])
    rows = text.getvalue()
    write_atomically(path, f"{_TITLE}{_digest(rows)}\n{rows}".encode())
    return _digest(rows)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; ``DataError`` if it is damaged or its rows do not have the hash of its first line.

    One that was edited on purpose needs its first line deleted: it is not verified then. Line ends and a byte-order mark do
    not count, as spreadsheets change them.
    """
    try:
        text = path.read_text("utf-8-sig")
        title, _, rows = text.partition("\n")
        signed = title.lstrip('"').startswith("#")
        rows = rows if signed else text
        table = list(csv.reader(io.StringIO(rows, newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        hint = "Give a CSV file that mien wrote."
        raise DataError(f"{path}: cannot be read as a manifest: {error}", hint=hint) from error
    sha256 = _digest(rows)
    if signed and sha256 not in title:
        message = f"{path}: its rows were changed: got the hash {sha256[:12]}..., expected that of {title[:60]!r}"
        raise DataError(message, hint="If you edited it on purpose, delete its first line. If not, get it again.")
    header = tuple(name.strip() for name in table[0]) if table else ()
    if header != COLUMNS:
        message = f"{path}: got the columns {', '.join(header)[:120] or '(none)'}, expected {', '.join(COLUMNS)}"
        raise DataError(message, hint="Separate them by commas, and keep the line that names them.")
    lines = enumerate(table[1:], start=3 if signed else 2)
    parsed = [_row(row, f"{path}, line {number}") for number, row in lines if row]
    names, labels, split, use, why = zip(*parsed) if parsed else ((),) * 5
    _check_unique(np.array(names, np.str_), str(path))
    arrays = np.array(names, np.str_), np.array(labels, np.int64), np.array(split, np.str_), np.array(use, bool)
    return Manifest(str(path), *arrays, tuple(why), sha256)


def matches(path: Path) -> bool:
    """Whether the first line of a CSV file is that of a manifest."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = file.readline(4096).strip().strip('"')
    return first.startswith(_TITLE.rstrip()) or first == ",".join(COLUMNS)


def load(path: Path, options: LoadOptions) -> Dataset:
    """Load the images beside a manifest that it uses, with its emotions and splits; names are relative paths."""
    refuse_options(path, options, "votes")
    manifest = read_manifest(path)
    rows = zip(manifest.names.tolist(), manifest.labels.tolist(), manifest.split.tolist(), manifest.use.tolist())
    used = [(path.parent / name, name, label, split) for name, label, split, use in rows if use]
    samples = [Sample(*sample, file=sample[0]) for sample in used]
    missing = next((sample.name for sample in samples if not sample.file.is_file()), None)
    if missing is not None or not samples:
        message = f"got {missing!r}, which is not an image beside the manifest" if samples else "uses no image"
        hint = "Give the data that it was made for, and the manifest with --manifest."
        raise DataError(f"{path}: {message}", hint=hint)
    return collect(samples, len(samples), path, options)


def apply_manifest(faces: Dataset, manifest: Manifest, absent: frozenset[str] = frozenset()) -> Dataset:
    """The images of ``faces`` that ``manifest`` uses, with its emotions and splits; in the order of ``faces``.

    Images that the manifest does not name are left out; those that could not be read, ``absent``, may be missing, others
    are a ``DataError``. Votes stay: a corrected emotion changes the label alone.
    """
    _check_unique(faces.names, faces.name)
    place = {name: row for row, name in enumerate(faces.names.tolist())}
    names = manifest.names.tolist()
    used = [row for row in np.flatnonzero(manifest.use).tolist() if names[row] not in absent]
    missing = [names[row] for row in used if names[row] not in place]
    if missing:
        message = f"{manifest.source}: {faces.name} lacks {len(missing):,} of the {len(used):,} images that it uses"
        names_found = f"such as {missing[0]!r}; its own names are such as {str(faces.names[0])!r}"
        raise DataError(f"{message}, {names_found}", hint="Give the data that the manifest was made for.")
    if not used:
        raise DataError(f"{manifest.source}: uses no image: expected a 'yes' in the column 'use'")
    used.sort(key=lambda row: place[names[row]])  # however the manifest is sorted, training sees one order
    rows = np.array([place[names[row]] for row in used], np.int64)
    return replace(faces.take(rows), labels=manifest.labels[used], split=manifest.split[used])


def _row(row: list[str], where: str) -> tuple[str, int, str, bool, str]:
    if len(row) != len(COLUMNS):
        raise DataError(f"{where}: got {len(row)} fields, expected {len(COLUMNS)}: {', '.join(COLUMNS)}")
    name, emotion, split, use, why = row
    label = emotion_number(emotion, where, "emotion")
    return name, label, _one_of(split, SPLITS, where, "split"), _USE[_one_of(use, tuple(_USE), where, "use")], why


def _one_of(text: str, choices: Sequence[str], where: str, what: str) -> str:
    word = text.strip().lower()
    if word not in choices:
        raise DataError(f"{where}: {what}: got {text!r}, expected one of {', '.join(choices)}")
    return word


def _check_unique(names: npt.NDArray[np.str_], where: str) -> None:
    twice = [name for name, times in Counter(names.tolist()).items() if times > 1]
    if twice:
        message = f"{where}: {len(twice):,} names occur twice, such as {twice[0]!r}, expected each name once"
        raise DataError(message, hint="Give every image a different name.")


def _digest(rows: str) -> str:
    return hashlib.sha256(rows.replace("\r\n", "\n").encode()).hexdigest()
