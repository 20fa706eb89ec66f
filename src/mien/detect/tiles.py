"""At which scale, and in how many pieces, to look at a picture: small pictures whole, huge ones bit by bit.

The cost of detection grows with the pixels looked at, so the picture is scaled until the smallest face asked for is just
large enough. Where even that is too much for memory, it is looked at in overlapping tiles, and once whole and small for
the faces that no tile holds.
"""

from __future__ import annotations

import math

#: The side in pixels that a face needs to be found. Measured: see ``docs/detection.md``.
SMALLEST_SEEN = 20
#: The most pixels looked at in one piece; about 1.2 GB of memory in the network at this size.
MOST_PIXELS = 1_600_000
#: The long side of the look at the whole picture that goes with tiles.
_WHOLE_SIDE = 640

View = tuple[int, int, int, int, float]


def plan(height: int, width: int, min_face: int) -> list[View]:
    """Views that cover a picture: (x0, y0, x1, y1, scale) each, in pixels of the picture.

    Args:
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        min_face: side of the smallest face to be found.
    """
    scale = min(1.0, SMALLEST_SEEN / min_face)
    # A tiny picture is enlarged: the network sees only every fourth pixel.
    scale = max(scale, min(4.0, 64 / max(height, width)))
    if height * width * scale**2 <= MOST_PIXELS:
        return [(0, 0, width, height, scale)]
    coarse = _WHOLE_SIDE / max(height, width)
    side = math.sqrt(MOST_PIXELS) / scale
    # A face up to a third of a tile lies whole in some tile; larger ones are seen in the small whole picture.
    overlap = max(2 * min_face, side / 8)
    rows, columns = _cuts(height, side, overlap), _cuts(width, side, overlap)
    tiles = [(x0, y0, x1, y1, scale) for y0, y1 in rows for x0, x1 in columns]
    return [(0, 0, width, height, coarse), *tiles]


def _cuts(length: int, side: float, overlap: float) -> list[tuple[int, int]]:
    """Evenly spread pieces of at most ``side`` that overlap by at least ``overlap``."""
    if length <= side:
        return [(0, length)]
    pieces = math.ceil((length - overlap) / (side - overlap))
    step = (length - side) / (pieces - 1)
    return [(round(i * step), min(length, math.ceil(i * step + side))) for i in range(pieces)]
