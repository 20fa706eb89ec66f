"""Open a data set of faces, in whichever form it comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ...crop.prepare import resize
from ...errors import DataError
from .faces import FaceSet
from .folders import read_folders
from .kaggle import read_kaggle
from .packed import read_packed


def open_data(
    path: Path,
    size: int,
    *,
    colour: str = "gray",
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    on_damaged: Callable[[Path, str], None] | None = None,
) -> FaceSet:
    """Read a packed ``.npz`` file, Kaggle's ``.csv``, or a folder of class folders.

    Args:
        path: the file or folder.
        size: side in pixels that the pictures shall have at most; pictures of a folder are all given this side.
        colour: ``gray``, or ``rgb`` to keep the colours of a folder's pictures.
        progress: called with (pictures read, pictures in all); folders only, for files are read in one go.
        on_damaged: called with each damaged picture of a folder, and why, in place of an error.

    Raises:
        DataError: there is nothing at ``path``, it is of no known form, or it is broken.
        SourceError: a picture of a folder is damaged and ``on_damaged`` is None.
    """
    if path.is_dir():
        return read_folders(path, size, colour=colour, progress=progress, on_damaged=on_damaged)
    if not path.exists():
        raise DataError(
            f"no data at {path}", hint="Give fer2013.csv, a packed .npz file, or a folder with train/ in it."
        )
    readers = {".npz": read_packed, ".csv": read_kaggle}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{path}: got a {path.suffix or 'nameless'} file, expected {' or '.join(readers)}, or a folder",
            hint="Unpack archives first; a folder must hold train/, validation/ or test/ with one folder an emotion.",
        )
    faces = reader(path)
    return replace(faces, images=resize(faces.images, min(size, *faces.images.shape[1:3])))
