"""Steady the readings of one person over time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..errors import OptionError
from ..types import Reading

#: Seconds after which a frame counts e times less. Chosen from data: see ``docs/concepts/tracking.md``.
SECONDS = 0.5


class FadingMean:
    """The mean of all values so far, a value that is ``t`` seconds old counting ``exp(-t / seconds)``.

    It is kept by ``w_n = 1 + w_(n-1) exp(-(t_n - t_(n-1)) / seconds)`` and ``m_n = m_(n-1) + (x_n - m_(n-1)) / w_n``: at an
    even rate, exponential smoothing (Brown 1963, "Smoothing, Forecasting and Prediction of Discrete Time Series"); the
    divisor takes away its bias to the first value, as in Adam (Kingma and Ba 2015, arXiv 1412.6980, section 3).
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._weight, self._time_s = seconds, 0.0, 0.0
        self._mean: npt.NDArray[np.float64] | None = None

    def add(self, time_s: float, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Take in values of any shape at a time in seconds, not before the last; the mean now."""
        given, before = np.asarray(values, np.float64), self._mean
        self.restore(time_s, given)
        if before is not None:
            self._mean = before + (given - before) / self._weight
        return np.asarray(self._mean)

    def restore(self, time_s: float, mean: npt.ArrayLike) -> None:
        """Stand as after an ``add`` at ``time_s`` that returned ``mean``."""
        self._weight = 1 + self._weight * math.exp((self._time_s - time_s) / self._seconds)
        self._time_s, self._mean = time_s, np.asarray(mean, np.float64)


class Smoother:
    """Steadies the readings of one person: probabilities, vote shares and ``in_label_set``, each by a ``FadingMean``."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._probabilities, self._votes, self._in_label_set = (FadingMean(seconds) for _ in range(3))
        self._emotions: tuple[str, ...] | None = None

    def smooth(self, time_s: float, reading: Reading, track_id: int) -> Reading:
        """``reading`` as that of a person, smoothed; ``OptionError`` where it has another label set than the last."""
        self._check(reading)
        votes = None if reading.vote_shares is None else self._votes.add(time_s, reading.vote_shares).astype(np.float32)
        return replace(
            reading,
            probabilities=self._probabilities.add(time_s, reading.probabilities).astype(np.float32),
            vote_shares=votes,
            in_label_set=float(self._in_label_set.add(time_s, reading.in_label_set)),
            track_id=track_id,
            frame_probabilities=reading.probabilities,
        )

    def restore(self, time_s: float, smoothed: Reading) -> None:
        """Stand as after a ``smooth`` that returned ``smoothed``."""
        self._check(smoothed)
        self._probabilities.restore(time_s, smoothed.probabilities)
        self._in_label_set.restore(time_s, smoothed.in_label_set)
        if smoothed.vote_shares is not None:
            self._votes.restore(time_s, smoothed.vote_shares)

    def _check(self, reading: Reading) -> None:
        before, self._emotions = self._emotions or reading.emotions, reading.emotions
        if before != reading.emotions:
            raise OptionError(
                f"reading: got the label set {', '.join(reading.emotions)}, expected {', '.join(before)}",
                hint="Begin with a new Tracker when the label set changes.",
            )
