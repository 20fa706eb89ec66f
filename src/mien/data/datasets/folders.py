"""Images in folders: one folder for each emotion, in one folder for each split or in none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ...emotions import RAF_DB_ORDER
from ...errors import DataError
from ..dataset import UNDIVIDED, Dataset
from ..preprocessing import LoadOptions, Sample, collect, refuse_options
from ..records import emotion_number, is_emotion, label_number, label_order, part_named

NAME, KNOWN_BY = "class folders", "train/happy/*.png or happy/*.png"
IMAGE_EXTENSIONS = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".pgm", ".ppm"))
#: Names of RAF-DB's images, as Kaggle has them in folders 1 to 7.
_RAF_DB = re.compile(r"(train|test)_\d+(_aligned)?\.\w+$")
_HINT = (
    "Use train/happy/*.png, train/sad/*.png, ..., and the same under validation/ and test/; or happy/*.png, sad/*.png, "
    "..., to have them split."
)


def matches(path: Path) -> bool:
    """Whether this is a folder."""
    return path.is_dir()


def load(path: Path, options: LoadOptions) -> Dataset:
    """Load images laid out as ``train/happy/1.png``, or as ``happy/1.png``.

    Splits may be called train or training, validation, val, valid or dev, and test or testing, in any case, also
    ``val_set`` and ``val_class``, and may lie deeper (``images/train``). Without such folders the images are
    ``undivided``. Class folders go by any alias that ``mien.emotions.parse`` knows (also ``0_neutral``), or are numbers
    (also ``class000``): those of RAF-DB are recognized by the names of its images, others need ``label_names``. An empty
    class folder is noted; where images are still to be split, it is an error. Other files and hidden files are skipped.
    """
    refuse_options(path, options, "votes")
    files = list(_files(path, options))
    if not files:
        raise DataError(f"{path}: the class folders hold no images", hint=_HINT)
    samples = (Sample(file, file.relative_to(path).as_posix(), label, part, file) for file, part, label in files)
    return collect(samples, len(files), path, options)


def _files(path: Path, options: LoadOptions) -> Iterator[tuple[Path, str, int]]:
    """Each image with its split and label, in an order that does not depend on the file system."""
    classes = [
        (each, part, [file for file in sorted(each.rglob("[!.]*")) if file.suffix.lower() in IMAGE_EXTENSIONS])
        for folder, part in _parts(path)
        for each in _subfolders(folder)
    ]
    found = {each: number for each, _, _ in classes if (number := label_number(each.name)) is not None}
    if classes and len(found) == len(classes):
        numbers = _numbers(path, classes, set(found.values()), options)
        labels = {each: numbers[number] for each, number in found.items()}
    else:
        refuse_options(path, options, "label_names")
        labels = {each: emotion_number(each.name, str(each), "the folder's name") for each, _, _ in classes}
    for each, part, files in classes:
        if not files and part == UNDIVIDED and any(others for _, _, others in classes):
            message = f"{each} holds no images: got 0, expected at least one each for train, validation and test"
            raise DataError(message, hint="Put images into it, or take the folder away.")
        if not files:
            options.notes(f"{each} holds no images")
        yield from ((file, part, labels[each]) for file in files)


def _numbers(
    path: Path, classes: list[tuple[Path, str, list[Path]]], numbers: set[int], options: LoadOptions
) -> dict[int, int]:
    """Emotions of numbered class folders: RAF-DB's order if they have its images, else ``label_names``."""
    files = [file.name for _, _, found in classes for file in found]
    is_raf_db = numbers == set(range(1, 8)) and all(_RAF_DB.match(name) for name in files)
    if is_raf_db and not options.label_names:
        meaning = ", ".join(f"{number} {name}" for number, name in enumerate(RAF_DB_ORDER, 1))
        options.notes(f"{path}: taken for RAF-DB by the names of its images: {meaning}")
        return label_order(RAF_DB_ORDER, numbers, str(path))
    return label_order(options.label_names, numbers, str(path))


def _parts(path: Path) -> list[tuple[Path, str]]:
    """The folders of splits, and which they are."""
    inside = _subfolders(path)
    parts = [(folder, part) for folder in inside if (part := part_named(folder.name))]
    if parts:
        return parts
    if any(label_number(folder.name) is not None or is_emotion(folder.name) for folder in inside):
        return [(path, UNDIVIDED)]
    if len(inside) == 1:
        return _parts(inside[0])
    names = ", ".join(folder.name for folder in inside[:8]) or "no folders"
    message = f"{path}: got {names}, expected a folder 'train', 'validation' or 'test', or folders named after emotions"
    raise DataError(message, hint=_HINT)


def _subfolders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith((".", "__")))
