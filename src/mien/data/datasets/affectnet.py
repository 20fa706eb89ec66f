"""AffectNet: some 440,000 faces from the web, annotated by hand with one of eight emotions, or as showing none.

Mollahosseini, Hasani and Mahoor (2017), "AffectNet: A Database for Facial Expression, Valence, and Arousal Computing in the
Wild". Professors and lab managers ask for it at mohammadmahoor.com/affectnet and sign a license agreement. It tells
nothing of who is in the images: add columns of your own to its tables. Two forms are about::

    Manually_Annotated_file_lists/validation.csv    subDirectory_filePath,face_x,...,expression,valence,arousal
    Manually_Annotated_Images/1/0a1b.jpg            as the first column says

    val_set/images/0.jpg                            the newer one: faces, 224 x 224 pixels
    val_set/annotations/0_exp.npy                   its emotion, one number
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...emotions import AFFECTNET_ORDER
from ...errors import DataError
from ..dataset import Dataset
from ..preprocessing import LoadOptions
from ..records import EMOTION, PATH, Records, dataset_of, headed, missing_part, read_columns

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


def load(path: Path, options: LoadOptions) -> Dataset:
    """Load the labeled images; see ``records``."""
    return dataset_of(records(path), options)


def records(path: Path) -> Records:
    """All faces with an emotion; codes 8 to 10, which are none, are left out.

    There are no groups but the columns that you add to its CSV files. ``part`` is the name of the file, or of the folder.

    Raises:
        DataError: labels or images are missing, or a code is none of AffectNet's.
    """
    if tables := _tables(path):
        return _of_tables(path, tables)
    sets = _sets(path)
    columns: dict[str, list[str]] = {PATH: [], EMOTION: [], "part": []}
    left_out = 0
    for folder in sets:
        for label in sorted((folder / "annotations").glob("*_exp.npy"), key=lambda one: (len(one.name), one.name)):
            emotion = _emotion(_stored(label), str(label))
            left_out += not emotion
            if emotion:
                image = folder / "images" / f"{label.name.removesuffix('_exp.npy')}.jpg"
                columns[PATH].append(str(image.relative_to(path)))
                columns[EMOTION].append(emotion)
                columns["part"].append(folder.resolve().name)
    _check(columns, path)
    return Records(NAME, path, columns, (), notes=_notes(left_out))


def _tables(path: Path) -> list[Path]:
    """The files of labels of the older form."""
    near = [path] if path.is_file() else [*sorted(path.glob("*.csv")), *sorted((path / _LISTS).glob("*.csv"))]
    return [one for one in near if headed(one, (_FILE, _CODE))]


def _sets(path: Path) -> list[Path]:
    """The folders of the newer form."""
    return [
        one
        for one in (path, path / "train_set", path / "val_set")
        if (one / "annotations").is_dir() and any((one / "annotations").glob("*_exp.npy"))
    ]


def _of_tables(path: Path, tables: list[Path]) -> Records:
    columns: dict[str, list[str]] = {}
    left_out = 0
    folder: Path | None = None
    for file in tables:
        table = read_columns(file)
        emotions = [_emotion(code, f"{file}, row {row}") for row, code in enumerate(table[_CODE], 1)]
        kept = [row for row, emotion in enumerate(emotions) if emotion]
        left_out += len(emotions) - len(kept)
        own = {name: cells for name, cells in table.items() if name not in _OWN}
        made: dict[str, Sequence[str]] = {
            PATH: table[_FILE],
            EMOTION: emotions,
            "part": [file.stem] * len(emotions),
            **own,
        }
        folder = folder or _folder(path if path.is_dir() else path.parent, made[PATH][0])
        before = len(columns.get(PATH, ()))
        for name in dict.fromkeys([*columns, *made]):
            cells = columns.setdefault(name, [""] * before)
            cells += [made[name][row] if name in made else "" for row in kept]
    root = folder or path
    _check(columns, root)
    extra = tuple(name for name in columns if name not in (PATH, EMOTION, "part"))
    return Records(NAME, root, columns, extra, notes=_notes(left_out))


def _folder(near: Path, image: str) -> Path:
    """Where the images of the older form are."""
    places = [base / name for base in (near, near.parent) for name in ("", *_IMAGES)]
    places += [place / _IMAGES[0] for place in places if place.name == _IMAGES[1]]
    found = next((place for place in places if (place / image).is_file()), None)
    if found is None:
        raise missing_part(
            NAME,
            f"{image} is nowhere near {near}",
            f"it in {_IMAGES[0]}, beside {_LISTS}",
            "Unpack the images there.",
        )
    return found


def _stored(path: Path) -> str:
    try:
        return str(np.load(path, allow_pickle=False).reshape(-1)[0])
    except (OSError, ValueError, IndexError) as error:
        raise DataError(f"{NAME}: {path} holds no number: {error}", hint="Unpack the annotations anew.") from error


def _emotion(code: str, where: str) -> str:
    """The emotion of a code; empty for those that are none."""
    number = int(code) if code.isdigit() else -1
    if number in _OTHERS:
        return ""
    if not 0 <= number < len(AFFECTNET_ORDER):
        raise DataError(
            f"{NAME}: {where}: got the expression {code!r}, expected a number from 0 to 10",
            hint="Write 0 neutral, 1 happy, 2 sad, 3 surprise, 4 fear, 5 disgust, 6 angry, 7 contempt, as AffectNet does.",
        )
    return AFFECTNET_ORDER[number]


def _check(columns: dict[str, list[str]], folder: Path) -> None:
    if not columns.get(PATH):
        raise DataError(f"{NAME}: no image has an emotion, expected codes 0 to 7", hint="Check the files of labels.")
    first = folder / columns[PATH][0]
    if not first.is_file():
        raise missing_part(NAME, f"{first} is not there", "an image for each label", "Unpack the images too.")


def _notes(left_out: int) -> tuple[str, ...]:
    return (f"{left_out:,} images are left out: none, uncertain, or no face.",) if left_out else ()
