"""The face that a photo is about."""

from __future__ import annotations

from ...crop.align import square_around
from ...detect.base import Detector
from ...detect.choosing import choose_detector
from ...errors import SourceError
from ...values.face import Face
from ...values.frame import Frame
from ...values.options import ReadOptions

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
            self._detectors[least] = choose_detector(ReadOptions(min_face=least))
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
