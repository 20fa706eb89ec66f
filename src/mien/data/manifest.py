"""Manifests: which images of a dataset are used, in which split, with which emotion; written and verified.

A manifest is a CSV file with the columns ``name,emotion,split,use,why``. Its first line has the
hash of its rows, so that a manifest kept beside a result is known to be the one that made it::

    # mien manifest, sha256 9f86d08...
    name,emotion,split,use,why
    train/happy/1.png,happy,train,yes,
    train/happy/2.png,sad,train,yes,seen to be sad
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
from .names import emotion_number

COLUMNS = ("name", "emotion", "split", "use", "why")
_TITLE = "# mien manifest, sha256 "
_ANSWERS = {"yes": True, "no": False}


@dataclass(frozen=True)
class Manifest:
    """A manifest of images.

    Attributes:
        source: where it was read, for messages.
        names: str (N,), as in ``Dataset.names``; each once.
        labels: int64 (N,), index into the vocabulary.
        split: str (N,), one of ``mien.data.dataset.SPLITS``.
        use: bool (N,), False for images to leave out.
        why: why a row is as it is, in words; may be empty.
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
    """Write the manifest of ``faces``, whole or not at all.

    Args:
        faces: the images, with the emotions and parts to write down.
        path: the file.
        use: bool (N,), False for images to leave out; None uses all.
        why: reasons, one an image, or one for every image that is left out.

    Returns:
        The SHA-256 of the rows, 64 hexadecimal digits: the same images give the same.

    Raises:
        DataError: ``use`` or ``why`` has another length, or two images have one name.
        OutputError: the file cannot be written.
    """
    kept = np.ones(len(faces), bool) if use is None else use
    reasons = ["" if keep else why for keep in kept] if isinstance(why, str) else list(why)
    if not len(kept) == len(reasons) == len(faces):
        raise DataError(f"manifest: got {len(kept)} uses and {len(reasons)} reasons, expected {len(faces)} of each")
    _once(faces.names, faces.name)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for name, label, split, keep, reason in zip(faces.names.tolist(), faces.labels, faces.split, kept, reasons):
        table.writerow([name, EMOTIONS[label], split, "yes" if keep else "no", reason])
    rows = text.getvalue()
    write_atomically(path, f"{_TITLE}{_digest(rows)}\n{rows}".encode())
    return _digest(rows)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest back.

    A manifest may be edited on purpose: delete its first line then, and nothing is checked against it. Line ends and a
    byte-order mark do not count, as spreadsheets change them.

    Raises:
        DataError: the file cannot be read or is no manifest, a row is broken, a name comes twice, or the rows are not those
            that the first line speaks of.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read as a manifest: {error}", hint="Give a CSV file that mien wrote."
        ) from error
    title, _, rows = text.partition("\n")
    signed = title.lstrip('"').startswith("#")
    rows = rows if signed else text
    found = _digest(rows)
    if signed and found not in title:
        raise DataError(
            f"{path}: its rows were changed: got the hash {found[:12]}..., expected that of its first line, {title[:60]!r}",
            hint="If you edited it on purpose, delete its first line. If not, take the manifest as it was written.",
        )
    try:
        table = list(csv.reader(io.StringIO(rows, newline="")))
    except csv.Error as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}", hint="Give a CSV file that mien wrote.") from error
    return _parsed(path, table, 2 if signed else 1, found)


def is_manifest(path: Path) -> bool:
    """Whether the first line of a CSV file is that of a manifest."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = file.readline(4096).strip().strip('"')
    return first.startswith(_TITLE.rstrip()) or first == ",".join(COLUMNS)


def apply_manifest(faces: Dataset, manifest: Manifest, absent: frozenset[str] = frozenset()) -> Dataset:
    """The images of ``faces`` that ``manifest`` uses, with its emotions and parts; in the order of ``faces``.

    Args:
        faces: the images.
        manifest: which of them to use, and for what.
        absent: names that may be missing: of images that could not be read, or in which no face was found.

    Images that the manifest does not name are left out. Votes stay as the annotators gave them: a corrected emotion changes
    the label alone.

    Raises:
        DataError: the manifest names images that ``faces`` does not have, or uses none, or names of ``faces`` come twice.
    """
    _once(faces.names, faces.name)
    place = {name: row for row, name in enumerate(faces.names.tolist())}
    wanted = np.array([use and name not in absent for use, name in zip(manifest.use, manifest.names.tolist())], bool)
    missing = [name for name in manifest.names[wanted].tolist() if name not in place]
    if missing:
        raise DataError(
            f"{manifest.source}: {faces.name} lacks {len(missing):,} of the {int(wanted.sum()):,} images that it uses, "
            f"such as {missing[0]!r}; its own names are such as {str(faces.names[0])!r}",
            hint="Give the data that the manifest was made for, from the same folder.",
        )
    if not wanted.any():
        raise DataError(f"{manifest.source}: uses no image: expected a 'yes' in the column 'use'")
    rows = np.array([place[name] for name in manifest.names[wanted].tolist()], np.int64)
    order = np.argsort(rows)  # however the manifest was sorted, training sees the images in the same order
    used = np.flatnonzero(wanted)[order]
    return replace(faces.take(rows[order]), labels=manifest.labels[used], split=manifest.split[used])


def _parsed(path: Path, table: list[list[str]], first: int, sha256: str) -> Manifest:
    header = tuple(name.strip() for name in table[0]) if table else ()
    if header != COLUMNS:
        raise DataError(
            f"{path}: got the columns {', '.join(header)[:120] or '(none)'}, expected {', '.join(COLUMNS)}",
            hint="Separate them by commas, and keep the line that names them.",
        )
    names, labels, splits, uses, reasons = [], [], [], [], []
    for number, row in enumerate(table[1:], start=first + 1):
        if not row:
            continue
        where = f"{path}, line {number}"
        if len(row) != len(COLUMNS):
            raise DataError(f"{where}: got {len(row)} fields, expected {len(COLUMNS)}: {', '.join(COLUMNS)}")
        names.append(row[0])
        labels.append(emotion_number(row[1], where, "emotion"))
        splits.append(_one_of(row[2], SPLITS, where, "split"))
        uses.append(_ANSWERS[_one_of(row[3], tuple(_ANSWERS), where, "use")])
        reasons.append(row[4])
    _once(np.array(names, np.str_), str(path))
    split = np.array(splits, np.str_)
    return Manifest(
        str(path),
        np.array(names, np.str_),
        np.array(labels, np.int64),
        split,
        np.array(uses, bool),
        tuple(reasons),
        sha256,
    )


def _one_of(text: str, choices: Sequence[str], where: str, what: str) -> str:
    word = text.strip().lower()
    if word not in choices:
        raise DataError(f"{where}: {what}: got {text!r}, expected one of {', '.join(choices)}")
    return word


def _once(names: npt.NDArray[np.str_], where: str) -> None:
    twice = [name for name, times in Counter(names.tolist()).items() if times > 1]
    if twice:
        raise DataError(
            f"{where}: {len(twice):,} names come twice, such as {twice[0]!r}: expected each once",
            hint="A manifest goes by names: give every image its own.",
        )


def _digest(rows: str) -> str:
    return hashlib.sha256(rows.replace("\r\n", "\n").encode()).hexdigest()
