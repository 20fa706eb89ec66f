"""Pictures in folders: one folder for each part of the data, and in it one folder for each emotion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...crop.align import cut
from ...emotions import EMOTIONS, parse
from ...errors import DataError, OptionError, SourceError
from ...sources.still import read_still
from ...values.face import Box, Face
from .faces import TEST, TRAIN, VALIDATION, FaceSet

#: Folder names, in lower case, that people give the parts of a data set.
PARTS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("validation", "val", "valid", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing"), TEST),
}
PICTURES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".pgm", ".ppm"))

_LAYOUT = "Lay the pictures out as train/happy/*.png, train/sad/*.png, ..., and the same under validation/ and test/."


def read_folders(
    path: Path,
    size: int,
    *,
    colour: str = "gray",
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    on_damaged: Callable[[Path, str], None] | None = None,
) -> FaceSet:
    """Read pictures laid out as ``train/happy/1.png``, each showing one face, as squares.

    The parts may be called train or training, validation, val, valid or dev, and test or testing, in any case, and may lie
    one or more folders deeper (``images/train``). Parts keep the names found: a ``test`` folder never stands in for a
    missing ``validation`` one, which ``mien lab train`` needs. Class folders go by any alias that ``mien.emotions.parse``
    knows; a class without pictures is simply absent. Files that are no pictures, and hidden files, are passed over.
    Pictures are decoded and cut just as the reader does with a picture that is all face (``whole``), so that a network
    learns from what it will read: of an oblong one, a square of the same area around its centre, the border repeated.

    Args:
        path: the folder.
        size: side of the resulting pictures in pixels; what is larger is scaled, averaging what is lost.
        colour: ``gray`` or ``rgb``.
        progress: called with (pictures read, pictures in all).
        on_damaged: called with each picture that cannot be decoded, and why; it is then left out. None makes the first
            one an error, so that no picture goes missing unnoticed.

    Raises:
        DataError: there are no such folders or no pictures, or a class folder's name is no emotion.
        SourceError: a picture cannot be decoded and ``on_damaged`` is None.
    """
    files = list(_files(path))
    if not files:
        raise DataError(f"{path}: the class folders hold no pictures", hint=_LAYOUT)
    images: list[npt.NDArray[np.uint8]] = []
    kept: list[tuple[str, int, str]] = []
    for done, (file, part, label) in enumerate(files, start=1):
        try:
            images.append(_square(file, size, colour))
            kept.append((part, label, str(file.relative_to(path))))
        except SourceError as error:
            if on_damaged is None:
                raise
            on_damaged(file, str(error))
        progress(done, len(files))
    if not images:
        raise DataError(f"{path}: none of the {len(files)} pictures can be decoded", hint="Unpack the archive again.")
    return FaceSet(
        name=path.resolve().name,
        images=np.stack(images),
        labels=np.array([label for _, label, _ in kept], np.int64),
        split=np.array([part for part, _, _ in kept]),
        names=np.array([name for _, _, name in kept]),
    )


def _files(path: Path) -> Iterator[tuple[Path, str, int]]:
    """Each picture with its part and label, in an order that does not depend on the file system."""
    for folder, part in _parts(path):
        for class_folder in _subfolders(folder):
            try:
                label = EMOTIONS.index(parse(class_folder.name))
            except OptionError as error:
                raise DataError(
                    f"{class_folder}: the folder's name is no emotion: got {class_folder.name!r}, expected one of "
                    f"{', '.join(EMOTIONS)} or an alias such as 'Anger' or 'Freude'",
                    hint="Rename the folder, or move it away.",
                ) from error
            for file in sorted(class_folder.rglob("*")):
                if file.suffix.lower() in PICTURES and not file.name.startswith("."):
                    yield file, part, label


def _parts(path: Path) -> list[tuple[Path, str]]:
    inside = _subfolders(path)
    parts = [(folder, PARTS[folder.name.lower()]) for folder in inside if folder.name.lower() in PARTS]
    if parts:
        return parts
    if len(inside) == 1:
        return _parts(inside[0])
    names = ", ".join(folder.name for folder in inside[:8]) or "no folders"
    raise DataError(f"{path}: got {names}, expected a folder 'train', 'validation' or 'test'", hint=_LAYOUT)


def _subfolders(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith((".", "__")))


def _square(file: Path, size: int, colour: str) -> npt.NDArray[np.uint8]:
    frame = read_still(file)
    return cut(frame, Face(Box(0, 0, frame.width, frame.height)), size, colour)
