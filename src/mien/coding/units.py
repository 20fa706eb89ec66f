"""Time cut into units with the labels of a human coder and of the machine, and where these differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..emotions import EMOTIONS, parse
from ..io.annotations import Annotation
from ..timelines.timeline import TrackTimeline

Codes = npt.NDArray[np.int64]

#: Codes of units without a label, and of units in which readings abstained.
NO_LABEL, UNSURE = -1, -2


@dataclass(frozen=True)
class Disagreement:
    """Time in which a human and the machine gave different labels; ``person`` is the name or number in the table."""

    start_s: float
    end_s: float
    person: str
    human: str
    machine: str

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, eq=False)
class CodedUnits:
    """N units of equal length of one person.

    Attributes:
        person: name or number in the table.
        start_s, step_s: where the first begins, and the length of one, in seconds.
        human, machine: int64 (N,), labels as indices of ``EMOTIONS``; -1 without a label, -2 where readings abstained.
    """

    person: str
    start_s: float
    step_s: float
    human: Codes
    machine: Codes

    @classmethod
    def of(cls, track: TrackTimeline, events: Sequence[Annotation], step_s: float, gap: int = NO_LABEL) -> CodedUnits:
        """Cut the time from the first to the last annotation; ``gap`` is the code of time between annotations."""
        start_s, end_s = min(one.start_s for one in events), max(one.end_s for one in events)
        middles = start_s + step_s * (np.arange(max(1, round((end_s - start_s) / step_s))) + 0.5)
        human, machine = np.full(len(middles), gap), np.full(len(middles), NO_LABEL)
        for one in sorted(events, key=lambda one: one.start_s):
            human[slice(*np.searchsorted(middles, (one.start_s, one.end_s)))] = EMOTIONS.index(parse(one.label))
        for span in track.spans:
            code = UNSURE if span.unsure else EMOTIONS.index(span.emotion)
            machine[slice(*np.searchsorted(middles, (span.start_s, span.end_s)))] = code
        return cls(track.name or str(track.track_id), start_s, step_s, human, machine)

    @property
    def coded(self) -> npt.NDArray[np.bool_]:
        """Bool (N,), the human gave a label."""
        return np.asarray(self.human >= 0)

    @property
    def compared(self) -> npt.NDArray[np.bool_]:
        """Bool (N,), both gave a label."""
        return np.asarray(self.coded & (self.machine >= 0))

    @property
    def end_s(self) -> float:
        """Where the last ends, in seconds."""
        return self.start_s + self.step_s * len(self.human)

    @property
    def middles(self) -> npt.NDArray[np.float64]:
        """float64 (N,), the middle of each unit in seconds."""
        return np.asarray(self.start_s + self.step_s * (np.arange(len(self.human)) + 0.5))

    def tolerant(self, tolerance_s: float) -> Codes:
        """The human labels, replaced by the machine's where the human gave that at most so many seconds away."""
        human, width = self.human.copy(), round(tolerance_s / self.step_s)
        for shift in range(-width, width + 1):
            inside = slice(max(0, -shift), len(human) - max(0, shift))
            other = self.human[max(0, shift) : len(human) + min(0, shift)]
            same = other == self.machine[inside]
            human[inside] = np.where(same & (other >= 0), other, human[inside])
        return np.where(self.compared, human, self.human)

    def disagreements(self, tolerance_s: float) -> list[Disagreement]:
        """Runs of units with the same two labels that differ."""
        human, machine = self.tolerant(tolerance_s), self.machine
        differs = self.compared & (human != machine)
        same = (human[1:] == human[:-1]) & (machine[1:] == machine[:-1]) & differs[1:] & differs[:-1]
        starts = np.flatnonzero(differs & np.append(True, ~same))
        ends = np.flatnonzero(differs & np.append(~same, True)) + 1
        return [
            Disagreement(
                self.start_s + self.step_s * first,
                self.start_s + self.step_s * last,
                self.person,
                EMOTIONS[int(human[first])],
                EMOTIONS[int(machine[first])],
            )
            for first, last in zip(starts.tolist(), ends.tolist())
        ]
