"""From readings to spans: time of one emotion, without flickers."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .values import Span

_ROUNDING = 1e-6


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
