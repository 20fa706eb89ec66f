"""Search for faces of any size: at which scales, and in how many tiles, a network sees an image.

The cost of detection grows with the pixels that the network sees, so an image is scaled until the smallest face asked for
is just large enough. If no smallest face is given, the search goes from coarse to fine and stops as soon as a scale shows
faces and none of them is small. Networks have an upper limit too, so images are also searched at a small scale for large
faces. Images that do not fit in memory at the scale needed are searched in overlapping tiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..types import Face, Frame
from .base import as_faces, suppress

Floats = npt.NDArray[np.float32]

#: The side in pixels that a face needs to be found. Measured: see ``docs/concepts/detection.md``.
SMALLEST_SEEN = 20
#: Larger faces, in pixels of the network's input, are left to the small scale: their boxes are inaccurate from about 450 on.
LARGEST_TRUSTED = 300
#: The long side of the whole image in the small view.
WHOLE_SIDE = 640
#: The long side of the first view of a coarse-to-fine search.
QUICK_SIDE = 320
_COARSE_SIDES = (QUICK_SIDE, WHOLE_SIDE)
#: The smallest face of a coarse-to-fine search, in pixels of the image.
SMALLEST_SEARCHED = 20
#: The most pixels in the finest views of a coarse-to-fine search.
MOST_SEARCHED = 6_000_000
#: A search ends at a view in which every face has at least this side, in pixels of the network's input: smaller faces hint
#: at even smaller ones, and their landmarks are less accurate (``docs/concepts/detection.md``).
CLEARLY_SEEN = 48
#: The most pixels in one view; the network takes about 0.5 GB for them.
MOST_PIXELS = 1_600_000


class Detections(NamedTuple):
    """Faces as arrays: ``boxes`` float32 (N, 4), x0, y0, x1, y1; ``scores`` (N,); ``landmarks`` (N, 5, 2); in pixels."""

    boxes: Floats
    scores: Floats
    landmarks: Floats


class FaceNetwork(Protocol):
    """A network that finds faces in an image at its own scale."""

    def find(self, image: npt.NDArray[np.uint8]) -> Detections:
        """Find faces in RGB uint8 (H, W, 3), in pixels of ``image``; overlapping boxes may remain."""
        ...


class View(NamedTuple):
    """A part of an image at a scale.

    Attributes:
        x0, y0, x1, y1: the part, in pixels of the image.
        scale: pixels of the network's input per pixel of the image.
        largest: the largest face to take from this view, in pixels of the network's input.
    """

    x0: int
    y0: int
    x1: int
    y1: int
    scale: float
    largest: float = math.inf


@dataclass(frozen=True)
class PyramidDetector:
    """Find faces of any size with a network that knows faces of some sizes.

    Attributes:
        network: finds faces at the scale of its input.
        margin: side of the square crop as a multiple of the box, as in ``Face``.
        min_face: the smallest face to find, its side in pixels of the image; None searches from coarse to fine.
        max_overlap: boxes whose intersection over union is higher are the same face, 0 to 1.
        coarse_only: stop after the coarse views of the whole image, and find no faces if these show none or small ones.
    """

    network: FaceNetwork
    margin: float
    min_face: int | None = None
    max_overlap: float = 0.3
    coarse_only: bool = False

    def detect(self, frame: Frame) -> list[Face]:
        """Find the faces in ``frame``, most certain first.

        Raises:
            ModelError: the network's weights are missing or damaged.
        """
        height, width = frame.height, frame.width
        parts: list[Detections] = []
        steps = coarse_to_fine(height, width) if self.min_face is None else [views_for(height, width, self.min_face)]
        for step, views in enumerate(steps):
            if self.coarse_only and step == len(_COARSE_SIDES):
                return []
            parts += [self.search(frame.image, view) for view in views]
            if _clearly_seen(parts[-1], views[-1]):
                break
        boxes, scores, landmarks = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        best = suppress(boxes, scores, self.max_overlap)
        return as_faces(boxes[best], scores[best], landmarks[best], self.margin)

    def search(self, image: npt.NDArray[np.uint8], view: View) -> Detections:
        """Find the faces in one view of an image, in pixels of the image."""
        part = image[view.y0 : view.y1, view.x0 : view.x1]
        size = width, height = (
            max(1, round((view.x1 - view.x0) * view.scale)),
            max(1, round((view.y1 - view.y0) * view.scale)),
        )
        if size != (part.shape[1], part.shape[0]):
            part = shrunk(part, size)
        boxes, scores, landmarks = self.network.find(part)
        keep = _belongs(boxes, view, (width, height), (image.shape[1], image.shape[0]))
        back = np.array([(view.x1 - view.x0) / width, (view.y1 - view.y0) / height], np.float32)
        corner = np.array([view.x0, view.y0], np.float32)
        boxes = (boxes.reshape(-1, 2, 2) * back + corner).reshape(-1, 4)
        return Detections(boxes[keep], scores[keep], (landmarks * back + corner)[keep])


def shrunk(image: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """An image, RGB uint8 (H, W, 3), at another size (width, height): by whole pixels first, which is fast."""
    is_exact = image.shape[1] % size[0] == 0 and image.shape[0] % size[1] == 0
    gap = 1.0 if is_exact else 1.5  # how much larger the image may remain for the slower, better filter
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=gap))


def views_for(height: int, width: int, min_face: int) -> list[View]:
    """Choose views that together show every face of at least ``min_face`` uncut and at a size that a network knows.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
        min_face: side of the smallest face to be found, in pixels.
    """
    long_side = max(height, width)
    # A tiny image is enlarged: networks see only every fourth or eighth pixel.
    scale = min(4.0, max(SMALLEST_SEEN / min_face, 64 / long_side if long_side < 64 else 0.0))
    if long_side * scale <= WHOLE_SIDE:
        return [View(0, 0, width, height, scale)]
    small = View(0, 0, width, height, WHOLE_SIDE / long_side)
    side = math.sqrt(MOST_PIXELS) / scale
    if height * width * scale**2 <= MOST_PIXELS:
        return [small, View(0, 0, width, height, scale, LARGEST_TRUSTED)]
    # A face that the small view cannot show must lie uncut in some tile.
    overlap = min(side / 2, 1.2 * SMALLEST_SEEN / small.scale)
    rows, columns = _tiles(height, side, overlap), _tiles(width, side, overlap)
    return [small, *(View(x0, y0, x1, y1, scale, LARGEST_TRUSTED) for y0, y1 in rows for x0, x1 in columns)]


def coarse_to_fine(height: int, width: int) -> Iterator[list[View]]:
    """Yield ever finer views of an image; the last ones show every face of at least ``SMALLEST_SEARCHED`` pixels.

    In images of more than ``MOST_SEARCHED`` pixels the smallest face grows with the image, so that time is limited.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
    """
    long_side = max(height, width)
    whole = [side for side in _COARSE_SIDES if side < long_side]
    for side in whole:
        yield [View(0, 0, width, height, side / long_side)]
    smallest = SMALLEST_SEARCHED * max(1.0, math.sqrt(height * width / MOST_SEARCHED))
    fine = views_for(height, width, math.ceil(smallest))
    yield fine[1:] if WHOLE_SIDE in whole else fine


def to_blob(image: npt.NDArray[np.uint8], multiple: int = 32) -> Floats:
    """RGB uint8 (H, W, 3) to float32 (1, 3, H', W'), 0 to 255, padded with black to multiples of ``multiple``."""
    height, width = image.shape[:2]
    blob = np.zeros((1, 3, -(-height // multiple) * multiple, -(-width // multiple) * multiple), np.float32)
    blob[0, :, :height, :width] = image.transpose(2, 0, 1)
    return blob


def _tiles(length: int, side: float, overlap: float) -> list[tuple[int, int]]:
    """Evenly spread pieces of at most ``side`` that overlap by at least ``overlap``."""
    if length <= side:
        return [(0, length)]
    pieces = math.ceil((length - overlap) / (side - overlap))
    step = (length - side) / (pieces - 1)
    return [(round(i * step), min(length, math.ceil(i * step + side))) for i in range(pieces)]


def _belongs(boxes: Floats, view: View, size: tuple[int, int], image: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Select the boxes of a view, in pixels of the network's input: bool (N,).

    Rejects boxes centered in the padding, boxes too large for the view, and boxes cut by a border inside the image, which
    another view shows uncut.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    inside = (boxes[:, :2] + boxes[:, 2:] < 2 * np.array(size)).all(1)
    cut = np.zeros(len(boxes), bool)
    for axis, (low, high) in enumerate(((view.x0, view.x1), (view.y0, view.y1))):
        cut |= (low > 0) & (boxes[:, axis] < 1)
        cut |= (high < image[axis]) & (boxes[:, axis + 2] > size[axis] - 1)
    return np.asarray(inside & ~cut & (sides.max(1, initial=0) <= view.largest), bool)


def _clearly_seen(found: Detections, view: View) -> bool:
    """Whether a view shows faces, none so small that smaller ones may have been missed."""
    sides = np.sqrt((found.boxes[:, 2:] - found.boxes[:, :2]).prod(1)) * view.scale
    return bool(len(sides) and sides.min() >= CLEARLY_SEEN)
