"""Recognize the layout of a data set and load it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..errors import DataError, OptionError
from ..model.preprocess import resize
from .dataset import Dataset
from .datasets.folders import IMAGES, read_folders
from .datasets.kaggle import FERPLUS_FILE, read_kaggle, with_ferplus
from .datasets.npz import read_packed
from .datasets.parquet import read_parquet
from .manifest import read_list, with_list
from .splits import SHARES, Shares

_FILES = (".npz", ".csv", ".parquet")
#: What Kaggle's archives unpack to.
_KAGGLE = ("fer2013.csv", "icml_face_data.csv")
_ARCHIVES = (".zip", ".gz", ".tar", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_FORMS = (
    "Give fer2013.csv, a packed .npz file, parquet, or a folder with train/ in it, or with one folder an emotion, such as "
    "happy/."
)


def open_data(
    path: Path,
    size: int,
    *,
    color: str = "gray",
    listed: Path | None = None,
    find_faces: bool = False,
    votes: Path | None = None,
    shares: Shares = SHARES,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    on_damaged: Callable[[Path, str], None] | None = None,
    notes: Callable[[str], None] = lambda _text: None,
) -> Dataset:
    """Read a packed ``.npz`` file, Kaggle's ``.csv``, parquet, or a folder of class folders.

    Images of a folder or of parquet that are in no parts are divided by ``shares``, copies kept together
    (``mien.data.splits``); where there is a train part and no validation part, a tenth of train becomes one. Test
    images never stand in for them. ``notes`` is told of either.

    Args:
        path: the file or folder.
        size: side in pixels that the images shall have at most; images of a folder or of parquet are all given this
            side.
        color: ``gray``, or ``rgb`` to keep the colors of a folder's or of parquet's images.
        listed: a list (``mien.data.manifest``) of the images to use, with their emotions and parts; nothing is
            divided then.
        find_faces: cut the face out of each photo of a folder or of parquet; a photo without one counts as damaged.
        votes: FER+'s table for Kaggle's CSV file; by default ``fer2013new.csv`` beside it, if it is there.
        shares: of train, validation and test, where the images are in no parts.
        seed: of the division.
        progress: called with (images read, images in all); folders and parquet only, other files are read in one go.
        on_damaged: called with each damaged image of a folder or of parquet, and why, in place of an error.
        notes: called with what the user should know, a sentence at a time.

    Raises:
        DataError: there is nothing at ``path``, it is of no known form, or it is broken.
        OptionError: an option does not go with this form of data, or the shares are no shares.
        SourceError: an image is damaged or has no face, and ``on_damaged`` is None.
    """
    path = _inside(path, notes)
    damaged: list[Path] = []

    def note_damaged(file: Path, why: str) -> None:
        damaged.append(file)
        if on_damaged is not None:
            on_damaged(file, why)

    kind = _kind(path)
    if kind in {".csv", ".npz"}:
        faces = _read_file(path, votes, find_faces, notes)
        faces = replace(faces, images=resize(faces.images, min(size, *faces.images.shape[1:3])))
    elif votes is not None:
        raise OptionError(
            f"votes: got {votes}, but {path} is not Kaggle's CSV file: the votes belong to its rows",
            hint="Give fer2013.csv as data, or leave the votes out.",
        )
    else:
        faces = (read_parquet if kind == ".parquet" else read_folders)(
            path,
            size,
            color=color,
            find_faces=find_faces,
            shares=None if listed else shares,
            seed=seed,
            progress=progress,
            on_damaged=None if on_damaged is None else note_damaged,
            notes=notes,
        )
    if listed is None:
        return faces
    absent = frozenset(str(file.relative_to(path)) for file in damaged if file.is_relative_to(path))
    return with_list(faces, read_list(listed), absent)


def _inside(path: Path, notes: Callable[[str], None]) -> Path:
    """Kaggle's file, where ``path`` is the folder that its archive unpacks to; else ``path``."""
    found = [path / name for name in _KAGGLE if (path / name).is_file()]
    if not found:
        return path
    notes(f"{path}: reading {found[0].name} in it")
    return found[0]


def _kind(path: Path) -> str:
    """The form of the data: ``folder``, or the ending of its files."""
    if path.is_dir():
        return ".parquet" if next(path.rglob("*.parquet"), None) else "folder"
    if not path.exists():
        raise DataError(f"no data at {path}", hint=_FORMS)
    kind = path.suffix.lower()
    if kind not in _FILES:
        raise DataError(
            f"{path}: got a {path.suffix or 'nameless'} file, expected {', '.join(_FILES)}, or a folder",
            hint=_hint(kind),
        )
    if not path.stat().st_size:
        raise DataError(f"{path}: got an empty file, expected a data set", hint="Download or copy it again.")
    return kind


def _hint(kind: str) -> str:
    if kind in _ARCHIVES:
        return "Unpack it first, and give what comes out of it."
    if kind in IMAGES:
        return "This is one image: give the folder that holds the class folders, such as the one above happy/."
    return _FORMS


def _read_file(path: Path, votes: Path | None, find_faces: bool, notes: Callable[[str], None]) -> Dataset:
    if find_faces:
        raise OptionError(
            f"find_faces: {path} holds faces that are cut out already",
            hint="Leave it out; it is for folders and parquet files of whole photos.",
        )
    if path.suffix.lower() == ".npz":
        if votes is not None:
            raise OptionError(
                f"votes: got {votes}, but {path} holds its own votes", hint="Leave it out, or give fer2013.csv as data."
            )
        return read_packed(path)
    faces = read_kaggle(path)
    beside = path.with_name(FERPLUS_FILE)
    if votes is None and beside.is_file():
        notes(f"{path.name}: with the FER+ votes of {beside}")
        votes = beside
    return with_ferplus(faces, votes) if votes else faces
