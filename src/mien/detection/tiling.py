"""At which scales, and in how many pieces, to look at an image.

The cost of detection grows with the pixels looked at, so the image is scaled until the smallest face asked for is just
large enough for the network. Where none is asked for, it is looked at small first, and more finely only where that shows
small faces, or none. The network has an upper end too, so anything but a small image is also looked at whole and small,
for the large faces. And where memory would not hold it, the finer look goes over overlapping tiles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

#: The side in pixels that a face needs to be found. Measured: see ``docs/detection.md``.
SMALLEST_SEEN = 20
#: Larger faces, in pixels of the network's input, are left to the small look: from about 450 on they are framed badly.
LARGEST_TRUSTED = 300
#: The long side of the small look at the whole image.
WHOLE_SIDE = 640
#: The long side of the first look where nobody said how small the faces are.
QUICK_SIDE = 320
#: The smallest face to look for, in pixels of the image, where nobody said and the quick looks do not suffice.
MIN_FACE_SHARE = 20
#: A look in which every face has a side of so many pixels of the network's input has probably shown them all, and well: on
#: smaller ones the landmarks err more (``docs/detection.md``).
PLAIN_TO_SEE = 48
#: The most pixels looked at in one piece; the network takes about 0.5 GB for them.
MOST_PIXELS = 1_600_000


class View(NamedTuple):
    """One look at a part of an image.

    Attributes:
        x0, y0, x1, y1: the part, in pixels of the image.
        scale: pixels of the network's input for one of the image.
        largest: the largest face to take from this look, in pixels of the network's input.
    """

    x0: int
    y0: int
    x1: int
    y1: int
    scale: float
    largest: float = math.inf


def plan(height: int, width: int, min_face: int) -> list[View]:
    """Looks that together show every face of at least ``min_face`` whole and at a size that the network knows.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
        min_face: side of the smallest face to be found, in pixels.
    """
    long_side = max(height, width)
    # A tiny image is enlarged: the network sees only every fourth pixel.
    scale = min(4.0, max(SMALLEST_SEEN / min_face, 64 / long_side if long_side < 64 else 0.0))
    if long_side * scale <= WHOLE_SIDE:
        return [View(0, 0, width, height, scale)]
    small = View(0, 0, width, height, WHOLE_SIDE / long_side)
    side = math.sqrt(MOST_PIXELS) / scale
    if height * width * scale**2 <= MOST_PIXELS:
        return [small, View(0, 0, width, height, scale, LARGEST_TRUSTED)]
    # What the small look cannot see must lie whole in some tile.
    overlap = min(side / 2, 1.2 * SMALLEST_SEEN / small.scale)
    rows, columns = _cuts(height, side, overlap), _cuts(width, side, overlap)
    return [small, *(View(x0, y0, x1, y1, scale, LARGEST_TRUSTED) for y0, y1 in rows for x0, x1 in columns)]


def zoom(height: int, width: int) -> Iterator[list[View]]:
    """Ever finer looks, for whom nobody told how small the faces are: go on while faces are hard to see, or none is seen.

    The last look shows every face of at least ``MIN_FACE_SHARE``.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
    """
    long_side = max(height, width)
    whole = [side for side in (QUICK_SIDE, WHOLE_SIDE) if side < long_side]
    for side in whole:
        yield [View(0, 0, width, height, side / long_side)]
    fine = plan(height, width, MIN_FACE_SHARE)
    yield fine[1:] if WHOLE_SIDE in whole else fine


def _cuts(length: int, side: float, overlap: float) -> list[tuple[int, int]]:
    """Evenly spread pieces of at most ``side`` that overlap by at least ``overlap``."""
    if length <= side:
        return [(0, length)]
    pieces = math.ceil((length - overlap) / (side - overlap))
    step = (length - side) / (pieces - 1)
    return [(round(i * step), min(length, math.ceil(i * step + side))) for i in range(pieces)]
