"""Images in folders: one folder for each emotion, in one folder for each part of the data or in none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ...errors import DataError, SourceError
from ..dataset import UNDIVIDED, Dataset
from ..names import PARTS, emotion_number, is_emotion
from ..preprocessing import Squares
from ..splits import Shares

IMAGES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".pgm", ".ppm"))

_LAYOUT = (
    "Lay the images out as train/happy/*.png, train/sad/*.png, ..., and the same under validation/ and test/; or as "
    "happy/*.png, sad/*.png, ..., to have them divided."
)


def read_folders(
    path: Path,
    size: int,
    *,
    color: str = "gray",
    find_faces: bool = False,
    shares: Shares | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    on_damaged: Callable[[Path, str], None] | None = None,
    notes: Callable[[str], None] = lambda _text: None,
) -> Dataset:
    """Read images laid out as ``train/happy/1.png``, or as ``happy/1.png``, as squares.

    The parts may be called train or training, validation, val, valid or dev, and test or testing, in any case, and may lie
    one or more folders deeper (``images/train``). Parts keep the names found: a ``test`` folder never stands in for a
    missing ``validation`` one. Without such folders the images are ``undivided``. Class folders go by any alias that
    ``mien.emotions.parse`` knows. Of parts, an empty class folder is told to ``notes``: what has no training image
    cannot be learned; where the images are still to be divided, it is an error. Files that are no images, and hidden
    files, are passed over. ``Squares`` says how images are cut.

    Args:
        path: the folder.
        size: side of the resulting images in pixels; what is larger is scaled, averaging what is lost.
        color: ``gray`` or ``rgb``.
        find_faces: cut each photo's face out of it; a photo without one counts as damaged.
        shares: of train, validation and test, to divide by where parts are missing (``Squares.faces``); None does not.
        seed: of the division.
        progress: called with (images read, images in all).
        on_damaged: called with each image that cannot be decoded, and why; it is then left out. None makes the first
            one an error, so that no image goes missing unnoticed.
        notes: called with what the user should know, a sentence at a time.

    Raises:
        DataError: there are no such folders or no images, a class folder's name is no emotion, or an emotion has too few
            images to be divided.
        SourceError: an image cannot be decoded, or has no face, and ``on_damaged`` is None.
    """
    files = list(_files(path, notes))
    if not files:
        raise DataError(f"{path}: the class folders hold no images", hint=_LAYOUT)
    squares = Squares(size, color, find_faces)
    for done, (file, part, label) in enumerate(files, start=1):
        try:
            squares.add(file, file.relative_to(path).as_posix(), label, part)
        except SourceError as error:
            if on_damaged is None:
                raise
            on_damaged(file, str(error))
        progress(done, len(files))
    if not len(squares):
        wrong = "shows a face" if find_faces else "can be decoded"
        raise DataError(f"{path}: none of the {len(files)} images {wrong}", hint="Unpack the archive again.")
    return squares.faces(path.resolve().name, shares, seed, notes)


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
    return file.suffix.lower() in IMAGES and not file.name.startswith(".")


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
