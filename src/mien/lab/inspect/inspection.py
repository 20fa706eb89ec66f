"""A data set looked through: all that was measured of it, in one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...data.dataset import Dataset
from ...errors import DataError
from .copies import Copies, find_copies
from .detected import FaceCheck, look_for_faces
from .files import FileFacts, read_headers
from .labels import LabelCheck, check_labels
from .quality import Quality, measure

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Damaged:
    """A file that could not be decoded.

    Attributes:
        name: the file.
        why: what is wrong with it.
        empty: it holds no bytes at all.
    """

    name: str
    why: str
    empty: bool


@dataclass(frozen=True)
class Inspection:
    """What was found in a data set.

    Attributes:
        faces: the N images that could be decoded.
        side: the side in pixels that images were asked for at.
        damaged: files that could not be decoded.
        quality: brightness, contrast and sharpness.
        copies: exact and near copies.
        files: sizes and modes of the files; None where the images have none of their own.
        labels: probable label errors; None where there are too few images to say.
        detection: images without a face; None where that was not asked for.
    """

    faces: Dataset
    side: int
    damaged: tuple[Damaged, ...]
    quality: Quality
    copies: Copies
    files: FileFacts | None
    labels: LabelCheck | None
    detection: FaceCheck | None


def look_through(
    faces: Dataset,
    *,
    side: int,
    folder: Path,
    damaged: tuple[Damaged, ...] = (),
    detect_faces: bool = False,
    tell: Tell = lambda _step, _done, _total: None,
) -> Inspection:
    """Look a data set through.

    Args:
        faces: the images.
        side: the side in pixels that they were opened at.
        folder: what their names are relative to, where they are files.
        damaged: files that could not be decoded.
        detect_faces: run the face detector, on a sample where there are many images.
        tell: called with (what is under way, steps done, steps in all; 0 in all where that is unknown).

    Raises:
        DataError: there are no images.
        ModelError: the face detector's weights are missing or damaged.
    """
    if not len(faces):
        raise DataError(f"{faces.name}: got no images, expected at least one", hint="Check what --data points to.")

    def step(words: str) -> Callable[[int, int], None]:
        return lambda done, total: tell(words, done, total)

    quality = measure(faces.images, step("light and sharpness"))
    files = read_headers(faces, folder, step("headers of files"))
    tell("copies", 0, 0)
    copies = find_copies(faces, quality.blank)
    detection = look_for_faces(faces, tell=step("faces")) if detect_faces else None
    return Inspection(
        faces=faces,
        side=side,
        damaged=damaged,
        quality=quality,
        copies=copies,
        files=files,
        labels=_labels(faces, quality, copies, step("labels")),
        detection=detection,
    )


def _labels(faces: Dataset, quality: Quality, copies: Copies, tell: Callable[[int, int], None]) -> LabelCheck | None:
    """The check of the labels, with blank images, which no label fits, kept out of it."""
    seen = np.flatnonzero(~quality.blank)
    check = check_labels(faces.take(seen), copies.near[seen], tell) if len(seen) else None
    if check is None or len(seen) == len(faces):
        return check
    guess, margin = faces.labels.copy(), np.zeros(len(faces), np.float32)
    guess[seen], margin[seen] = check.guess, check.margin
    return LabelCheck(guess, margin, check.accuracy, check.agreement)
