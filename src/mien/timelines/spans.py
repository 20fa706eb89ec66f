"""How long each reading stands, and spans of one emotion without flickers."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_ROUNDING = 1e-6
#: A video with one frame: as long as a frame at 25 a second.
_ALONE_S = 0.04
#: No frame for this many usual steps: the video was not read here, or the camera was switched off.
_HOLE = 5.0


@dataclass(frozen=True)
class Span:
    """Time in which a face kept one emotion, or in which no reading of it could be relied on.

    Attributes:
        start_s: when it begins, in seconds from the start of the video.
        end_s: when it ends.
        emotion: the emotion; where ``unsure``, the one that was likeliest on the whole.
        confidence: the mean probability of ``emotion`` over the span, weighted by time, 0 to 1.
        unsure: the readings abstained here: do not rely on ``emotion``.
    """

    start_s: float
    end_s: float
    emotion: str
    confidence: float
    unsure: bool

    @property
    def seconds(self) -> float:
        """How long it lasts."""
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


def usual_step(frames: npt.NDArray[np.float64]) -> float:
    """The median time from one frame that was read to the next, in seconds.

    Args:
        frames: float64 (M,), the times of all frames of a video that were read, increasing, each once.
    """
    return float(np.median(np.diff(frames))) if len(frames) > 1 else _ALONE_S


def reading_durations(
    times: npt.NDArray[np.float64], frames: npt.NDArray[np.float64], step_s: float, shortest_s: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """How long each reading of a track stands.

    A reading stands until the face is seen again, if that is in the next frame that was read, or within ``shortest_s``:
    a detector that misses a frame or two makes no gap. Otherwise the face is lost from sight, and its last reading
    stands until the next frame, but for no more than one usual step. Frames more than five usual steps apart are a hole
    in the video, not a long look at one face.

    Args:
        times: float64 (N,), when the face was seen, increasing.
        frames: float64 (M,), the times of all frames of the video, increasing.
        step_s: the usual step.
        shortest_s: gaps up to this are no gaps.

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

    A run is consecutive readings of one likeliest emotion, all relied on, or consecutive readings none of which is; a gap
    ends it. Runs shorter than ``shortest_s`` are flickers. Beginning with the shortest (the earliest of equals), each is
    given to the longer of the runs before and after it (the earlier of equals), and neighbors that now say the same
    become one; this goes on until no flicker is left. A run between two gaps has no neighbor and stays, however short.

    Args:
        emotions: the label set, length K.
        times: float64 (N,), seconds, increasing.
        durations: float64 (N,), how long each reading stands.
        joined: bool (N,), the next reading follows without a gap.
        probabilities: float32 (N, K).
        unsure: bool (N,), the reading abstained.
        shortest_s: runs shorter than this are flickers; 0 keeps all.

    Returns:
        The spans in the order of time. A span's confidence is over all of its readings, flickers too.
    """
    states = np.where(unsure, len(emotions), probabilities.argmax(1))
    begins = np.flatnonzero(np.append(True, (states[1:] != states[:-1]) | ~joined[:-1]))
    ends = np.append(begins[1:], len(times))
    after = np.append(0.0, durations.cumsum())
    runs = _Runs(states[begins].tolist(), (after[ends] - after[begins]).tolist(), joined[ends - 1].tolist())
    runs.merge(shortest_s)

    summed = np.concatenate([np.zeros((1, len(emotions))), (probabilities * durations[:, None]).cumsum(0)])
    spans = []
    for first, last in runs.groups():
        begin, end = begins[first], ends[last]
        mean = (summed[end] - summed[begin]) / (after[end] - after[begin])
        relied_on = runs.states[first] < len(emotions)
        chosen = runs.states[first] if relied_on else int(mean.argmax())
        stop = float(times[end - 1] + durations[end - 1])
        confidence = min(1.0, float(mean[chosen]))
        spans.append(Span(float(times[begin]), stop, emotions[chosen], confidence, not relied_on))
    return tuple(spans)


class _Runs:
    """A chain of runs that are joined as flickers vanish; a run takes its neighbor to the right into itself."""

    def __init__(self, states: list[int], seconds: list[float], joined: list[bool]) -> None:
        self.states = states
        self._seconds = seconds
        self._joined = joined
        self._before = list(range(-1, len(states) - 1))
        self._last = list(range(len(states)))
        self._alive = [True] * len(states)

    def merge(self, shortest_s: float) -> None:
        """Give every flicker that has a neighbor to the longer of its neighbors."""
        least = shortest_s - _ROUNDING
        heap = [(seconds, run) for run, seconds in enumerate(self._seconds) if seconds < least]
        heapq.heapify(heap)
        while heap:
            seconds, run = heapq.heappop(heap)
            if not self._alive[run] or seconds != self._seconds[run]:
                continue  # it has grown or gone since
            beside = [other for other in (self._left(run), self._right(run)) if other is not None]
            if not beside:
                continue
            self.states[run] = self.states[max(beside, key=self._seconds.__getitem__)]
            left, right = self._left(run), self._right(run)
            if right is not None and self.states[right] == self.states[run]:
                self._take(run, right)
            if left is not None and self.states[left] == self.states[run]:
                self._take(left, run)
                run = left
            if self._seconds[run] < least:
                heapq.heappush(heap, (self._seconds[run], run))

    def groups(self) -> Iterator[tuple[int, int]]:
        """The first and the last of the original runs in each that is left."""
        return ((run, self._last[run]) for run, alive in enumerate(self._alive) if alive)

    def _left(self, run: int) -> int | None:
        before = self._before[run]
        return before if before >= 0 and self._joined[self._last[before]] else None

    def _right(self, run: int) -> int | None:
        after = self._last[run] + 1
        return after if after < len(self.states) and self._joined[self._last[run]] else None

    def _take(self, run: int, right: int) -> None:
        self._seconds[run] += self._seconds[right]
        self._last[run] = self._last[right]
        self._alive[right] = False
        if self._last[run] + 1 < len(self.states):
            self._before[self._last[run] + 1] = run
