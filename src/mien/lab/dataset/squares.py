"""Pictures of any size on their way into a data set: decoded, cut square, counted, and divided."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...crop.align import cut
from ...errors import DataError
from ...sources.picture_file import opened
from ...sources.still import read_still
from ...values.face import Box, Face
from ..split.dividing import Shares, divided, with_validation
from .faces import TEST, TRAIN, UNDIVIDED, VALIDATION, FaceSet
from .finding import FaceFinder

#: Copies are looked for at this side, whatever size is asked for: the division must not depend on it.
_LOOK = 48


class Squares:
    """Collects pictures one by one.

    A picture is cut just as the reader does with one that is all face (``whole``), so that a network learns from what it
    will read: of an oblong one, a square of the same area around its centre, the border repeated.

    Args:
        size: side of the squares in pixels.
        colour: ``gray`` or ``rgb``.
        find_faces: cut out the face that mien's detector finds, turned upright, in place of the whole picture.
    """

    def __init__(self, size: int, colour: str = "gray", find_faces: bool = False) -> None:
        self._size, self._colour = size, colour
        self._finder = FaceFinder() if find_faces else None
        self._images: list[npt.NDArray[np.uint8]] = []
        self._looks: list[npt.NDArray[np.uint8]] = []
        self._digests: list[bytes] = []
        self._rows: list[tuple[str, int, str]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, source: Path | bytes, name: str, label: int, part: str) -> None:
        """Take one more picture.

        Raises:
            SourceError: it cannot be decoded, or no face is found in it.
        """
        frame = read_still(source)
        face = self._finder.find(frame) if self._finder else Face(Box(0, 0, frame.width, frame.height))
        image = cut(frame, face, self._size, self._colour)
        same = (self._size, self._colour) == (_LOOK, "gray")
        look = image if same else cut(frame, face, _LOOK)
        if isinstance(source, Path):
            with opened(source) as file:
                source = file.read()
        self._images.append(image)
        self._looks.append(look)
        self._digests.append(hashlib.blake2b(source, digest_size=16).digest())
        self._rows.append((name, label, part))

    def faces(
        self, name: str, shares: Shares | None = None, seed: int = 0, notes: Callable[[str], None] = lambda _text: None
    ) -> FaceSet:
        """What has been collected, as a data set called ``name``.

        With ``shares``, pictures without a part get one, and where there are train pictures and no validation ones, a
        tenth of train becomes the validation part; ``notes`` is told so. Test pictures never stand in for them.

        Raises:
            DataError: an emotion has too few pictures to be divided.
        """
        found = FaceSet(
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
                    f"{name}: got pictures in {', '.join(sorted(parts - {UNDIVIDED}))} and others in no part, expected all "
                    "of them in parts or none",
                    hint="Put every picture into train, validation or test, or none.",
                )
            result = divided(found, shares, seed, looks=looks, keys=self._digests)
            notes(f"{name} says nothing about parts: divided into {_counted(result)}; copies stay together")
        elif TRAIN in parts and VALIDATION not in parts:
            result = with_validation(found, seed, looks=looks, keys=self._digests)
            notes(f"{name} has no validation part: a tenth of train becomes one; now {_counted(result)}")
        else:
            result = found
        return result


def _counted(faces: FaceSet) -> str:
    return ", ".join(f"{part} {int((faces.split == part).sum()):,}" for part in (TRAIN, VALIDATION, TEST))
