"""Follow people through a film: who is who, and what each shows over time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..errors import OptionError
from ..values.frame import Frame
from ..values.reading import Reading
from .cuts import Cuts
from .smooth import Smoother
from .tracks import Tracks


class Follower:
    """Numbers the people in a film and smooths their readings over time.

    It goes by place and motion, not by looks: who is hidden or away for longer than ``tracks.LOST_S`` seconds comes back
    under a new number, and so does everybody after a cut. How well that works: ``docs/tracking.md``.

    Args:
        rate: frames per second, as they will come: of the film, or of the samples that are taken of it. A camera's may be
            a guess, for what counts is how much time goes by from frame to frame.

    Raises:
        OptionError: the rate is not a positive number.
        MissingExtraError: the package ``trackers`` is not installed.
    """

    def __init__(self, rate: float) -> None:
        if not (math.isfinite(rate) and rate > 0):
            raise OptionError(f"rate: got {rate}, expected more than 0 frames a second", hint="Give the film's rate.")
        self._interval = 1 / rate
        self._tracks = Tracks(rate)
        self._cuts = Cuts()
        self._smoothers: dict[int, Smoother] = {}
        self._clock = 0.0
        self._last_time_s = 0.0

    def follow(self, frame: Frame, readings: Sequence[Reading]) -> list[Reading]:
        """Take in the next frame.

        Args:
            frame: ``image`` shows whether a new scene begins, ``time_s`` how much time went by. A time that does not
                come after the last counts as one interval at the rate.
            readings: the faces of this frame; call it for frames without any, too.

        Returns:
            The readings in the same order, each with ``track``, a number that its person keeps from frame to frame (1, 2,
            3, ... in order of first appearance), smoothed ``probabilities``, ``votes`` and ``covered``, and ``raw``, the
            probabilities of this frame alone.

        Raises:
            OptionError: the label set is another than before.
        """
        self._advance(frame.time_s)
        if self._cuts.at(frame.image):
            self._tracks.forget()
        numbers = self._tracks.number(self._clock, [reading.face for reading in readings])
        self._drop_the_lost()
        return [
            self._smoothers.setdefault(number, Smoother()).smooth(self._clock, reading, number)
            for number, reading in zip(numbers, readings)
        ]

    def replay(self, time_s: float, readings: Sequence[Reading], image: npt.NDArray[np.uint8] | None = None) -> None:
        """Take in a frame that an earlier run has followed, so that this one goes on where it stopped.

        After all frames of the earlier run, in order, ``follow`` gives the numbers and the means that it would have given
        without the interruption, as exactly as the replayed readings are those that ``follow`` returned.

        Args:
            time_s: the frame's ``time_s``.
            readings: as ``follow`` returned them; empty for a frame without faces. ``raw`` is not looked at. Where
                ``votes`` were not kept, their mean begins anew.
            image: the frame's picture; needed with the last frame only, to see whether a cut follows it.

        Raises:
            OptionError: a reading has no number, or two have the same.
        """
        numbers = [reading.track for reading in readings if reading.track is not None]
        if len(set(numbers)) < len(readings):
            raise OptionError(
                f"readings: got the track numbers {[reading.track for reading in readings]}, expected all different",
                hint="Replay what follow() returned.",
            )
        self._advance(time_s)
        if image is not None:
            self._cuts.at(image)
        self._tracks.replay(self._clock, [reading.face for reading in readings], numbers)
        self._drop_the_lost()
        for number, reading in zip(numbers, readings):
            self._smoothers.setdefault(number, Smoother()).restore(self._clock, reading)

    def _advance(self, time_s: float) -> None:
        elapsed = time_s - self._last_time_s
        self._clock += elapsed if elapsed > 0 else self._interval
        self._last_time_s = time_s

    def _drop_the_lost(self) -> None:
        kept = self._tracks.in_sight()
        self._smoothers = {number: smoother for number, smoother in self._smoothers.items() if number in kept}
