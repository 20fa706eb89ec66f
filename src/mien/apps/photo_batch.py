"""Many photos in a row: what was read, what could not be, and one table of it all."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..emotions import label_set as emotions_of
from ..errors import SourceError
from ..io.rows import Row, columns
from ..io.tables import write_table
from .photo_marks import marked, saved
from .photo_reading import Photo, Readers
from .words import trouble

#: Longest side of the images in the gallery, in pixels.
_LONGEST = 1200


@dataclass(frozen=True, eq=False)
class Batch:
    """What became of many photos.

    Attributes:
        photos: those that were read; their pixels are let go of, so that a thousand fit in memory.
        images: the marked copy of each; none where no image may be seen.
        failures: name of each photo that could not be read, and why.
        table: a CSV file with one row a face (``sinks.rows``); None where nothing was read.
    """

    photos: tuple[Photo, ...]
    images: tuple[Path, ...]
    failures: tuple[tuple[str, str], ...]
    table: Path | None


def read_batch(
    readers: Readers,
    paths: Sequence[str],
    label_set: str,
    min_confidence: float,
    folder: Path,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Batch:
    """Read photos one by one; one that cannot be read stops nothing.

    Args:
        readers: what reads.
        paths: the photos; of those with the same file name, the later ones get a number.
        label_set: one of ``readers.choices``.
        min_confidence: a reading is unsure when its confidence is lower, 0 to 1.
        folder: where the marked copies and the table go.
        progress: called with (photos done, photos in all).

    Raises:
        OptionError: the label set or the limit cannot be meant.
        OutputError: the table cannot be written.
    """
    photos: list[Photo] = []
    images: list[Path] = []
    failures: list[tuple[str, str]] = []
    rows: list[Row] = []
    for done, (path, name) in enumerate(zip(paths, _names(paths)), start=1):
        try:
            photo = readers.read(path, label_set, min_confidence)
        except SourceError as error:
            failures.append((name, trouble(error, path)))
        else:
            photo = replace(photo, frame=replace(photo.frame, name=name))
            if photo.shown:
                images.append(saved(marked(photo, _LONGEST), folder, Path(name).stem))
            rows += photo.rows()
            photos.append(photo.forgotten())
        progress(done, len(paths))
    table = None
    if photos:
        folder.mkdir(parents=True, exist_ok=True)
        table = Path(tempfile.mkdtemp(dir=folder)) / "faces.csv"
        write_table(table, columns(emotions_of(label_set)), rows)
    return Batch(tuple(photos), tuple(images), tuple(failures), table)


def summary(batch: Batch) -> str:
    """One line: how many images and faces, and what they show."""
    found = [reading for photo in batch.photos for reading in photo.readings]
    counts = Counter("unsure" if one.abstained else one.emotion for one in found).most_common()
    said = ", ".join(f"{emotion} {count}" for emotion, count in counts)
    images = f"{len(batch.photos)} {'image' if len(batch.photos) == 1 else 'images'}"
    faces = f"{len(found)} {'face' if len(found) == 1 else 'faces'}"
    return f"{images}, {faces}{f': {said}' if said else ''}."


def _names(paths: Sequence[str]) -> list[str]:
    seen: Counter[str] = Counter()
    names = []
    for path in map(Path, paths):
        seen[path.name] += 1
        again = f" ({seen[path.name]})" if seen[path.name] > 1 else ""
        names.append(f"{path.stem}{again}{path.suffix}")
    return names
