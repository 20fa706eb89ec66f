"""Read a video that was given to the page, and keep what the page shows of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..concurrency import worker_count
from ..drawing import mark
from ..io.rows import Row, rows
from ..io.video import Video
from ..reader import Reader
from ..types import Frame, Reading
from ..video import follow_video, video_tracker
from .live_settings import MOST_MEGAPIXELS

#: Videos are read once every so many seconds of their own time.
EVERY_S = 0.2
#: By how much a reading must be surer than the clearest so far to take its place.
_CLEARER = 0.02
_IMAGE_SIDE = 640
#: Points of a person's chart; more than a screen can show would only slow it down.
_MOST_POINTS = 400


@dataclass(frozen=True, eq=False)
class Role:
    """One person in a video.

    Attributes:
        track: its number.
        seen_s: for how long it was seen, in seconds.
        clearest: about its strongest reading.
        clearest_s: when that was.
        image: the marked frame of that moment, a small JPEG: a video may have many people, and large frames.
        times_s: float64 (T,), from the start to the end of the video.
        shares: float32 (T, K): its mean probabilities around each time; zeros where it was not seen.
    """

    track: int
    seen_s: float
    clearest: Reading
    clearest_s: float
    image: bytes
    times_s: npt.NDArray[np.float64]
    shares: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class VideoRead:
    """What was read off a video.

    Attributes:
        rows: its table.
        roles: its people, those seen longest first.
        duration_s: up to where it was read, in seconds.
        stopped: why reading ended early, in words; "" when it did not.
    """

    rows: list[Row]
    roles: list[Role]
    duration_s: float
    stopped: str


def read_video(
    path: Path, name: str, reader: Reader, min_confidence: float, progress: Callable[[float], None]
) -> VideoRead:
    """Read a video five times a second.

    Args:
        path: the file.
        name: what to call it in the table.
        reader: reads the frames.
        min_confidence: limit under which a reading is unsure, 0 to 1.
        progress: told the share that is done, 0 to 1, as often as that is known.

    Raises:
        SourceError: it is no video, or none that can be read.
        TooLargeError: its frames are too large.
        MissingExtraError: PyAV is not installed.
    """
    film = Video(path, interval_s=EVERY_S, max_megapixels=MOST_MEGAPIXELS)
    follower = video_tracker(film)
    table: list[Row] = []
    seen: dict[int, list[tuple[float, Reading]]] = {}
    clearest: dict[int, tuple[Reading, float, bytes]] = {}
    end_s = 0.0
    for frame, followed in follow_video(film, reader, follower, worker_count(0)):
        readings = [replace(one, min_confidence=min_confidence) for one in followed]
        end_s = frame.time_s + EVERY_S
        table += rows(replace(frame, name=name), readings, reader.emotions, video=True)
        for reading in readings:
            track = reading.track_id or 0
            seen.setdefault(track, []).append((frame.time_s, reading))
            if track not in clearest or reading.confidence > clearest[track][0].confidence + _CLEARER:
                clearest[track] = reading, frame.time_s, _image(frame, readings)
        if film.facts.duration_s:
            progress(min(1.0, end_s / film.facts.duration_s))
    roles = [_role(track, past, end_s, *clearest[track]) for track, past in seen.items()]
    roles.sort(key=lambda role: -role.seen_s)
    return VideoRead(table, roles, end_s, film.stopped.replace(str(path), name))


def _role(
    track: int, past: list[tuple[float, Reading]], end_s: float, clearest: Reading, clearest_s: float, picture: bytes
) -> Role:
    points = max(1, min(_MOST_POINTS, round(end_s / EVERY_S)))
    sums, counts = np.zeros((points, len(clearest.emotions))), np.zeros(points)
    for time_s, reading in past:
        point = min(points - 1, int(time_s / end_s * points + 1e-6))
        sums[point] += reading.probabilities
        counts[point] += 1
    shares = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    return Role(track, len(past) * EVERY_S, clearest, clearest_s, picture, np.arange(points) * end_s / points, shares)


def _image(frame: Frame, readings: list[Reading]) -> bytes:
    image = Image.fromarray(mark(frame, readings))
    image.thumbnail((_IMAGE_SIDE, _IMAGE_SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()
