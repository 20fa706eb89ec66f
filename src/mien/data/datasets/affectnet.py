"""AffectNet: some 440,000 faces from the web, annotated by hand with one of eight emotions, or as showing none.

Mollahosseini, Hasani and Mahoor (2017), "AffectNet: A Database for Facial Expression, Valence, and Arousal Computing in the
Wild". It comes as ``Manually_Annotated_file_lists/validation.csv`` beside ``Manually_Annotated_Images/1/0a1b.jpg``, or, the
newer form, as ``val_set/images/0.jpg`` with its emotion, one number, in ``val_set/annotations/0_exp.npy``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...emotions import AFFECTNET_ORDER
from ...errors import DataError
from ..records import EMOTION, PART, PATH, Records, headed, missing_part, read_columns

NAME = "AffectNet"
KNOWN_BY = "val_set/annotations/0_exp.npy, or a CSV file with the column subDirectory_filePath"
#: Codes that are no emotion: none, uncertain, no face.
_OTHERS = range(8, 11)
_FILE, _CODE = "subDirectory_filePath", "expression"
_LISTS = "Manually_Annotated_file_lists"
_IMAGES = ("Manually_Annotated_Images", "Manually_Annotated_compressed", "Automatically_Annotated_Images")
_OWN = (_FILE, "face_x", "face_y", "face_width", "face_height", "facial_landmarks", _CODE, "valence", "arousal")


def matches(path: Path) -> bool:
    """Whether this is a folder of either form, or a file of labels of the older one."""
    return bool(_tables(path) or _sets(path))


def records(path: Path) -> Records:
    """All faces with an emotion; codes 8 to 10, which are none, are left out.

    Groups are the columns that you added to its CSV files. ``part`` is the name of the file, or of the folder.
    """
    tables = _tables(path)
    folder, rows = _table_rows(path, tables) if tables else (path, _set_rows(path))
    labeled = [row for row in rows if row[EMOTION]]
    if not labeled:
        raise DataError(f"{NAME}: no image has an emotion, expected codes 0 to 7", hint="Check the files of labels.")
    left_out = len(rows) - len(labeled)
    notes = (f"{left_out:,} images are left out: none, uncertain, or no face.",) if left_out else ()
    groups = tuple(dict.fromkeys(name for row in labeled for name in row if name not in (PATH, EMOTION, PART)))
    return Records.of(NAME, folder, labeled, groups, notes=notes, hint="Unpack the images too.")


def _tables(path: Path) -> list[Path]:
    """The files of labels of the older form."""
    near = [path] if path.is_file() else [*sorted(path.glob("*.csv")), *sorted((path / _LISTS).glob("*.csv"))]
    return [one for one in near if headed(one, (_FILE, _CODE))]


def _sets(path: Path) -> list[Path]:
    """The folders of the newer form."""
    near = (path, path / "train_set", path / "val_set")
    return [one for one in near if any((one / "annotations").glob("*_exp.npy"))]


def _table_rows(path: Path, tables: list[Path]) -> tuple[Path, list[dict[str, str]]]:
    """The folder of images of the older form, and a row for each image."""
    rows = []
    for file in tables:
        table = read_columns(file)
        own = [name for name in table if name not in _OWN]
        for number, (image, code) in enumerate(zip(table[_FILE], table[_CODE])):
            row = {PATH: image, EMOTION: _emotion(code, f"{file}, row {number + 1}"), PART: file.stem}
            rows.append(row | {name: table[name][number] for name in own})
    near, image = path if path.is_dir() else path.parent, rows[0][PATH]
    places = [base / name for base in (near, near.parent) for name in ("", *_IMAGES)]
    places += [place / _IMAGES[0] for place in places if place.name == _IMAGES[1]]
    found = next((place for place in places if (place / image).is_file()), None)
    if found is None:
        expected = f"it in {_IMAGES[0]}, beside {_LISTS}"
        raise missing_part(NAME, f"{image} is nowhere near {near}", expected, "Unpack the images there.")
    return found, rows


def _set_rows(path: Path) -> list[dict[str, str]]:
    """A row for each image of the newer form."""
    rows = []
    for folder in _sets(path):
        for label in sorted((folder / "annotations").glob("*_exp.npy"), key=lambda one: (len(one.name), one.name)):
            image = folder / "images" / f"{label.name.removesuffix('_exp.npy')}.jpg"
            try:
                code = str(np.load(label, allow_pickle=False).reshape(-1)[0])
            except (OSError, ValueError, IndexError) as error:
                hint = "Unpack the annotations again."
                raise DataError(f"{NAME}: {label} holds no number: {error}", hint=hint) from error
            emotion = _emotion(code, str(label))
            rows.append({PATH: str(image.relative_to(path)), EMOTION: emotion, PART: folder.resolve().name})
    return rows


def _emotion(code: str, where: str) -> str:
    """The emotion of a code; empty for those that are none."""
    number = int(code) if code.isdigit() else -1
    if number in _OTHERS:
        return ""
    if not 0 <= number < len(AFFECTNET_ORDER):
        numbers = ", ".join(f"{n} {emotion}" for n, emotion in enumerate(AFFECTNET_ORDER))
        message = f"{NAME}: {where}: got the expression {code!r}, expected a number from 0 to 10"
        raise DataError(message, hint=f"Numbers are {numbers}.")
    return AFFECTNET_ORDER[number]
