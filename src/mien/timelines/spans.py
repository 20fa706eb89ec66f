"""Durations of readings, and spans of one emotion without flickers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_ROUNDING = 1e-6
#: No frame for this many usual steps: the video was not read here, or the camera was switched off.
_HOLE = 5.0


@dataclass(frozen=True)
class Span:
    """Time in which a face kept one emotion, or in which its readings abstained.

    Attributes:
        start_s, end_s: in seconds from the start of the video.
        emotion: the likeliest emotion, also if ``unsure``.
        confidence: the mean probability of ``emotion`` over the span, weighted by time, 0 to 1.
        unsure: the readings abstained, so ``emotion`` is unreliable.
    """

    start_s: float
    end_s: float
    emotion: str
    confidence: float
    unsure: bool

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.end_s - self.start_s

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; times with 3 decimals, the confidence with 4."""
        return {
            "start_s": round(self.start_s, 3),
            "end_s": round(self.end_s, 3),
            "emotion": self.emotion,
            "confidence": round(self.confidence, 4),
            "unsure": self.unsure,
        }


def reading_durations(
    times: npt.NDArray[np.float64], frames: npt.NDArray[np.float64], step_s: float, shortest_s: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return how long each reading of a track lasts.

    A reading lasts until the next reading if that is in the next frame or within ``shortest_s``, so that a missed detection
    causes no gap. Otherwise it lasts until the next frame, at most one usual step. Frames more than five usual steps apart
    are a hole in the video.

    Args:
        times: float64 (N,), times of the readings, increasing.
        frames: float64 (M,), the times of all frames of the video, increasing.
        step_s: the usual time from one frame to the next.
        shortest_s: gaps up to this are ignored.

    Returns:
        float64 (N,), seconds; and bool (N,), whether the next reading follows without a gap (never after the last).
    """
    again = np.append(np.diff(times), np.inf)
    after = np.searchsorted(frames, times + _ROUNDING)
    frame = np.append(frames, np.inf)[after] - times
    joined = (again <= frame + _ROUNDING) & (again <= _HOLE * step_s + _ROUNDING) | (again <= shortest_s + _ROUNDING)
    return np.where(joined, again, np.minimum(frame, step_s)), joined


def spans_of(
    emotions: tuple[str, ...],
    times: npt.NDArray[np.float64],
    durations: npt.NDArray[np.float64],
    joined: npt.NDArray[np.bool_],
    probabilities: npt.NDArray[np.float32],
    unsure: npt.NDArray[np.bool_],
    shortest_s: float,
) -> tuple[Span, ...]:
    """The spans of a track.

    A run is a series of readings with one likeliest emotion, or a series of readings that abstained; a gap ends it. Runs
    shorter than ``shortest_s`` are flickers. Starting with the shortest (the earliest of equals), each flicker is merged
    into the longer neighbor (the earlier of equals), and equal neighbors are joined, until no flicker is left. A run between
    two gaps has no neighbor and stays.

    A span's confidence is the mean over all its readings, including flickers.

    Args:
        emotions: the label set, length K.
        times: float64 (N,), seconds, increasing.
        durations: float64 (N,), of ``reading_durations``.
        joined: bool (N,), likewise.
        probabilities: float32 (N, K).
        unsure: bool (N,), the reading abstained.
        shortest_s: runs shorter than this are flickers; 0 keeps all.
    """
    states = np.where(unsure, len(emotions), probabilities.argmax(1))
    begins = np.flatnonzero(np.append(True, (states[1:] != states[:-1]) | ~joined[:-1]))
    after = np.append(0.0, durations.cumsum())
    states, begins = _without_flickers(states[begins], begins, joined, after, shortest_s - _ROUNDING)
    summed = np.concatenate([np.zeros((1, len(emotions))), (probabilities * durations[:, None]).cumsum(0)])
    spans = []
    for state, begin, end in zip(states.tolist(), begins, np.append(begins[1:], len(times))):
        mean = (summed[end] - summed[begin]) / (after[end] - after[begin])
        is_unsure = state == len(emotions)
        chosen = int(mean.argmax()) if is_unsure else state
        stop = float(times[end - 1] + durations[end - 1])
        spans.append(Span(float(times[begin]), stop, emotions[chosen], min(1.0, float(mean[chosen])), is_unsure))
    return tuple(spans)


def _without_flickers(
    states: npt.NDArray[np.int64],
    begins: npt.NDArray[np.int64],
    joined: npt.NDArray[np.bool_],
    after: npt.NDArray[np.float64],
    least_s: float,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """State and first reading of each run that is left once flickers are given to their neighbors."""
    while True:
        ends = np.append(begins[1:], len(after) - 1)
        seconds, to_next = after[ends] - after[begins], joined[ends - 1]
        to_last = np.append(False, to_next[:-1])
        flickers = (seconds < least_s) & (to_last | to_next)
        if not flickers.any():
            return states, begins
        run = int(np.argmin(np.where(flickers, seconds, np.inf)))
        beside = [run - 1] * bool(to_last[run]) + [run + 1] * bool(to_next[run])
        states[run] = states[max(beside, key=seconds.__getitem__)]
        differs = np.append(True, ~to_next[:-1] | (states[1:] != states[:-1]))
        states, begins = states[differs], begins[differs]
