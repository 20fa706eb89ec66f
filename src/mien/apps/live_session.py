"""A live session: what the camera shows is read, followed, masked and remembered."""

from __future__ import annotations

import io
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from ..drawing import annotate
from ..io.rows import Value, columns, rows
from ..io.tables import write_csv
from ..options import ReadOptions
from ..reader import Reader
from ..redaction import LiveMasker, masking_options
from ..tracking.tracker import Tracker
from ..types import Frame, Reading

#: How far back the charts reach, in seconds.
SPAN_S = 60.0
#: One point of a chart stands for so many seconds.
STEP_S = 1.0
#: Rows that are kept for the table: an hour of ten a second, about 35 MB. The oldest go first.
MOST_ROWS = 36_000
#: Who is away, and was seen for fewer steps than this, was most likely no face at all.
_FEW_STEPS = 3
#: A face that was not seen for so long is no longer called present.
GONE_S = 1.5


@dataclass(frozen=True, eq=False)
class Person:
    """One face over the last minute.

    Attributes:
        track_id: its number.
        reading: the newest reading of it.
        away_s: seconds since then.
        minute: float32 (SPAN_S / STEP_S, K): the mean probabilities in each step of the last minute, oldest first; zeros
            where the face was not seen.
    """

    track_id: int
    reading: Reading
    away_s: float
    minute: npt.NDArray[np.float32]

    @property
    def present(self) -> bool:
        """Whether the face is in the image now."""
        return self.away_s < GONE_S


class LiveSession:
    """Collects readings from the thread that reads, and gives them to the one that shows; holds a bounded amount.

    Args:
        emotions: the label set of all its readings.
        most_rows: rows to keep for the table.
    """

    def __init__(self, emotions: tuple[str, ...], most_rows: int = MOST_ROWS) -> None:
        self.emotions = emotions
        self._columns = columns(emotions, video=True)
        self._lock = threading.Lock()
        self._rows: deque[tuple[Value, ...]] = deque(maxlen=most_rows)
        self._made = 0
        self._past: dict[int, deque[tuple[float, Reading]]] = {}
        self._last: tuple[Frame, list[Reading]] | None = None
        self._pace: deque[tuple[float, float]] = deque(maxlen=12)

    def take(self, frame: Frame, readings: Sequence[Reading], took_s: float = 0.0) -> None:
        """Remember a frame.

        Args:
            frame: its ``time_s`` counts from the start of the session.
            readings: its faces, with tracks.
            took_s: seconds that reading it took.
        """
        made = [tuple(row[name] for name in self._columns) for row in rows(frame, readings, self.emotions, video=True)]
        with self._lock:
            self._rows.extend(made)
            self._made += len(made)
            self._last = (frame, list(readings))
            self._pace.append((time.monotonic(), took_s))
            for reading in readings:
                if reading.track_id is not None:
                    self._past.setdefault(reading.track_id, deque()).append((frame.time_s, reading))
            self._forget(frame.time_s - SPAN_S)

    def _forget(self, before_s: float) -> None:
        for track, past in list(self._past.items()):
            while past and past[0][0] < before_s:
                past.popleft()
            if not past:
                del self._past[track]

    @property
    def last(self) -> tuple[Frame, list[Reading]] | None:
        """The newest frame and its readings; None before the first."""
        with self._lock:
            return self._last

    @property
    def lost_rows(self) -> int:
        """How many of the oldest rows had to go."""
        with self._lock:
            return self._made - len(self._rows)

    @property
    def pace(self) -> tuple[float, float]:
        """Frames a second and seconds a frame, over the last few; zeros at the start and after two seconds of rest."""
        with self._lock:
            pace = list(self._pace)
        if len(pace) < 2 or time.monotonic() - pace[-1][0] > 2:
            return 0.0, 0.0
        return (len(pace) - 1) / max(1e-6, pace[-1][0] - pace[0][0]), sum(took for _, took in pace) / len(pace)

    def people(self) -> list[Person]:
        """Everybody seen for a while in the last minute: those in the image first, by number, then those seen last."""
        with self._lock:
            if self._last is None:
                return []
            now_s = self._last[0].time_s
            past = {track: list(seen) for track, seen in self._past.items()}
        people = [
            Person(track, seen[-1][1], now_s - seen[-1][0], _minute(seen, now_s, len(self.emotions)))
            for track, seen in past.items()
        ]
        known = [one for one in people if one.present or np.count_nonzero(one.minute.any(1)) >= _FEW_STEPS]
        return sorted(known, key=lambda one: (0.0, one.track_id) if one.present else (one.away_s, one.track_id))

    def csv(self) -> bytes:
        """The table of the session so far: UTF-8 CSV in the one row schema."""
        with self._lock:
            held = list(self._rows)
        file = io.BytesIO()
        write_csv(file, self._columns, (dict(zip(self._columns, values)) for values in held))
        return file.getvalue()


def _minute(seen: Sequence[tuple[float, Reading]], now_s: float, emotions: int) -> npt.NDArray[np.float32]:
    steps = round(SPAN_S / STEP_S)
    sums, counts = np.zeros((steps, emotions), np.float64), np.zeros(steps)
    for time_s, reading in seen:
        step = steps - 1 - int((now_s - time_s) / STEP_S)
        if 0 <= step < steps:
            sums[step] += reading.probabilities
            counts[step] += 1
    return (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)


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
def reader_for(model: str, emotions: str | None, *, live: bool, masking: bool = False) -> Reader:
    """One reader for all visitors who choose the same: its networks are loaded once.

    Args:
        model: as in ``ReadOptions``.
        emotions: likewise.
        live: it reads a camera. Then the other processor threads are left to coding and decoding the moving image, and
            to other visitors; taking them all made a frame three times slower on two busy cores.
        masking: it looks for faces to cover too, small and half-sure ones.

    Raises:
        OptionError: the model cannot tell these emotions.
        ModelError: there is no such model, or it is damaged.
    """
    options = ReadOptions(model=model, emotions=emotions)
    if live:
        options = replace(options, min_face=_LEAST_HIDDEN if masking else _LEAST_FACE, threads=1)
    reader = Reader(masking_options(options) if masking else options)
    reader.read(
        np.zeros((SIDE * 3 // 4, SIDE, 3), np.uint8)
    )  # loads the detector too, so that the first frame does not
    return reader


class Eye:
    """Watches one camera.

    Args:
        reader: reads the frames.
        min_confidence: readings less sure than this abstain; may be set anew at any time.
        masker: covers all but one person, or None.
        shows: whether images may be shown; else none is remembered.

    Attributes:
        session: what was seen so far.
    """

    def __init__(
        self, reader: Reader, min_confidence: float = 0.5, masker: LiveMasker | None = None, *, shows: bool = True
    ) -> None:
        self.min_confidence = min_confidence
        self._masker, self._shows = masker, shows
        self.session = LiveSession(reader.emotions)
        self._reader = reader
        self._tracker = Tracker(RATE)
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
            readings = self._tracker.update(replace(frame, time_s=self._watched_s), read)
            if self._masker:
                frame, readings = self._masker.mask(frame, readings)
            remembered = frame if self._shows else replace(frame, image=_NOTHING)
            self.session.take(remembered, readings, time.monotonic() - start)
        return frame, readings

    def see(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """As ``look``, but gives a copy of the frame with its faces marked: uint8 (H, W, 3), RGB, 0-255."""
        return annotate(*self.look(image))


def _sized(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    if scale == 1:
        return image
    size = max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))  # video has even sides
    return np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), np.uint8
    )
