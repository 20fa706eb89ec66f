"""The face that a photo is about."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..detection.base import Detector
from ..detection.registry import create_detector
from ..errors import DataError, SourceError
from ..io.images import opened, read_image
from ..model.preprocess import align_face, square_around
from ..options import ReadOptions
from ..types import Box, Face, Frame
from .dataset import TEST, TRAIN, UNDIVIDED, VALIDATION, Dataset
from .splits import Shares, divided, with_validation

#: A face whose side is less than this share of the photo's shorter side is not what the photo is about.
LEAST_SHARE = 1 / 12


class FaceFinder:
    """Finds one face in each photo, with mien's own detector.

    The larger the photo, the larger the faces looked for: a photo of 12 megapixels takes no longer than a small one.
    """

    def __init__(self) -> None:
        self._detectors: dict[int, Detector] = {}

    def find(self, frame: Frame) -> Face:
        """The face with the most area times certainty; what the photo's border cuts off counts against it.

        Raises:
            SourceError: there is no face, or only ones smaller than ``LEAST_SHARE`` of the photo.
            ModelError: the detector's weights cannot be used.
        """
        least = 20
        while 2 * least <= LEAST_SHARE * min(frame.width, frame.height):
            least *= 2
        if least not in self._detectors:
            self._detectors[least] = create_detector(ReadOptions(min_face=least))
        faces = self._detectors[least].detect(frame)
        if not faces:
            raise SourceError(
                f"{frame.name}: no face found: expected one of at least {least} pixels in a photo of {frame.width} x "
                f"{frame.height}",
                hint="Take the photo away, or cut the face out of it.",
            )
        return max(faces, key=lambda face: _weight(face, frame))


def _weight(face: Face, frame: Frame) -> float:
    (x, y), side, _ = square_around(face)
    across = min(x + side / 2, frame.width) - max(x - side / 2, 0)
    down = min(y + side / 2, frame.height) - max(y - side / 2, 0)
    seen = max(across, 0) * max(down, 0)
    return face.score * seen * seen / (side * side)


#: Copies are looked for at this side, whatever size is asked for: the division must not depend on it.
_LOOK = 48


class Squares:
    """Collects images one by one.

    An image is cut just as the reader does with one that is all face (``whole``), so that a network learns from what it
    will read: of an oblong one, a square of the same area around its center, the border repeated.

    Args:
        size: side of the squares in pixels.
        color: ``gray`` or ``rgb``.
        find_faces: cut out the face that mien's detector finds, turned upright, in place of the whole image.
    """

    def __init__(self, size: int, color: str = "gray", find_faces: bool = False) -> None:
        self._size, self._color = size, color
        self._finder = FaceFinder() if find_faces else None
        self._images: list[npt.NDArray[np.uint8]] = []
        self._looks: list[npt.NDArray[np.uint8]] = []
        self._digests: list[bytes] = []
        self._rows: list[tuple[str, int, str]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, source: Path | bytes, name: str, label: int, part: str) -> None:
        """Take one more image.

        Raises:
            SourceError: it cannot be decoded, or no face is found in it.
        """
        frame = read_image(source)
        face = self._finder.find(frame) if self._finder else Face(Box(0, 0, frame.width, frame.height))
        image = align_face(frame, face, self._size, self._color)
        same = (self._size, self._color) == (_LOOK, "gray")
        look = image if same else align_face(frame, face, _LOOK)
        if isinstance(source, Path):
            with opened(source) as file:
                source = file.read()
        self._images.append(image)
        self._looks.append(look)
        self._digests.append(hashlib.blake2b(source, digest_size=16).digest())
        self._rows.append((name, label, part))

    def faces(
        self, name: str, shares: Shares | None = None, seed: int = 0, notes: Callable[[str], None] = lambda _text: None
    ) -> Dataset:
        """What has been collected, as a data set called ``name``.

        With ``shares``, images without a part get one, and where there are train images and no validation ones, a
        tenth of train becomes the validation part; ``notes`` is told so. Test images never stand in for them.

        Raises:
            DataError: an emotion has too few images to be divided.
        """
        found = Dataset(
            name=name,
            images=np.stack(self._images),
            labels=np.array([label for _, label, _ in self._rows], np.int64),
            split=np.array([part for _, _, part in self._rows], np.str_),
            names=np.array([name for name, _, _ in self._rows], np.str_),
        )
        if shares is None:
            return found
        parts = set(found.split.tolist())
        looks = np.stack(self._looks)
        if UNDIVIDED in parts:
            if len(parts) > 1:
                raise DataError(
                    f"{name}: got images in {', '.join(sorted(parts - {UNDIVIDED}))} and others in no part, expected all "
                    "of them in parts or none",
                    hint="Put every image into train, validation or test, or none.",
                )
            result = divided(found, shares, seed, looks=looks, keys=self._digests)
            notes(f"{name} says nothing about parts: divided into {_counted(result)}; copies stay together")
        elif TRAIN in parts and VALIDATION not in parts:
            result = with_validation(found, seed, looks=looks, keys=self._digests)
            notes(f"{name} has no validation part: a tenth of train becomes one; now {_counted(result)}")
        else:
            result = found
        return result


def _counted(faces: Dataset) -> str:
    return ", ".join(f"{part} {int((faces.split == part).sum()):,}" for part in (TRAIN, VALIDATION, TEST))
