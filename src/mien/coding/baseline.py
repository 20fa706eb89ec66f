"""A person's baseline, and the change from it: for people whose resting face reads as something else than neutral.

The change of an emotion is a difference in log-odds, ``log(p / (1 - p))``: the same step has the same meaning near 0, at one
half and near 1. Probabilities are first limited to the range from 0.005 to 0.995, since tables hold four decimals. The
baseline is the mean of the log-odds over its time, weighted by the duration of each reading, and includes unsure readings.
A change of 0 is the person's usual face, and +1 multiplies the odds of the emotion by 2.7.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import OptionError
from ..io.delimited import parse_time
from ..timelines.timeline import TrackTimeline

Floats = npt.NDArray[np.float64]

#: Probabilities closer to 0 or 1 count as this far from them.
MIN_PROBABILITY = 0.005
#: Length of the calmest span in seconds, and the share of it in which the face must be visible.
CALM_S, _MIN_SEEN = 10.0, 0.9
_ROUNDING = 1e-6
#: What reports say about a change.
CHANGE_TERM = (
    "Change from the baseline",
    "Difference between the mean log-odds, log(p / (1 - p)), and their mean in the baseline; p is limited to the range from "
    f"{MIN_PROBABILITY:g} to {1 - MIN_PROBABILITY:g}. 0 is the usual face; +1 multiplies the odds of the emotion by 2.7.",
)


class BaselineKind(str, Enum):
    """Where a baseline lies."""

    WINDOW = "window"
    LABEL = "label"
    CALMEST = "calmest"


@dataclass(frozen=True)
class Baseline:
    """Which time of a video shows a person's usual face; ``Baseline.parse`` reads it from text.

    Attributes:
        kind: a window of time; the time of an event or condition with a label; or the calmest span.
        start_s, end_s: the window, in seconds.
        label: the label.
        length_s: length of the calmest span: the one in which the log-odds vary least.
    """

    kind: BaselineKind
    start_s: float = 0.0
    end_s: float = 0.0
    label: str = ""
    length_s: float = CALM_S

    @staticmethod
    def parse(text: str) -> Baseline:
        """Read a baseline: ``0:00-0:30``, ``calmest``, ``calmest:20s``, or the label of an event or condition.

        Raises:
            OptionError: the text is empty, or the window ends before it starts.

        Example:
            >>> Baseline.parse("0:10-0:30").end_s
            30.0
        """
        text = text.strip()
        if found := re.fullmatch(r"([\d:.]+)\s*s?\s*-\s*([\d:.]+)\s*s?", text):
            start_s, end_s = (_seconds(part, text) for part in found.groups())
            if end_s <= start_s:
                raise _invalid(text)
            return Baseline(BaselineKind.WINDOW, start_s, end_s)
        if found := re.fullmatch(r"calmest(?::\s*([\d.]+)\s*s?)?", text):
            length_s = _seconds(found[1], text) if found[1] else CALM_S
            if length_s <= 0:
                raise _invalid(text)
            return Baseline(BaselineKind.CALMEST, length_s=length_s)
        if not text:
            raise _invalid(text)
        return Baseline(BaselineKind.LABEL, label=text)

    def level(self, tracks: Sequence[TrackTimeline], spans: Sequence[tuple[float, float]] = ()) -> BaselineLevel | None:
        """The usual level of a person; None if the face was not visible in the baseline.

        Args:
            tracks: the tracks of the person, at least one.
            spans: start and end of the events with ``label``, in seconds, if the baseline has one.
        """
        if self.kind is BaselineKind.WINDOW:
            spans = ((self.start_s, self.end_s),)
        elif self.kind is BaselineKind.CALMEST:
            longest = max(tracks, key=lambda track: track.seen_s)
            calm = calmest_span(longest, self.length_s)
            spans, tracks = (calm,) if calm else (), (longest,)
        seen_s, summed = 0.0, np.zeros(len(tracks[0].emotions))
        for track in tracks:
            for span in spans:
                seconds = seconds_in(track, *span)
                seen_s += float(seconds.sum())
                summed += seconds @ log_odds(track.probabilities)
        if seen_s <= _ROUNDING:
            return None
        return BaselineLevel(min(start for start, _ in spans), max(end for _, end in spans), seen_s, summed / seen_s)


@dataclass(frozen=True, eq=False)
class BaselineLevel:
    """The usual level of a person.

    Attributes:
        start_s, end_s: where it was measured, in seconds.
        seen_s: how long the face was visible there, in seconds; above 0.
        log_odds: float64 (K,), mean log-odds of each emotion, natural logarithm.
    """

    start_s: float
    end_s: float
    seen_s: float
    log_odds: Floats


def log_odds(probabilities: npt.NDArray[Any]) -> Floats:
    """The natural logarithm of ``p / (1 - p)`` of probabilities limited to 0.005 to 0.995; float64, of any shape."""
    limited = np.clip(np.asarray(probabilities, np.float64), MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return np.asarray(np.log(limited) - np.log1p(-limited))


def change_from(track: TrackTimeline, level: BaselineLevel) -> Floats:
    """The change of each reading from the baseline: float64 (N, K), differences in log-odds."""
    return np.asarray(log_odds(track.probabilities) - level.log_odds)


def seconds_in(track: TrackTimeline, start_s: float, end_s: float) -> Floats:
    """How long each reading of a track is visible between two times: float64 (N,), seconds."""
    return np.asarray(np.maximum(0.0, np.minimum(reading_ends(track), end_s) - np.maximum(track.times, start_s)))


def reading_ends(track: TrackTimeline) -> Floats:
    """The end of each reading: float64 (N,), seconds; never after the start of the next."""
    return np.asarray(np.minimum(track.times + track.durations, np.append(track.times[1:], np.inf)))


def calmest_span(track: TrackTimeline, length_s: float) -> tuple[float, float] | None:
    """The span in which the log-odds of all emotions vary least, the earliest of equals.

    Spans start at a reading. The face must be visible for 90% of a span. The measure is the variance over time, weighted by
    duration and summed over emotions.

    Returns:
        Start and end in seconds; None if the face is never visible that long.
    """
    ends, values = reading_ends(track), log_odds(track.probabilities)
    seconds = ends - track.times
    # Integrals from the start: they grow while a reading lasts, and rest in a gap
    when = np.stack([track.times, ends], 1).ravel()
    columns = np.column_stack([np.ones(len(seconds)), values, (values**2).sum(1)]) * seconds[:, None]
    grown = np.concatenate([np.zeros((1, columns.shape[1])), columns.cumsum(0)])
    integral = np.stack([grown[:-1], grown[1:]], 1).reshape(len(when), -1)
    starts = track.times
    inside = np.stack(
        [np.interp(starts + length_s, when, c) - np.interp(starts, when, c) for c in integral.T], 1
    )  # (N, 1 + K + 1)
    fits = inside[:, 0] >= _MIN_SEEN * length_s - _ROUNDING
    if not fits.any():
        return None
    seen = np.where(fits, inside[:, 0], 1.0)
    spread = inside[:, -1] / seen - ((inside[:, 1:-1] / seen[:, None]) ** 2).sum(1)
    start_s = float(starts[int(np.argmin(np.where(fits, spread.round(9), np.inf)))])
    return start_s, start_s + length_s


def _seconds(text: str, whole: str) -> float:
    try:
        return parse_time(text)
    except OptionError as error:
        raise _invalid(whole) from error


def _invalid(text: str) -> OptionError:
    return OptionError(
        f"baseline: got {text!r}, expected a window such as 0:00-0:30, 'calmest', or the label of an event",
        hint="The end of a window comes after its start.",
        field="baseline",
        value=text,
    )
