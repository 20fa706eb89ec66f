"""Images in folders: one folder for each emotion, in one folder for each part of the data or in none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ...errors import DataError
from ..dataset import UNDIVIDED, Dataset
from ..names import PARTS, emotion_number, is_emotion
from ..preprocessing import LoadOptions, Sample, collect, refuse_options

IMAGE_EXTENSIONS = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".pgm", ".ppm"))

_LAYOUT = (
    "Lay the images out as train/happy/*.png, train/sad/*.png, ..., and the same under validation/ and test/; or as "
    "happy/*.png, sad/*.png, ..., to have them divided."
)


NAME, KNOWN_BY = "class folders", "train/happy/*.png or happy/*.png"


def matches(path: Path) -> bool:
    """Whether this is a folder."""
    return path.is_dir()


def load(path: Path, options: LoadOptions) -> Dataset:
    """Load images laid out as ``train/happy/1.png``, or as ``happy/1.png``.

    The splits may be called train or training, validation, val, valid or dev, and test or testing, in any case, and may
    lie one or more folders deeper (``images/train``). A ``test`` folder never stands in for a missing ``validation``
    one. Without such folders the images are ``undivided``. Class folders go by any alias that ``mien.emotions.parse``
    knows. An empty class folder is told to ``options.notes``; where images are still to be split, it is an error. Other
    files and hidden files are skipped.

    Raises:
        DataError: there are no such folders or no images, a class folder's name is no emotion, or an emotion has too few
            images to be split.
        SourceError: an image cannot be decoded, or has no face, and ``options.on_damaged`` is None.
    """
    refuse_options(path, options, "votes")
    files = list(_files(path, options.notes))
    if not files:
        raise DataError(f"{path}: the class folders hold no images", hint=_LAYOUT)
    samples = (Sample(file, file.relative_to(path).as_posix(), label, part, file) for file, part, label in files)
    return collect(samples, len(files), path, options)


def _files(path: Path, notes: Callable[[str], None]) -> Iterator[tuple[Path, str, int]]:
    """Each image with its part and label, in an order that does not depend on the file system."""
    for folder, part in _parts(path):
        empty = []
        for class_folder in _subfolders(folder):
            label = emotion_number(class_folder.name, str(class_folder), "the folder's name")
            found = [file for file in sorted(class_folder.rglob("*")) if _is_image(file)]
            if not found:
                empty.append(class_folder)
            for file in found:
                yield file, part, label
        for class_folder in empty:
            told = f"{class_folder} holds no images"
            if part == UNDIVIDED and len(empty) < len(_subfolders(folder)):
                raise DataError(
                    f"{told}: got 0, expected at least one each for train, validation and test",
                    hint="Put images into it, or take the folder away.",
                )
            notes(told)


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in IMAGE_EXTENSIONS and not file.name.startswith(".")


def _parts(path: Path) -> list[tuple[Path, str]]:
    inside = _subfolders(path)
    parts = [(folder, PARTS[folder.name.lower()]) for folder in inside if folder.name.lower() in PARTS]
    if parts:
        return parts
    if any(is_emotion(folder.name) for folder in inside):
        return [(path, UNDIVIDED)]
    if len(inside) == 1:
        return _parts(inside[0])
    names = ", ".join(folder.name for folder in inside[:8]) or "no folders"
    raise DataError(
        f"{path}: got {names}, expected a folder 'train', 'validation' or 'test', or folders named after emotions",
        hint=_LAYOUT,
    )


def _subfolders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith((".", "__")))
