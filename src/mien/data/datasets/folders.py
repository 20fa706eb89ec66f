"""Images in folders: one folder for each emotion, in one folder for each split or in none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ...emotions import BY_NAME
from ...errors import DataError
from ..dataset import UNDIVIDED, Dataset
from ..preprocessing import LoadOptions, Sample, collect, refuse_options
from ..records import PARTS, emotion_number

NAME, KNOWN_BY = "class folders", "train/happy/*.png or happy/*.png"
IMAGE_EXTENSIONS = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".pgm", ".ppm"))
_HINT = (
    "Use train/happy/*.png, train/sad/*.png, ..., and the same under validation/ and test/; or happy/*.png, sad/*.png, "
    "..., to have them split."
)


def matches(path: Path) -> bool:
    """Whether this is a folder."""
    return path.is_dir()


def load(path: Path, options: LoadOptions) -> Dataset:
    """Load images laid out as ``train/happy/1.png``, or as ``happy/1.png``.

    Splits may be called train or training, validation, val, valid or dev, and test or testing, in any case, and may lie
    deeper (``images/train``). Without such folders the images are ``undivided``. Class folders go by any alias that
    ``mien.emotions.parse`` knows. An empty class folder is noted; where images are still to be split, it is an error.
    Other files and hidden files are skipped.
    """
    refuse_options(path, options, "votes")
    files = list(_files(path, options.notes))
    if not files:
        raise DataError(f"{path}: the class folders hold no images", hint=_HINT)
    samples = (Sample(file, file.relative_to(path).as_posix(), label, part, file) for file, part, label in files)
    return collect(samples, len(files), path, options)


def _files(path: Path, notes: Callable[[str], None]) -> Iterator[tuple[Path, str, int]]:
    """Each image with its split and label, in an order that does not depend on the file system."""
    for folder, part in _parts(path):
        images = {
            each: [file for file in sorted(each.rglob("[!.]*")) if file.suffix.lower() in IMAGE_EXTENSIONS]
            for each in _subfolders(folder)
        }
        labels = {each: emotion_number(each.name, str(each), "the folder's name") for each in images}
        for each, files in images.items():
            if not files and part == UNDIVIDED and any(images.values()):
                message = f"{each} holds no images: got 0, expected at least one each for train, validation and test"
                raise DataError(message, hint="Put images into it, or take the folder away.")
            if not files:
                notes(f"{each} holds no images")
            for file in files:
                yield file, part, labels[each]


def _parts(path: Path) -> list[tuple[Path, str]]:
    """The folders of splits, and which they are."""
    inside = _subfolders(path)
    parts = [(folder, PARTS[folder.name.lower()]) for folder in inside if folder.name.lower() in PARTS]
    if parts:
        return parts
    if any(folder.name.strip().lower() in BY_NAME for folder in inside):
        return [(path, UNDIVIDED)]
    if len(inside) == 1:
        return _parts(inside[0])
    names = ", ".join(folder.name for folder in inside[:8]) or "no folders"
    message = f"{path}: got {names}, expected a folder 'train', 'validation' or 'test', or folders named after emotions"
    raise DataError(message, hint=_HINT)


def _subfolders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith((".", "__")))
