"""Synthetic tables of videos."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from mien import timeline
from mien.emotions import EMOTIONS
from mien.io.tables import Row, columns, rows, write_table
from mien.timelines.timeline import VideoTimeline
from mien.types import Box, Face, Frame, Reading

#: (time, track -> emotion); ``sad?`` is an unsure reading, None one without a track
Script = Sequence[tuple[float, dict[int | None, str]]]
IMAGE = np.zeros((2, 2, 3), np.uint8)


def reading(word: str, track: int | None) -> Reading:
    emotion, sure = word.removesuffix("?"), 0.4 if word.endswith("?") else 0.8
    probabilities = np.full(len(EMOTIONS), (1 - sure) / (len(EMOTIONS) - 1), np.float32)
    probabilities[EMOTIONS.index(emotion)] = sure
    raw = probabilities if track is not None else None
    return Reading(Face(Box(0, 0, 1, 1)), EMOTIONS, probabilities, track_id=track, frame_probabilities=raw)


def video_rows(script: Script, name: str = "videos/talk.mp4") -> Iterator[Row]:
    for index, (time, faces) in enumerate(script):
        readings = [reading(word, track) for track, word in faces.items()]
        yield from rows(Frame(IMAGE, name, index, time), readings, EMOTIONS, video=True)


def steady(words: Sequence[str | None], step: float = 0.1, track: int = 1, start: float = 0.0) -> Script:
    """One face at a steady rate; None where it is not seen."""
    return [(start + step * i, {track: word} if word else {}) for i, word in enumerate(words)]


def videos_of(*arguments, **options) -> tuple[VideoTimeline, ...]:
    """The videos of a timeline."""
    return timeline(*arguments, **options).videos


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Writes videos as ``mien read`` does, under any name."""

    def write(*scripts: Script, name: str = "results.csv") -> Path:
        path = tmp_path / name
        made = (row for i, script in enumerate(scripts) for row in video_rows(script, f"videos/{i}.mp4"))
        write_table(path, columns(EMOTIONS, video=True), made)
        return path

    return write
