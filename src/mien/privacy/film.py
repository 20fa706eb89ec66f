"""What a film's people are remembered by until it is known who of them may be seen."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ..detect.choosing import score_needed
from ..draw.cover import covered
from ..values.face import Box, Face
from ..values.frame import Frame
from ..values.options import ReadOptions
from ..values.reading import Reading
from .gaps import AHEAD_S, HELD_S, between, grown
from .hiding import inside

_FIXED = 8  # numbers of a reading that come before those of its emotions


class FilmHider:
    """Reads first, covers afterwards: who is in sight the longest is known at the end of a film only.

    Memory holds some 150 bytes for each face of each frame, and no picture.

    Args:
        options: how to read, before ``hiding_options``.
        emotions: the label set.
    """

    def __init__(self, options: ReadOptions, emotions: tuple[str, ...]) -> None:
        self._least, self._emotions, self._unsure_below = score_needed(options), emotions, options.unsure_below
        self._frames: list[tuple[int, float]] = []
        self._packed: list[npt.NDArray[np.float32]] = []
        self._sure: Counter[int] = Counter()
        self._seen: dict[int, list[tuple[float, int]]] = {}

    def add(self, frame: Frame, readings: Sequence[Reading]) -> None:
        """Remember a frame: all faces in it, with their tracks, the half-sure ones too."""
        for reading in readings:
            number = reading.track or 0
            self._sure[number] += reading.face.score >= self._least
            self._seen.setdefault(number, []).append((frame.time_s, len(self._frames)))
        self._frames.append((frame.index, frame.time_s))
        self._packed.append(np.array([_packed(reading) for reading in readings], np.float32))

    def people(self) -> dict[int, int]:
        """Number of each person who was read at all, with the frames they were read in; those seen longest first."""
        return {number: count for number, count in self._sure.most_common() if count}

    def chosen(self, keep: Sequence[int] = ()) -> frozenset[int]:
        """Who may be seen: the numbers given, or whoever was read in the most frames."""
        return frozenset(keep) if keep else frozenset(list(self.people())[:1])

    def hidden(self, kept: frozenset[int]) -> list[tuple[int, float, float]]:
        """Number, first and last time in seconds of each person who may not be seen; those seen longest first."""
        return [
            (number, self._seen[number][0][0], self._seen[number][-1][0])
            for number in self.people()
            if number not in kept
        ]

    def readings(self, kept: frozenset[int]) -> Iterator[tuple[int, float, list[Reading]]]:
        """Number, time and readings of each frame, of those who may be seen."""
        for place, (index, time_s) in enumerate(self._frames):
            found = [one for one in self._unpacked(place) if one.track in kept and one.face.score >= self._least]
            yield index, time_s, found

    def cover(self, place: int, frame: Frame, kept: frozenset[int]) -> Frame:
        """Cover the others in a frame.

        Who is not found in it, but was a moment ago or will be in a moment, is covered where they must be.

        Args:
            place: how many frames were added before it.
            frame: its picture.
            kept: who may be seen.
        """
        now, found = self._frames[place][1], self._unpacked(place)
        spared = [one.face.box for one in found if one.track in kept]
        others = [
            one.face.box
            for one in found
            if one.track not in kept
            and not (one.face.score < self._least and any(inside(one.face.box, box) for box in spared))
        ]
        here = {one.track for one in found}
        unseen = [
            box
            for number in self._seen
            if number not in kept and number not in here and (box := self._about(number, now)) is not None
        ]
        return covered(frame, others, spared, unseen)

    def _about(self, number: int, now: float) -> Box | None:
        """Where somebody must be who is not found now; None where they are not near in time."""
        times = self._seen[number]
        after = bisect_right(times, (now, len(self._frames)))
        before = self._box(number, times[after - 1]) if after and now - times[after - 1][0] <= HELD_S else None
        later = self._box(number, times[after]) if after < len(times) and times[after][0] - now <= AHEAD_S else None
        if before and later:
            return between(before, later)
        if before:
            return grown(before, now - times[after - 1][0])
        return grown(later, times[after][0] - now) if later else None

    def _box(self, number: int, seen: tuple[float, int]) -> Box:
        return next(one.face.box for one in self._unpacked(seen[1]) if one.track == number)

    def _unpacked(self, place: int) -> list[Reading]:
        return [self._reading(row) for row in self._packed[place]]

    def _reading(self, row: npt.NDArray[np.float32]) -> Reading:
        numbers, shares = row[:_FIXED].tolist(), row[_FIXED:].reshape(3, -1)
        face = Face(Box(*numbers[:4]), numbers[4])
        detail = None if np.isnan(numbers[7]) else numbers[7]
        votes, raw = (None if np.isnan(one).any() else one for one in shares[1:])
        number = int(numbers[5])
        return Reading(face, self._emotions, shares[0], votes, numbers[6], self._unsure_below, number, raw, detail)


def _packed(reading: Reading) -> list[float]:
    unknown = [float("nan")] * len(reading.emotions)
    detail = float("nan") if reading.detail is None else reading.detail
    given = [*reading.face.box.xyxy, reading.face.score, reading.track or 0, reading.covered, detail]
    votes, raw = (unknown if one is None else one.tolist() for one in (reading.votes, reading.raw))
    return [*given, *reading.probabilities.tolist(), *votes, *raw]
