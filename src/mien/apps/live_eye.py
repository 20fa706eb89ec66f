"""Frame by frame: read, follow, remember and mark what the camera sees."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from ..drawing import mark
from ..options import ReadOptions
from ..reader import Reader
from ..redaction import LiveHider, hiding_options
from ..tracking.tracker import Tracker
from ..types import Frame, Reading
from .live_session import LiveSession

#: What a plain machine manages; frames come as fast as they are read, and carry their times.
RATE = 10.0
#: Frames are brought to this long side, in pixels: browsers change the size of what they send as the network allows, and
#: to the tracker a face that changes its size is another one.
SIDE = 640
#: After a longer time than this between two frames, in seconds, nobody is taken to have left: nobody was looking.
_LONGEST_GAP_S = 0.5
#: Faces smaller than this, in such pixels, sit too far away to be read well, and cost time.
_LEAST_FACE = 40
#: But those can be recognized that are smaller, and are to be covered.
_LEAST_HIDDEN = 20

_NOTHING = np.zeros((1, 1, 3), np.uint8)


@lru_cache(maxsize=4)
def reader_for(model: str, emotions: str | None, *, live: bool, hiding: bool = False) -> Reader:
    """One reader for all visitors who choose the same: its networks are loaded once.

    Args:
        model: as in ``ReadOptions``.
        emotions: likewise.
        live: it reads a camera. Then the other processor threads are left to coding and decoding the moving image, and
            to other visitors; taking them all made a frame three times slower on two busy cores.
        hiding: it looks for faces to cover too, small and half-sure ones.

    Raises:
        OptionError: the model cannot tell these emotions.
        ModelError: there is no such model, or it is damaged.
    """
    options = ReadOptions(model=model, emotions=emotions)
    if live:
        options = replace(options, min_face=_LEAST_HIDDEN if hiding else _LEAST_FACE, threads=1)
    reader = Reader(hiding_options(options) if hiding else options)
    reader.read(
        np.zeros((SIDE * 3 // 4, SIDE, 3), np.uint8)
    )  # loads the detector too, so that the first frame does not
    return reader


class Eye:
    """Watches one camera.

    Args:
        reader: reads the frames.
        min_confidence: readings less sure than this abstain; may be set anew at any time.
        hider: covers all but one person, or None.
        shows: whether images may be shown; else none is remembered.

    Attributes:
        session: what was seen so far.
    """

    def __init__(
        self, reader: Reader, min_confidence: float = 0.5, hider: LiveHider | None = None, *, shows: bool = True
    ) -> None:
        self.min_confidence = min_confidence
        self._hider, self._shows = hider, shows
        self.session = LiveSession(reader.emotions)
        self._reader = reader
        self._follower = Tracker(RATE)
        self._began = time.monotonic()
        self._index = 0
        self._last_s = self._watched_s = 0.0
        self._one_at_a_time = threading.Lock()  # a tracker must not see two frames at once

    def look(self, image: npt.NDArray[np.uint8]) -> tuple[Frame, list[Reading]]:
        """Take in what the camera sees now.

        Args:
            image: uint8 (H, W, 3), RGB, 0-255.

        Returns:
            The frame, its long side brought to ``SIDE`` pixels, and its readings.
        """
        start = time.monotonic()
        with self._one_at_a_time:
            frame = Frame(_sized(image), "camera", self._index, start - self._began)
            self._index += 1
            read = [replace(one, min_confidence=self.min_confidence) for one in self._reader.read(frame.image)]
            self._watched_s += min(frame.time_s - self._last_s, _LONGEST_GAP_S)
            self._last_s = frame.time_s
            readings = self._follower.follow(replace(frame, time_s=self._watched_s), read)
            if self._hider:
                frame, readings = self._hider.hide(frame, readings)
            remembered = frame if self._shows else replace(frame, image=_NOTHING)
            self.session.take(remembered, readings, time.monotonic() - start)
        return frame, readings

    def see(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """As ``look``, but gives a copy of the frame with its faces marked: uint8 (H, W, 3), RGB, 0-255."""
        return mark(*self.look(image))


def _sized(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    if scale == 1:
        return image
    size = max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))  # video has even sides
    return np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), np.uint8
    )
