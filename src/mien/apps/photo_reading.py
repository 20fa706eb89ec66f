"""Read photos for the photo app: one, or many into one table, with their annotated copies."""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ..drawing import COLORS, annotate, encoded, ink_on
from ..emotions import LABEL_SETS
from ..errors import OptionError, SourceError
from ..io.images import read_image
from ..io.tables import Row, columns, rows, write_table
from ..io.video_sinks import NO_IMAGE
from ..options import ReadOptions
from ..progress import Progress, no_progress
from ..reader import Reader
from ..redaction import PhotoMasker, Privacy, masking_options
from ..report import count
from ..types import Frame, Reading
from .words import trouble

#: Larger images are refused: any visitor can send any file, and an image takes 8 bytes a pixel.
MAX_MEGAPIXELS = 100.0
#: Longest side of an image on the page, and in the gallery, in pixels: enough to zoom in, quick to send.
LONGEST, GALLERY_LONGEST = 2000, 1200


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo that was read; ``frame.name`` is its file name. Unless it may be ``shown``, ``frame`` is one black pixel."""

    frame: Frame
    readings: tuple[Reading, ...]
    emotions: tuple[str, ...]
    shown: bool = True

    def without_pixels(self) -> Photo:
        """The same photo without its pixels, which take room and can be seen."""
        return replace(self, frame=replace(self.frame, image=NO_IMAGE))

    def with_min_confidence(self, min_confidence: float) -> Photo:
        """The same photo with another limit below which readings abstain, 0 to 1."""
        return replace(self, readings=tuple(replace(one, min_confidence=min_confidence) for one in self.readings))

    def rows(self) -> list[Row]:
        """One row per face (``io.tables``)."""
        return rows(self.frame, self.readings, self.emotions)


class Readers:
    """A ``Reader`` for each label set, made when first asked for; all share one face detector. For any thread.

    ``choices`` are the label sets that the model can tell apart, the largest first; ``first`` is the one to begin with.
    """

    def __init__(self, model: str = "default", first: str | None = None, privacy: Privacy | None = None) -> None:
        self.privacy = privacy or Privacy()
        options = ReadOptions(model=model, max_megapixels=MAX_MEGAPIXELS)
        self._masker = PhotoMasker(options) if self.privacy.mask_others else None
        self._options = masking_options(options) if self.privacy.mask_others else options
        whole = Reader(self._options)
        self._detector = whole.detector
        able = [name for name, emotions in LABEL_SETS.items() if set(emotions) <= set(whole.emotions)]
        self.choices = tuple(sorted(able, key=lambda name: -len(LABEL_SETS[name])))
        self.sha256 = whole.card.sha256
        self._readers = {name: whole for name in able if LABEL_SETS[name] == whole.emotions}
        self._lock = threading.Lock()
        self.first = self.choices[0] if first is None else first
        self._reader(self.first)

    def read(self, path: str | Path, label_set: str, min_confidence: float = 0.5) -> Photo:
        """Read the photo at ``path`` with one of ``choices``; ``min_confidence`` from 0 to 1."""
        if not 0 <= min_confidence <= 1:
            raise OptionError(f"min_confidence: got {min_confidence}, expected 0 to 1")
        frame = replace(read_image(path, max_megapixels=MAX_MEGAPIXELS), name=Path(path).name)
        reader = self._reader(label_set)
        readings: Sequence[Reading] = next(reader.read_frames([frame]))[1]
        if self._masker:
            frame, readings = self._masker.mask(frame, readings)
        shown = not self.privacy.no_image_output
        photo = Photo(frame, tuple(readings), reader.emotions, shown).with_min_confidence(min_confidence)
        return photo if shown else photo.without_pixels()

    def _reader(self, label_set: str) -> Reader:
        if label_set not in self.choices:
            raise OptionError(f"emotions: got {label_set!r}, expected one of {', '.join(self.choices)}")
        with self._lock:
            if label_set not in self._readers:
                options = replace(self._options, emotions=label_set)
                self._readers[label_set] = Reader(options, detector=self._detector)
            return self._readers[label_set]


def marked(photo: Photo) -> npt.NDArray[np.uint8]:
    """The photo with its faces boxed, captioned and, where there are several, numbered from 1: uint8 (H, W, 3), RGB."""
    image = Image.fromarray(annotate(photo.frame, photo.readings))
    if len(photo.readings) > 1:
        pen = ImageDraw.Draw(image)
        for number, reading in enumerate(photo.readings, start=1):
            _badge(pen, number, reading, photo.frame)
    return np.asarray(image)


def saved(photo: Photo, folder: Path, longest: int = LONGEST) -> Path:
    """Save the marked photo as a JPEG in a new folder below ``folder``; its path."""
    path = _new_folder(folder) / f"{Path(photo.frame.name).stem}-marked.jpg"
    path.write_bytes(encoded(marked(photo), "JPEG", longest))
    return path


def _new_folder(parent: Path) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=parent))


def _badge(pen: ImageDraw.ImageDraw, number: int, reading: Reading, frame: Frame) -> None:
    """The face's number, in the lower left corner of its box: captions are above or below it."""
    box, color = reading.face.box, COLORS[reading.emotion]
    size = float(np.clip(box.width * 0.2, 11, max(16, frame.width / 26)))
    font = ImageFont.load_default(size)
    left, top, right, bottom = pen.textbbox((0, 0), str(number), font=font)
    width, height = right - left + 0.7 * size, bottom - top + 0.6 * size
    x = min(max(0.0, box.x0), frame.width - width)
    y = max(0.0, min(box.y1, frame.height) - height)
    pen.rectangle((x, y, x + width, y + height), fill=color)
    pen.text((x + 0.35 * size - left, y + 0.3 * size - top), str(number), font=font, fill=ink_on(color))


