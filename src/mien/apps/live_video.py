"""Read a video that was given to the live page, and keep what the page shows of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..drawing import annotate
from ..io.rows import Row, rows
from ..io.video import Video
from ..progress import Progress
from ..reader import Reader
from ..types import Frame, Reading
from ..video import process_video
from .live_server import MOST_MEGAPIXELS

#: Videos are read once every so many seconds of their own time.
INTERVAL_S = 0.2
#: By how much a reading must be surer than the clearest so far to take its place.
_CLEARER = 0.02
_IMAGE_SIDE = 640
#: Points of a person's chart; more than a screen can show would only slow it down.
_MOST_POINTS = 400


@dataclass(frozen=True, eq=False)
class Role:
    """One person in a video.

    Attributes:
        track_id: its number.
        seen_s: for how long it was seen, in seconds.
        clearest: about its strongest reading.
        clearest_s: when that was.
        image: the annotated frame of that moment, a small JPEG: a video may have many people, and large frames.
        times_s: float64 (T,), from the start to the end of the video.
        shares: float32 (T, K): its mean probabilities around each time; zeros where it was not seen.
    """

    track_id: int
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
        problem: what could not be read; "" where all could.
    """

    rows: list[Row]
    roles: list[Role]
    duration_s: float
    problem: str


def read_video(path: Path, name: str, reader: Reader, min_confidence: float, progress: Progress) -> VideoRead:
    """Read a video five times a second.

    Args:
        path: the file.
        name: what to call it in the table and in messages.
        reader: reads the frames.
        min_confidence: limit under which a reading is unsure, 0 to 1.
        progress: called with frames done and frames in total.

    Raises:
        SourceError: it cannot be read as a video.
        TooLargeError: its frames are too large.
        MissingExtraError: PyAV is not installed.
    """
    table: list[Row] = []
    seen: dict[int, list[tuple[float, Reading]]] = {}
    clearest: dict[int, tuple[Reading, float, bytes]] = {}

    def take(frame: Frame, followed: Sequence[Reading]) -> None:
        readings = [replace(one, min_confidence=min_confidence) for one in followed]
        table.extend(rows(frame, readings, reader.emotions, video=True))
        for reading in readings:
            track_id = reading.track_id or 0
            seen.setdefault(track_id, []).append((frame.time_s, reading))
            if track_id not in clearest or reading.confidence > clearest[track_id][0].confidence + _CLEARER:
                clearest[track_id] = reading, frame.time_s, _image(frame, readings)

    video = Video(path, interval_s=INTERVAL_S, max_megapixels=MOST_MEGAPIXELS, name=name)
    result = process_video(video, sinks=[take], progress=progress, keep_rows=False, reader=reader)
    end_s = result.end_s + INTERVAL_S
    roles = [_role(track_id, past, end_s, *clearest[track_id]) for track_id, past in seen.items()]
    roles.sort(key=lambda role: -role.seen_s)
    return VideoRead(table, roles, end_s, result.problem)


def _role(
    track_id: int, past: list[tuple[float, Reading]], end_s: float, clearest: Reading, clearest_s: float, image: bytes
) -> Role:
    points = max(1, min(_MOST_POINTS, round(end_s / INTERVAL_S)))
    sums, counts = np.zeros((points, len(clearest.emotions))), np.zeros(points)
    for time_s, reading in past:
        point = min(points - 1, int(time_s / end_s * points + 1e-6))
        sums[point] += reading.probabilities
        counts[point] += 1
    shares = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
    return Role(
        track_id, len(past) * INTERVAL_S, clearest, clearest_s, image, np.arange(points) * end_s / points, shares
    )


def _image(frame: Frame, readings: list[Reading]) -> bytes:
    image = Image.fromarray(annotate(frame, readings))
    image.thumbnail((_IMAGE_SIDE, _IMAGE_SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()
