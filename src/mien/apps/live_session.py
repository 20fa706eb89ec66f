"""What a session of watching remembers: the last image, the last minute, and the rows of its table."""

from __future__ import annotations

import io
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..io.rows import Value, columns, rows
from ..io.tables import write_csv
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
        track: its number.
        reading: the newest reading of it.
        away_s: seconds since then.
        minute: float32 (SPAN_S / STEP_S, K): the mean probabilities in each step of the last minute, oldest first; zeros
            where the face was not seen.
    """

    track: int
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
        return sorted(known, key=lambda one: (0.0, one.track) if one.present else (one.away_s, one.track))

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