@dataclass(frozen=True, eq=False)
class Batch:
    """What became of many photos: those that were read, without their pixels, and the marked copies that may be seen.

    ``failures`` are the names of photos that could not be read, and why; ``table`` is a CSV file, None where nothing was
    read.
    """

    photos: tuple[Photo, ...]
    images: tuple[Path, ...]
    failures: tuple[tuple[str, str], ...]
    table: Path | None

    def summary(self) -> str:
        """One line: how many images and faces, and what they show."""
        found = [reading for photo in self.photos for reading in photo.readings]
        faces = Counter("unsure" if one.abstained else one.emotion for one in found)
        shown = ", ".join(f"{emotion} {number}" for emotion, number in faces.most_common())
        totals = f"{count(len(self.photos), 'image')}, {count(faces.total(), 'face')}"
        return f"{totals}: {shown}." if shown else f"{totals}."


def read_batch(
    readers: Readers,
    paths: Sequence[str],
    label_set: str,
    min_confidence: float,
    folder: Path,
    progress: Progress = no_progress,
) -> Batch:
    """Read photos one by one, skipping broken ones, into marked copies and a table; names that come twice get a number."""
    photos: list[Photo] = []
    images: list[Path] = []
    failures: list[tuple[str, str]] = []
    table: list[Row] = []
    seen: Counter[str] = Counter()
    for done, path in enumerate(map(Path, paths), start=1):
        seen[path.name] += 1
        name = path.name if seen[path.name] == 1 else f"{path.stem} ({seen[path.name]}){path.suffix}"
        try:
            photo = readers.read(path, label_set, min_confidence)
        except SourceError as error:
            failures.append((name, trouble(error, path.name)))
        else:
            photo = replace(photo, frame=replace(photo.frame, name=name))
            if photo.shown:
                images.append(saved(photo, folder, GALLERY_LONGEST))
            table += photo.rows()
            photos.append(photo.without_pixels())
        progress(done, len(paths))
    file = _new_folder(folder) / "faces.csv" if photos else None
    if file:
        write_table(file, columns(LABEL_SETS[label_set]), table)
    return Batch(tuple(photos), tuple(images), tuple(failures), file)
