"""Cut a face out of its picture: upright, square, framed as the pictures that the networks learned from.

Where the square lies comes from a measurement: in FER2013 pictures the middle of the eyes lies 0.395 and the middle of the
mouth 0.747 of the way down the frame, 0.365 apart, and the detector's box spans 0.868 of the frame
(``docs/detection.md`` has the measurement and its limits).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from ..values.face import Face
from ..values.frame import Frame

#: Distance from the middle of the eyes to the middle of the mouth in a FER2013 picture, as a share of its side.
EYES_TO_MOUTH = 0.365
#: How far halfway between the two lies below the centre of the picture, as a share of its side.
BELOW_CENTRE = 0.071


def cut(frame: Frame, face: Face, size: int, colour: str = "gray") -> npt.NDArray[np.uint8]:
    """The face as a square picture.

    It is turned upright by its landmarks where it has them. What lies outside the frame repeats the border.

    Args:
        frame: the picture.
        face: where the face is in it.
        size: side of the result in pixels.
        colour: ``gray`` or ``rgb``.

    Returns:
        uint8 (size, size), or (size, size, 3) for ``rgb``; 0-255.
    """
    (x, y), side, angle = square_around(face)
    # The part of the picture that the turned square can reach, shrunk by averaging so that no pixel is skipped.
    reach = side * 0.75 + 2
    x0, y0 = (min(max(0, math.floor(v - reach)), end - 1) for v, end in ((x, frame.width), (y, frame.height)))
    x1, y1 = (
        max(low + 1, min(end, math.ceil(v + reach))) for v, end, low in ((x, frame.width, x0), (y, frame.height, y0))
    )
    region = frame.image[y0:y1, x0:x1]
    part = region if colour == "rgb" else cv2.cvtColor(region, cv2.COLOR_RGB2GRAY)
    fine = 2 * size if side > size else size
    shrink = fine / side
    if shrink < 1:
        width, height = (max(1, round(n * shrink)) for n in (x1 - x0, y1 - y0))
        part = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
    across, down = part.shape[1] / (x1 - x0), part.shape[0] / (y1 - y0)
    turned = cv2.warpAffine(
        part,
        _onto(((x - x0) * across, (y - y0) * down), side * (across + down) / 2, angle, fine),
        (fine, fine),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if fine != size:
        turned = cv2.resize(turned, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(turned, np.uint8)


def square_around(face: Face) -> tuple[tuple[float, float], float, float]:
    """The square to cut: its centre (x, y) and side in pixels, and how far it is turned clockwise, in radians.

    With landmarks, the line from eyes to mouth places it, gives its size and turns it; unlike the line through the eyes it
    also holds in profile. Its size stays near what the box says, lest a face that looks down be cut too tight.
    """
    box = face.box
    centre = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    side = face.margin * math.sqrt(box.width * box.height)
    if face.landmarks is None:
        return centre, side, 0.0
    eyes, mouth = face.landmarks[:2].mean(0), face.landmarks[3:].mean(0)
    length = float(np.hypot(*(mouth - eyes)))
    if length < 0.1 * side:  # the landmarks have collapsed: they say nothing
        return centre, side, 0.0
    down = (mouth - eyes) / length
    side = min(max(length / EYES_TO_MOUTH, 0.7 * side), 1.4 * side)
    x, y = (eyes + mouth) / 2 - down * BELOW_CENTRE * side
    return (float(x), float(y)), side, math.atan2(-float(down[0]), float(down[1]))


def _onto(centre: tuple[float, float], side: float, angle: float, size: int) -> npt.NDArray[np.float64]:
    """float64 (2, 3): where each pixel of the result comes from; pixel centres lie at whole numbers, as in OpenCV."""
    step = side / size
    cos, sin = math.cos(angle) * step, math.sin(angle) * step
    turn = np.array([[cos, -sin], [sin, cos]])
    offset = np.array(centre) - 0.5 - turn @ np.full(2, (size - 1) / 2)
    return np.column_stack([turn, offset])
