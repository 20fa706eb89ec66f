"""Load a dataset of any known layout."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ..errors import DataError
from ..io.sources import is_address
from ..model.preprocess import resize
from ..progress import Progress, no_progress
from . import manifest as manifests
from .dataset import Dataset
from .datasets import affectnet, crema_d, fairface, fer2013, folders, parquet, raf_db
from .datasets.folders import IMAGE_EXTENSIONS
from .preprocessing import LoadOptions
from .records import Records, dataset_of
from .splits import SHARES, Shares

_log = logging.getLogger(__name__)


class _Layout(Protocol):
    """A module of ``mien.data.datasets``: its name, and the file that it is recognized by."""

    NAME: str
    KNOWN_BY: str

    def matches(self, path: Path) -> bool: ...


class _PlainLayout(_Layout, Protocol):
    def load(self, path: Path, options: LoadOptions) -> Dataset: ...


class _PersonLayout(_Layout, Protocol):
    def records(self, path: Path) -> Records: ...


#: Layouts that say who is in their images.
PERSON_LAYOUTS: tuple[_PersonLayout, ...] = (crema_d, raf_db, affectnet, fairface)
#: The first layout that matches is taken, those with person attributes first.
PLAIN_LAYOUTS: tuple[_PlainLayout, ...] = (manifests, fer2013, parquet, folders)

_HINT = "Give fer2013.csv, a packed .npz file, parquet, or a folder such as one with train/happy/*.png or happy/*.png."
_UNPACK = "Unpack archives first."


def load(
    path: Path | str,
    size: int = 48,
    *,
    color: str = "gray",
    manifest: Path | None = None,
    detect_faces: bool = False,
    votes: Path | None = None,
    label_names: Sequence[str] = (),
    split: bool = True,
    shares: Shares = SHARES,
    seed: int = 0,
    progress: Progress = no_progress,
    on_damaged: Callable[[Path, str], None] | None = None,
    notes: Callable[[str], None] = _log.warning,
) -> Dataset:
    """Load a dataset in any known layout (``PERSON_LAYOUTS``, ``PLAIN_LAYOUTS``).

    Data without splits is split by ``shares``, with duplicates in the same split (``mien.data.splits``). If there is a train
    split and no validation split, a tenth of train becomes the validation split.

    Args:
        path: the file or folder.
        size: maximum side of the images in pixels; image files and parquet are scaled to this side.
        color: ``gray``, or ``rgb`` to keep the colors of image files and parquet.
        manifest: the images to use, with their emotions and splits (``mien.data.manifest``), which are kept.
        detect_faces: crop the face from each photo; a photo without a face counts as damaged.
        votes: FER+'s table for Kaggle's CSV file; by default ``fer2013new.csv`` in the same folder, if it exists.
        label_names: emotions of the label numbers, from the lowest, if the data does not define them: class folders ``0``
            to ``7``, or integers in CSV or parquet.
        split: split data without splits; False leaves it ``undivided``.
        shares: shares of train, validation and test, 0 to 1, with a sum of 1.
        seed: random seed of the split.
        progress: called with (images read, images in total), for image files and parquet only.
        on_damaged: called with each damaged image and the reason, instead of an error.
        notes: called with remarks, such as what label numbers are taken for; by default they are logged as warnings.

    Raises:
        DataError: ``path`` does not exist, its layout is unknown, or it is damaged.
        OptionError: an option does not apply to this layout, or the shares are invalid.
        SourceError: an image is damaged or has no face, and ``on_damaged`` is None.
    """
    path = Path(path).expanduser()
    damaged: list[Path] = []

    def note_damaged(file: Path, why: str) -> None:
        damaged.append(file)
        if on_damaged is not None:
            on_damaged(file, why)

    wants_split, skip = split and manifest is None, None if on_damaged is None else note_damaged
    options = LoadOptions(
        size, color, detect_faces, votes, tuple(label_names), wants_split, shares, seed, progress, skip, notes
    )
    records = records_of(path)
    faces = dataset_of(records, options) if records else _layout_of(path).load(path, options)
    side = min(size, *faces.images.shape[1:3])
    if faces.images.shape[1:3] != (side, side):
        faces = replace(faces, images=resize(faces.images, side))
    if manifest is None:
        return faces
    absent = frozenset(str(file.relative_to(path)) for file in damaged if file.is_relative_to(path))
    return manifests.apply_manifest(faces, manifests.read_manifest(manifest), absent)


def check_exists(path: Path) -> None:
    """Raise a ``DataError`` where there is nothing at ``path``."""
    if not path.exists():
        hint = "mien does not use the network: download the data first." if is_address(path) else _HINT
        raise DataError(f"no data at {path}", hint=hint)


def _layout_of(path: Path) -> _PlainLayout:
    """The layout of the data at ``path``, which is none of ``PERSON_LAYOUTS``."""
    check_exists(path)
    if path.is_file() and not path.stat().st_size:
        raise DataError(f"{path}: got an empty file, expected a dataset", hint="Download or copy it again.")
    for layout in PLAIN_LAYOUTS:
        if layout.matches(path):
            return layout
    is_image = path.suffix.lower() in IMAGE_EXTENSIONS
    what = f"{path}: got a {path.suffix or 'nameless'} file, expected .npz, .csv, .parquet, or a folder"
    raise DataError(what, hint="Give the folder that holds the class folders." if is_image else f"{_HINT} {_UNPACK}")


def records_of(path: Path) -> Records | None:
    """The images of a dataset with person attributes, not decoded; None for every other path."""
    found = next((layout for layout in PERSON_LAYOUTS if layout.matches(path)), None)
    return found.records(path) if found else None
