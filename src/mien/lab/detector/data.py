"""Photos with marked faces, kept in memory as encoded files."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ...data.dataset import TRAIN
from ...data.loading import load
from ...errors import DataError

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

#: Collections without any face; every tenth of their photos is held out to count false positives.
BACKGROUNDS = ("negatives", "bodies")
_HELD_OUT = 10
#: FER2013 images with more such votes, of ten, are no faces.
_MAX_NO_FACE = 5
#: A FER2013 image is 1.15 times as wide as the box of the face in it.
_FER_MARGIN = 1.15


@dataclass(frozen=True, eq=False)
class Labels:
    """The faces of an image.

    Attributes:
        boxes: float32 (N, 4), x0, y0, x1, y1 in pixels.
        landmarks: float32 (N, 5, 2), x and y in pixels: left eye, right eye, nose, left and right corner of the mouth,
            left and right as seen in the image; NaN if unknown.
        ignore: float32 (M, 4), boxes that are neither face nor background.
    """

    boxes: Floats
    landmarks: Floats
    ignore: Floats

    @staticmethod
    def none() -> Labels:
        """No face."""
        return Labels(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros((0, 4), np.float32))

    @staticmethod
    def join(parts: list[Labels]) -> Labels:
        """All labels of ``parts``, which are in the same coordinates."""
        each = zip(*((part.boxes, part.landmarks, part.ignore) for part in [Labels.none(), *parts]))
        return Labels(*map(np.concatenate, each))

    def moved(self, x: float, y: float) -> Labels:
        """The same labels, shifted by ``x`` and ``y`` pixels."""
        by = np.array([x, y], np.float32)
        return Labels(self.boxes + np.tile(by, 2), self.landmarks + by, self.ignore + np.tile(by, 2))


@dataclass(frozen=True, eq=False)
class Photo:
    """One encoded photo of a collection, and its labels, in pixels.

    ``encoded`` holds the file's bytes; empty if ``_decoded`` holds the pixels from the start.
    """

    encoded: bytes
    width: int
    height: int
    labels: Labels
    source: str = ""
    _decoded: list[Pixels] = field(default_factory=list, repr=False)

    @property
    def size(self) -> npt.NDArray[np.int64]:
        """Width and height."""
        return np.array([self.width, self.height])

    def resized(self, long_side: int) -> tuple[Pixels, float]:
        """RGB uint8 (H, W, 3) with this long side, and its scale."""
        scale = long_side / max(self.width, self.height)
        size = max(1, round(self.width * scale)), max(1, round(self.height * scale))
        return np.asarray(self.image().resize(size, Image.Resampling.BILINEAR)), scale

    @staticmethod
    def of(pixels: Pixels, labels: Labels, source: str = "") -> Photo:
        """A photo from pixels: RGB uint8 (H, W, 3)."""
        return Photo(b"", pixels.shape[1], pixels.shape[0], labels, source, [pixels])

    def image(self, cache: bool = False) -> Image.Image:
        """Decode the photo as RGB; ``cache`` keeps the pixels in memory."""
        if self._decoded:
            return Image.fromarray(self._decoded[0])
        image = Image.open(io.BytesIO(self.encoded)).convert("RGB")
        if cache:
            self._decoded.append(np.asarray(image))
        return image


@dataclass(frozen=True, eq=False)
class FaceData:
    """Photos to learn from, with and without faces; hand-marked photos to evaluate on (``val``); and others without a face.

    ``background`` photos are held out to count false positives; ``fer``, uint8 (N, 48, 48), are faces to paste into scenes.
    """

    train: list[Photo]
    val: list[Photo]
    background: list[Photo]
    fer: Pixels = field(default_factory=lambda: np.zeros((0, 48, 48), np.uint8))


def read_faces(folder: str | Path, fer2013: str | Path | None = None) -> FaceData:
    """Read every parquet file of a folder.

    Args:
        folder: holds parquet files with the columns ``image``, ``split``, ``boxes``, ``landmarks`` and ``ignore``.
        fer2013: FER2013 in any of its forms, whose training faces are pasted into scenes; None uses none.

    Raises:
        DataError: there is no such file, or one lacks a column, or there is no photo to learn from.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415  # slow to import

    folder = Path(folder)
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise DataError(f"{folder} holds no parquet file")
    data = FaceData([], [], [])
    columns = ["image", "split", "width", "height", "boxes", "landmarks", "ignore"]
    for file in files:
        try:
            rows = pq.read_table(file, columns=columns).to_pylist()
            photos = [_photo(row, file.stem) for row in rows]
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"cannot read the faces of {file}: {error}") from error
        for index, (row, photo) in enumerate(zip(rows, photos)):
            if file.stem in BACKGROUNDS and index % _HELD_OUT == 0:
                data.background.append(photo)
            else:
                (data.val if row["split"] == "val" else data.train).append(photo)
    if not data.train:
        raise DataError(f"{folder} holds no photo of the split 'train'")
    if fer2013 is None:
        return data
    part = load(fer2013).part(TRAIN)
    kept = np.ones(len(part), bool) if part.votes is None else part.votes.no_face <= _MAX_NO_FACE
    return replace(data, fer=part.images[kept])


def fer_photo(face: Pixels) -> Photo:
    """A FER2013 face, uint8 (48, 48), as a photo with one box around the middle."""
    side = face.shape[0]
    edge = side * (1 - 1 / _FER_MARGIN) / 2
    box = np.array([[edge, edge, side - edge, side - edge]], np.float32)
    return Photo.of(np.repeat(face[..., None], 3, 2), replace(Labels.none(), boxes=box, landmarks=_unknown(1)), "fer")


def _unknown(count: int) -> Floats:
    return np.full((count, 5, 2), np.nan, np.float32)


def _photo(row: dict[str, Any], source: str) -> Photo:
    boxes, ignore = (np.array(row[name] or [], np.float32).reshape(-1, 4) for name in ("boxes", "ignore"))
    landmarks = _unknown(len(boxes))
    for place, points in zip(landmarks, row["landmarks"] or []):
        if points:
            place[:] = np.array(points, np.float32).reshape(5, 2)
    solid = (boxes[:, 2:] > boxes[:, :2]).all(1)
    return Photo(
        row["image"]["bytes"], row["width"], row["height"], Labels(boxes[solid], landmarks[solid], ignore), source
    )
