"""A live session: what the camera shows is read, followed, masked and remembered."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..coding.tracks import TrackPart, name_rows
from ..drawing import annotate, encoded
from ..io.tables import FIXED_COLUMNS, PERSON, Value, columns, csv_bytes, rows
from ..io.video_sinks import NO_IMAGE
from ..options import ReadOptions
from ..reader import Reader
from ..redaction import LiveMasker, masking_options
from ..timelines.thumbnails import cropped
from ..tracking import LIVE_GAP_S, Tracker
from ..types import Box, Frame, Reading

#: How far back the charts reach, and the time that one point of them stands for, in seconds.
SPAN_S, STEP_S = 60.0, 1.0
#: Rows that are kept for the table: an hour of ten per second, about 35 MB. The oldest go first.
MAX_ROWS = 36_000
#: People whose faces are kept to be named, the side of their images in pixels, and how much clearer a new one must be.
MAX_FACES, SIDE_OF_FACE, _CLEARER = 24, 112, 1.1
#: Who is away, and was seen for fewer steps than this, was most likely no face at all.
_MIN_STEPS = 3
#: Faces that are shown beside the image: those in it, then those seen last.
MAX_SHOWN = 4
#: The panel beside the image waits for so many images, at most so many seconds, since an image takes this long to appear.
LAG_FRAMES, MAX_LAG_S = 3, 1.5
#: A face that was not seen for so long is no longer called present.
GONE_S = 1.5
#: A plain machine's frames per second; frames come as fast as they are read, and carry their times.
RATE = 10.0
#: Frames are resized to this long side, in pixels: browsers change the size of what they send as the network allows, and
#: to the tracker a face that changes its size is another one.
SIDE = 640
#: The smallest face to read, in such pixels, and the smallest to mask: smaller faces can still be recognized by people.
_MIN_FACE, _MIN_MASKED_FACE = 40, 20
#: Where reading a frame takes longer than the first, in seconds, only larger faces are searched; below the second, smaller
#: ones again. Sizes in pixels, and frames between two changes.
_SLOW_S, _FAST_S = 0.25, 0.06
_COARSER = (40, 56, 80)
_BETWEEN = 8
_TRACK = FIXED_COLUMNS.index("track_id")


@dataclass(frozen=True, eq=False)
class SeenPerson:
    """One face over the last minute: its newest reading, how many seconds ago that was, and whether it is still in sight.

    ``minute``, float32 (SPAN_S / STEP_S, K), has its mean probabilities in each step, oldest first; zeros where it was
    not seen.
    """

    track_id: int
    reading: Reading
    away_s: float
    present: bool
    minute: npt.NDArray[np.float32]


class LiveSession:
    """Collects readings from the thread that reads, and gives them to the one that shows; keeps ``max_rows`` rows."""

    def __init__(self, emotions: tuple[str, ...], max_rows: int = MAX_ROWS) -> None:
        self.emotions = emotions
        self._columns = columns(emotions, video=True)
        self._lock = threading.Lock()
        self._rows: deque[tuple[Value, ...]] = deque(maxlen=max_rows)
        self._made = 0
        self._past: deque[tuple[float, list[Reading]]] = deque()
        self._shot_start_s = 0.0
        self.last: tuple[Frame, list[Reading]] | None = None  # the newest frame and its readings
        self._shown: tuple[float, dict[int, Reading]] = (-np.inf, {})
        self._pace: deque[tuple[float, float]] = deque(maxlen=12)
        self._faces: dict[int, tuple[float, npt.NDArray[np.uint8]]] = {}  # how clear, and the image

    def add(self, frame: Frame, readings: Sequence[Reading], took_s: float = 0.0, *, shot_start_s: float = 0.0) -> None:
        """Remember a frame, whose ``time_s`` counts from the start of the session and whose reading took ``took_s``.

        People seen before ``shot_start_s``, the time of the last cut, are no longer in sight.
        """
        made = [tuple(row[name] for name in self._columns) for row in rows(frame, readings, self.emotions, video=True)]
        with self._lock:
            self._rows.extend(made)
            self._made += len(made)
            self._keep_faces(frame, readings)
            self.last = (frame, list(readings))
            self._pace.append((time.monotonic(), took_s))
            self._shot_start_s = shot_start_s
            self._past.append((frame.time_s, list(readings)))
            while self._past[0][0] < frame.time_s - SPAN_S:
                self._past.popleft()

    def _keep_faces(self, frame: Frame, readings: Sequence[Reading]) -> None:
        """Keep the clearest view of each of the newest people, if the frame has an image."""
        for reading in readings if frame.image is not NO_IMAGE else ():
            number, clear = reading.track_id or 0, reading.confidence * reading.face.box.height
            kept, _ = self._faces.get(number, (0.0, NO_IMAGE))
            if clear > _CLEARER * kept and (face := cropped(frame.image, reading.face.box)) is not None:
                self._faces[number] = clear, face
        while len(self._faces) > MAX_FACES:
            del self._faces[min(self._faces)]

    def faces(self) -> dict[int, bytes | None]:
        """The clearest view of each of the newest people, by number, as JPEG; None where images are not kept."""
        with self._lock:
            seen = {number for row in self._rows if isinstance(number := row[_TRACK], int)}
            faces = {number: face for number, (_, face) in self._faces.items()}
        return {n: encoded(faces[n], "JPEG", SIDE_OF_FACE) if n in faces else None for n in sorted(seen)[-MAX_FACES:]}

    @property
    def lost_rows(self) -> int:
        """How many of the oldest rows had to go."""
        with self._lock:
            return self._made - len(self._rows)

    @property
    def pace(self) -> tuple[float, float]:
        """Frames per second and seconds per frame, means of the last few; zeros before two, and after 2 s without one."""
        with self._lock:
            pace = list(self._pace)
        if len(pace) < 2 or time.monotonic() - pace[-1][0] > 2:
            return 0.0, 0.0
        return (len(pace) - 1) / max(1e-6, pace[-1][0] - pace[0][0]), sum(took for _, took in pace) / len(pace)

    @property
    def lag_s(self) -> float:
        """About how much later than it is read an image appears on the page, in seconds: longer on a slow machine."""
        rate, _ = self.pace
        return min(MAX_LAG_S, LAG_FRAMES / rate) if rate else 0.0

    def people(self, lag_s: float = 0.0) -> list[SeenPerson]:
        """Everybody seen for a while in the last minute: those in the image first, by number, then those seen last.

        With ``lag_s``, as of so many seconds before the newest result.
        """
        with self._lock:
            past, shot_start_s = list(self._past), self._shot_start_s
        if not past:
            return []
        past = [moment for moment in past if moment[0] <= past[-1][0] - lag_s] or past[:1]
        now_s = past[-1][0]
        by_track: dict[int, list[tuple[float, Reading]]] = {}
        for time_s, readings in past:
            for reading in readings:
                by_track.setdefault(reading.track_id or 0, []).append((time_s, reading))
        people = []
        for track_id, seen in by_track.items():
            last_s, reading = seen[-1]
            present = now_s - last_s < GONE_S and last_s >= shot_start_s
            minute = _minute(seen, now_s, len(self.emotions))
            people.append(SeenPerson(track_id, reading, now_s - last_s, present, minute))
        known = [one for one in people if one.present or np.count_nonzero(one.minute.any(1)) >= _MIN_STEPS]
        return sorted(known, key=lambda one: (0.0 if one.present else one.away_s, one.track_id))

    def show(self, people: Sequence[SeenPerson]) -> None:
        """Remember what the page says about people who are there, so that the marks in the image say the same."""
        with self._lock:
            self._shown = (time.monotonic(), {one.track_id: one.reading for one in people if one.present})

    def as_shown(self, readings: Sequence[Reading]) -> tuple[list[Reading], list[Box]]:
        """What to draw of the readings of a frame, so that the image never contradicts the page beside it.

        Returns:
            The readings that the page shows, with the boxes of this frame, where both have the same emotion; and the boxes
            of the others, which the page will show next.
        """
        with self._lock:
            at, shown = self._shown
        if time.monotonic() - at >= GONE_S:  # the page is not up to date
            return list(readings), []
        same, plain = [], []
        for one in readings:
            beside = shown.get(one.track_id or 0)
            if beside and beside.emotion == one.emotion and beside.abstained == one.abstained:
                same.append(replace(beside, face=one.face))
            elif not beside and len(shown) >= MAX_SHOWN:  # the page has no room for this person
                same.append(one)
            else:
                plain.append(one.face.box)
        return same, plain

    @property
    def age_s(self) -> float:
        """Seconds since the newest result; infinite before the first."""
        with self._lock:
            return time.monotonic() - self._pace[-1][0] if self._pace else np.inf

    def csv(self, parts: Sequence[TrackPart] = ()) -> bytes:
        """The table of the session so far: UTF-8 CSV in the one row schema, with the names of ``parts``.

        Raises:
            DataError: two people who are visible in the same frame have one name.
        """
        with self._lock:
            held = list(self._rows)
        made = [dict(zip(self._columns, values)) for values in held]
        if not parts:
            return csv_bytes(self._columns, made)
        known = {row["track_id"] for row in made}  # the oldest rows may be gone
        return csv_bytes((*self._columns, PERSON), name_rows(made, [part for part in parts if part.track_id in known]))


def _minute(seen: Sequence[tuple[float, Reading]], now_s: float, emotions: int) -> npt.NDArray[np.float32]:
    steps = round(SPAN_S / STEP_S)
    sums, counts = np.zeros((steps, emotions), np.float64), np.zeros(steps)
    for time_s, reading in seen:
        step = steps - 1 - int((now_s - time_s) / STEP_S)
        if 0 <= step < steps:
            sums[step] += reading.probabilities
            counts[step] += 1
    return (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)


@lru_cache(maxsize=4)
def reader_for(model: str, emotions: str | None, *, live: bool, masking: bool = False) -> Reader:
    """One reader for all visitors who choose the same; with ``masking`` it looks for small and half-sure faces too."""
    options = ReadOptions(model=model, emotions=emotions)
    if live:
        options = replace(options, min_face=_MIN_MASKED_FACE if masking else _MIN_FACE, rotate=0)
    reader = Reader(masking_options(options) if masking else options)
    reader.read(np.zeros((SIDE * 3 // 4, SIDE, 3), np.uint8))  # loads the detector too, before the first frame
    return reader


class LiveReader:
    """Reads one camera; ``min_confidence`` may change. Without ``keep_images``, ``session`` keeps readings only."""

    def __init__(
        self, reader: Reader, min_confidence: float = 0.5, masker: LiveMasker | None = None, *, keep_images: bool = True
    ) -> None:
        self.min_confidence = min_confidence
        self.session = LiveSession(reader.emotions)
        self._reader, self._masker, self._keep_images = reader, masker, keep_images
        self._tracker = Tracker(RATE, LIVE_GAP_S)
        self._began = time.monotonic()
        self._index = self._level = 0
        self._times: list[float] = []
        self._one_at_a_time = threading.Lock()  # a tracker must not see two frames at once

    def read(self, image: npt.NDArray[np.uint8]) -> tuple[Frame, list[Reading]]:
        """Read what the camera sees now, uint8 (H, W, 3); the frame, its long side ``SIDE`` pixels, and its readings."""
        start = time.monotonic()
        with self._one_at_a_time:
            frame = Frame(_resized(image), "camera", self._index, start - self._began)
            self._index += 1
            found = [replace(one, min_confidence=self.min_confidence) for one in self._reader.read(frame.image)]
            readings = self._tracker.update(frame, found)
            if self._masker:
                frame, readings = self._masker.mask(frame, readings)
            remembered = frame if self._keep_images else replace(frame, image=NO_IMAGE)
            took_s = time.monotonic() - start
            self.session.add(remembered, readings, took_s, shot_start_s=self._tracker.shot_start_s)
            if self._masker is None:  # small faces must be masked, however long it takes
                self._adapt(took_s)
        return frame, readings

    def _adapt(self, took_s: float) -> None:
        """Search for larger faces only on a slow machine."""
        self._times.append(took_s)
        if len(self._times) < _BETWEEN:
            return
        typical = float(np.median(self._times))
        self._times.clear()
        wanted = self._level + (typical > _SLOW_S) - (typical < _FAST_S)
        if wanted != self._level and 0 <= wanted < len(_COARSER):
            self._level = wanted
            self._reader = self._reader.sharing(replace(self._reader.options, min_face=_COARSER[wanted]))

    def annotate(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """As ``read``, but gives a copy of the frame with its faces marked: uint8 (H, W, 3), RGB, 0-255."""
        frame, readings = self.read(image)
        return annotate(frame, *self.session.as_shown(readings))


def _resized(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    if scale == 1:
        return image
    size = max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))  # video has even sides
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
