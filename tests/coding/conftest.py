"""Tracks with given probabilities, and the command line."""

from collections.abc import Callable

import numpy as np
import pytest

from mien.timelines.timeline import TrackTimeline

from ..cli.conftest import mien

__all__ = ["mien"]

EMOTIONS = ("happy", "sad", "neutral")


@pytest.fixture
def track() -> Callable[..., TrackTimeline]:
    """Makes a track from (happy, sad, neutral) per reading."""

    def make(rows, step: float = 0.5, start: float = 0.0, track_id: int = 1, times=None) -> TrackTimeline:
        probabilities = np.array(rows, np.float32)
        at = np.array(times, float) if times is not None else start + step * np.arange(len(rows))
        unsure = probabilities.max(1) < 0.5
        durations = np.full(len(rows), step)
        return TrackTimeline("a.mp4", track_id, EMOTIONS, at, durations, probabilities, unsure, ())

    return make
