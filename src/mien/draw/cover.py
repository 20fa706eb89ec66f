"""Faces covered so that nothing of them is left in the picture.

A flat colour, the same for everybody, takes the place of the pixels. Blur and mosaic keep a part of what they hide, and
networks name people from it: McPherson, Shokri and Shmatikov 2016, "Defeating Image Obfuscation with Deep Learning", arXiv
1609.00408. Even one mean colour a face would tell its skin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..values.face import Box
from ..values.frame import Frame

#: RGB, 0-255: what a covered face becomes.
COVER = (110, 116, 124)
#: The cover is an ellipse around the box, which spans brow to chin: half its width and height, as multiples of the box's,
#: and how far its centre lies above the box's. So it takes in hair, ears and chin, and every corner of the box.
_ACROSS, _DOWN, _UP = 0.8, 0.9, 0.1
_RIM = 2.0  # pixels more, since boxes are not exact


def covered(frame: Frame, hidden: Sequence[Box], spared: Sequence[Box] = (), guessed: Sequence[Box] = ()) -> Frame:
    """The picture with some faces gone.

    Args:
        frame: the picture.
        hidden: boxes of the faces to cover. Their boxes are covered wholly; of what lies around them, not what is spared.
        spared: boxes of the faces to leave visible: of each the ellipse within, for what its corners show may be others'.
        guessed: boxes where a face was a moment ago: covered as ``hidden`` is, but never over a spared face.

    Returns:
        A frame of its own pixels, or the same one where nothing is to be covered.
    """
    if not hidden and not guessed:
        return frame
    image = frame.image.copy()
    for box in hidden:
        _cover(image, box, spared, tight=True)
    for box in guessed:
        _cover(image, box, spared, tight=False)
    return replace(frame, image=image)


def _cover(image: npt.NDArray[np.uint8], box: Box, spared: Sequence[Box], *, tight: bool) -> None:
    across, down = _ACROSS * box.width + _RIM, _DOWN * box.height + _RIM
    middle_x, middle_y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2 - _UP * box.height
    left, right = _within(middle_x - across, middle_x + across, image.shape[1])
    top, bottom = _within(middle_y - down, middle_y + down, image.shape[0])
    y, x = np.ogrid[top:bottom, left:right]
    inside = ((x - middle_x) / across) ** 2 + ((y - middle_y) / down) ** 2 <= 1
    own = _in(box, x, y) if tight else np.zeros_like(inside)
    for other in spared:
        inside &= ~_face_in(other, x, y) | own
    image[top:bottom, left:right][inside] = COVER


def _in(box: Box, x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    across = (x >= math.floor(box.x0)) & (x <= math.ceil(box.x1))
    return np.asarray(across & (y >= math.floor(box.y0)) & (y <= math.ceil(box.y1)))


def _face_in(box: Box, x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    across, down = (x - (box.x0 + box.x1) / 2) / (box.width / 2), (y - (box.y0 + box.y1) / 2) / (box.height / 2)
    return np.asarray(across**2 + down**2 <= 1)


def _within(low: float, high: float, end: int) -> tuple[int, int]:
    first = min(max(0, math.floor(low)), end)
    return first, min(max(first, math.ceil(high) + 1), end)
