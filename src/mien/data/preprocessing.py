"""Turn image files into the equally sized images of a dataset: find the face, crop, resize, split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..detection import create_detector
from ..detection.base import Detector
from ..errors import DataError, OptionError, SourceError
from ..io.images import opened, read_image
from ..model.preprocess import align_face, square_around
from ..options import ReadOptions
from ..progress import Progress, no_progress
from ..types import Box, Face, Frame
from .dataset import TEST, TRAIN, UNDIVIDED, VALIDATION, Dataset, Votes
from .splits import SHARES, Shares, split_dataset, with_validation

#: Smaller faces, as a share of the photo's shorter side, are not looked for.
LEAST_SHARE = 1 / 12
#: Duplicates are compared at this side, whatever size is asked for: the split must not depend on it.
_COMPARED_SIDE = 48


Pixels = npt.NDArray[np.uint8]


class FaceFinder:
    """Finds the main face of each photo; the larger the photo, the larger the faces looked for."""

    def __init__(self) -> None:
        self._detectors: dict[int, Detector] = {}

    def find(self, frame: Frame) -> Face:
        """The face with the most area times score; what is beyond the photo's border counts against it.

        Raises ``SourceError`` if there is no face, or only ones smaller than ``LEAST_SHARE`` of the photo.
        """
        least = 20
        while 2 * least <= LEAST_SHARE * min(frame.width, frame.height):
            least *= 2
        if least not in self._detectors:
            self._detectors[least] = create_detector(ReadOptions(min_face=least))
        faces = self._detectors[least].detect(frame)
        if not faces:
            size = f"{frame.width} x {frame.height}"
            what = f"{frame.name}: no face found: expected one of at least {least} pixels in a photo of {size}"
            raise SourceError(what, hint="Remove the photo, or crop the face from it.")

        def weight(face: Face) -> float:
            (x, y), side, _ = square_around(face)
            across = min(x + side / 2, frame.width) - max(x - side / 2, 0)
            down = min(y + side / 2, frame.height) - max(y - side / 2, 0)
            seen = max(across, 0) * max(down, 0)
            return face.score * seen * seen / (side * side)

        return max(faces, key=weight)


@dataclass(frozen=True)
class LoadOptions:
    """Options for loading a dataset; ``mien.data.load`` documents each field."""

    size: int = 48
    color: str = "gray"
    detect_faces: bool = False
    votes: Path | None = None
    label_names: tuple[str, ...] = ()
    split: bool = True
    shares: Shares = SHARES
    seed: int = 0
    progress: Progress = no_progress
    on_damaged: Callable[[Path, str], None] | None = None
    notes: Callable[[str], None] = lambda _text: None


_REFUSED = {
    "votes": "Votes belong to the rows of Kaggle's fer2013.csv.",
    "label_names": "Its labels have names already.",
    "detect_faces": "Only image files and parquet can hold whole photos.",
}


def refuse_options(path: Path, options: LoadOptions, *names: str) -> None:
    """Raise ``OptionError`` if one of the options ``names``, which a layout cannot follow, is set."""
    for name in names:
        if value := getattr(options, name):
            hint = f"{_REFUSED[name]} Leave it out."
            raise OptionError(f"{name}: got {value}, which cannot be used with {path}", hint=hint)


@dataclass(frozen=True)
class Sample:
    """One labeled image before it is decoded.

    Attributes:
        source: the file, or its encoded bytes; empty bytes where there is no image.
        label: index into the vocabulary.
        split: a split's name, or ``undivided``.
        file, row: what to name when the image is damaged; ``row`` is empty for a file of its own.
        votes: FER+'s ten votes, or None.
    """

    source: Path | bytes
    name: str
    label: int
    split: str
    file: Path
    row: str = ""
    votes: tuple[int, ...] | None = None


def collect(samples: Iterable[Sample], total: int, path: Path, options: LoadOptions) -> Dataset:
    """Decode, crop and resize ``total`` images of the dataset at ``path``, and split them if they are not split yet.

    An image is cropped as the reader crops an image that is one face (detector ``none``), so that training and inference
    see the same pixels. Raises ``SourceError`` for a damaged image or one without a face, unless ``on_damaged`` takes it.
    """
    finder = FaceFinder() if options.detect_faces else None
    kept: list[Sample] = []
    decoded: list[tuple[Pixels, Pixels, bytes]] = []
    for done, sample in enumerate(samples, start=1):
        try:
            decoded.append(_decode(sample, finder, options))
            kept.append(replace(sample, source=b""))
        except SourceError as error:
            if options.on_damaged is None:
                raise
            options.on_damaged(sample.file, str(error))
        options.progress(done, total)
    if not decoded:
        wrong = "shows a face" if options.detect_faces else "can be decoded"
        raise DataError(f"{path}: none of the {total} images {wrong}", hint="Download or unpack the dataset again.")
    resolved, (images, looks, keys) = path.resolve(), zip(*decoded)
    has_votes = all(sample.votes is not None and len(sample.votes) == 10 for sample in kept)
    faces = Dataset(
        name=resolved.name if path.is_dir() else resolved.stem,
        images=np.stack(images),
        labels=np.array([sample.label for sample in kept], np.int64),
        split=np.array([sample.split for sample in kept], np.str_),
        votes=Votes.from_ferplus(np.array([sample.votes for sample in kept], np.uint8)) if has_votes else None,
        names=np.array([sample.name for sample in kept], np.str_),
    )
    return split_undivided(faces, np.stack(looks), keys, options) if options.split else faces


def _decode(sample: Sample, finder: FaceFinder | None, options: LoadOptions) -> tuple[Pixels, Pixels, bytes]:
    """The image, and what splitting needs: the image at a fixed size and the hash of its file."""
    size, color, content = options.size, options.color, sample.source
    try:
        if not content:
            message = "holds no image: got no bytes, expected those of a PNG or JPEG file"
            raise SourceError(message, hint="Save the images themselves, not their paths.")
        frame = read_image(content)
        face = finder.find(frame) if finder else Face(Box(0, 0, frame.width, frame.height))
    except SourceError as error:
        if not sample.row:
            raise
        raise SourceError(f"{sample.file}, {sample.row}: {error}", hint=error.hint) from error
    if isinstance(content, Path):
        with opened(content) as file:
            content = file.read()
    image = align_face(frame, face, size, color)
    is_same = (size, color) == (_COMPARED_SIDE, "gray")
    compared = image if is_same else align_face(frame, face, _COMPARED_SIDE)
    return image, compared, hashlib.blake2b(content, digest_size=16).digest()


def split_undivided(faces: Dataset, looks: Pixels, keys: Sequence[bytes], options: LoadOptions) -> Dataset:
    """Split undivided images; take a tenth of train where there is no validation split. Test images stay."""
    parts = set(faces.split.tolist())
    if UNDIVIDED in parts:
        if len(parts) > 1:
            what = f"{faces.name}: got images in {', '.join(sorted(parts - {UNDIVIDED}))} and others in no split"
            raise DataError(what, hint="Put every image into train, validation or test, or none.")
        result = split_dataset(faces, options.shares, options.seed, looks=looks, keys=keys)
        options.notes(f"{faces.name} has no splits: split into {_counted(result)}; duplicates stay together")
        return result
    if TRAIN in parts and VALIDATION not in parts:
        result = with_validation(faces, options.seed, looks=looks, keys=keys)
        options.notes(f"{faces.name} has no validation split: took a tenth of train; now {_counted(result)}")
        return result
    return faces


def _counted(faces: Dataset) -> str:
    return ", ".join(f"{part} {int((faces.split == part).sum()):,}" for part in (TRAIN, VALIDATION, TEST))
