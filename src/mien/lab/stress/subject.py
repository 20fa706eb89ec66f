"""An image of one known face, brought to one size: what spoilings are measured by."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from ...model.preprocess import BELOW_CENTRE, EYES_TO_MOUTH
from ...types import Box, Face, Frame

Image = npt.NDArray[np.uint8]

#: Pixels between brow and chin that every face is brought to, so that a level of spoiling means the same to all.
FACE = 96
#: Side of the window around the face; what lies outside the image is filled with its mean color.
WINDOW = 160
#: Side that images get which are faces cut out already: twice FER2013's, so that nothing is lost.
WHOLE = 96

#: Where the five landmarks lie in a cut-out face on average, in shares of its side (``docs/detection.md``).
_EYES = 0.5 + BELOW_CENTRE - EYES_TO_MOUTH / 2
_TYPICAL = np.array(
    [
        (0.31, _EYES),
        (0.69, _EYES),
        (0.5, _EYES + 0.21),
        (0.35, _EYES + EYES_TO_MOUTH),
        (0.65, _EYES + EYES_TO_MOUTH),
    ],
    np.float32,
)


@dataclass(frozen=True, eq=False)
class Subject:
    """One face.

    Attributes:
        name: which image of the data.
        image: uint8 (H, W, 3), RGB.
        face: what to cut out, in pixels of ``image``.
        points: float32 (5, 2), its landmarks, also where ``face`` carries none.
        side: of the face from brow to chin, in pixels of ``image``.
    """

    name: str
    image: Image
    face: Face
    points: npt.NDArray[np.float32]
    side: float

    @property
    def center(self) -> tuple[float, float]:
        """The middle of the face's box."""
        x0, y0, x1, y1 = self.face.box.xyxy
        return (x0 + x1) / 2, (y0 + y1) / 2


def in_window(frame: Frame, face: Face) -> Subject:
    """The face of a photo, ``FACE`` pixels large, in a window that shows what is around it.

    Args:
        frame: the photo.
        face: with landmarks.
    """
    scale = FACE / np.sqrt(face.box.width * face.box.height)
    reach = WINDOW / scale / 2 + 2
    x, y = (face.box.x0 + face.box.x1) / 2, (face.box.y0 + face.box.y1) / 2
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    part = frame.image[top : int(y + reach) + 1, left : int(x + reach) + 1]
    fill = part.mean((0, 1))
    width, height = (max(1, round(n * scale)) for n in (part.shape[1], part.shape[0]))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(part, (width, height), interpolation=how)
    by = np.array([width / part.shape[1], height / part.shape[0]])
    # whole pixels, so that nothing is resampled twice
    offset = np.round(WINDOW / 2 - (np.array([x - left, y - top])) * by)
    window = np.full((WINDOW, WINDOW, 3), fill.round(), np.uint8)
    to_x, to_y = (slice(max(0, int(o)), max(0, min(WINDOW, int(o) + n))) for o, n in zip(offset, (width, height)))
    window[to_y, to_x] = small[
        to_y.start - int(offset[1]) : to_y.stop - int(offset[1]),
        to_x.start - int(offset[0]) : to_x.stop - int(offset[0]),
    ]
    moved = moved_face(face, by, offset - np.array([left, top]) * by)
    points = moved.landmarks if moved.landmarks is not None else typical_points(moved.box)
    return Subject(frame.name, window, moved, points, float(FACE))


def as_whole(frame: Frame, points: npt.NDArray[np.float32] | None = None) -> Subject:
    """An image that is a face already, as in FER2013.

    Args:
        frame: the image; it is taken as a square.
        points: float32 (5, 2), its landmarks in shares of its side; None takes those of an average face.
    """
    how = cv2.INTER_AREA if min(frame.height, frame.width) > WHOLE else cv2.INTER_CUBIC
    image = np.asarray(cv2.resize(frame.image, (WHOLE, WHOLE), interpolation=how), np.uint8)
    face = Face(Box(0, 0, WHOLE, WHOLE))
    shares = _TYPICAL if points is None else points
    return Subject(frame.name, image, face, (shares * WHOLE).astype(np.float32), WHOLE / 1.15)


def typical_points(box: Box) -> npt.NDArray[np.float32]:
    """float32 (5, 2): where the landmarks of an average face with this box are."""
    corner, sides = np.array([box.x0, box.y0]), np.array([box.width, box.height])
    # the box is tighter than a cut-out face by 1.15
    return np.asarray((_TYPICAL - 0.5) * 1.15 * sides + 0.5 * sides + corner, np.float32)


def moved_face(face: Face, by: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]) -> Face:
    """The face after its image was scaled ``by`` (x, y) and then moved by ``offset`` (x, y), in pixels."""
    corners = np.array(face.box.xyxy).reshape(2, 2) * by + offset
    points = None if face.landmarks is None else (face.landmarks * by + offset).astype(np.float32)
    return replace(face, box=Box(*corners.ravel().tolist()), landmarks=points)
