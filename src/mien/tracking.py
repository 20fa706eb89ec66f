"""Follow people through the frames of a video, and smooth their readings over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from .errors import OptionError
from .extras import require
from .types import Face, Frame, Reading

if TYPE_CHECKING:
    from trackers.core.bytetrack.tracklet import ByteTrackTracklet

#: A person who is not detected for longer than this, in seconds, has left; see ``docs/concepts/tracking.md``.
LOST_S = 0.8
#: Boxes are enlarged on each side before their overlap is computed, because a face may move by more than its width between
#: two frames. In widths: growth per second between the frames, and maximum; see ``docs/concepts/tracking.md``.
SPEED, MAX_REACH = 4.0, 0.8
#: Live, longer times between two frames count as this, in seconds: people have not left while no frame was read.
LIVE_GAP_S = 0.5
#: Time constant of the smoothing, in seconds; see ``docs/concepts/tracking.md``.
SMOOTHING_S = 0.5
#: Columns and rows of the small images that are compared.
_SIZE = (32, 18)
#: Rows and columns of the image that are averaged; all pixels would take milliseconds.
_ENOUGH = 90
#: Cells darker than this in both images, 0-255, are not compared, because black bars never change.
_DARK = 24
#: Assumed noise in gray levels, so that flat images do not differ by their noise.
_NOISE = 2.0
#: A cell has changed if it differs by more than this many standard deviations of the image.
_CHANGE = 0.4
#: A cut changes at least this share of the cells and lowers the correlation below this. Both conditions are needed: a
#: turning camera lowers the correlation, and a person close to it changes many cells. For the choice of these values see
#: ``docs/concepts/tracking.md``.
LEAST_CHANGED, LEAST_LIKENESS = 0.75, 0.5


class Tracker:
    """Numbers the people in a video and smooths their readings over time.

    It compares positions and motion, not appearance. People who are out of sight for more than ``LOST_S`` seconds return
    with a new number, as do all people after a cut. For error rates see ``docs/concepts/tracking.md``.

    Uses ``ByteTrackTracker`` of the package ``trackers`` (Zhang et al. 2022, arXiv 2110.06864) on enlarged boxes (buffered
    IoU, Yang et al. 2023, arXiv 2211.14317). ByteTrack's second round, for low scores, is off, because the detector has
    already dropped uncertain faces.

    Args:
        rate: expected frames per second.
        longest_gap_s: longer times between two frames count as this, in seconds.

    Attributes:
        shot_start_s: ``time_s`` of the first frame after the last cut; 0 before the first cut.

    Raises:
        OptionError: the rate is not a positive number.
        MissingExtraError: the package ``trackers`` is not installed.
    """

    def __init__(self, rate: float, longest_gap_s: float = math.inf) -> None:
        if not (math.isfinite(rate) and rate > 0):
            raise OptionError(
                f"rate: got {rate}, expected more than 0 frames per second", hint="Give the video's rate."
            )
        self._detections = require("supervision", "video").Detections
        trackers = require("trackers", "video")
        self._overlap = trackers.BIoU()
        # Between two frames that lie far apart everybody is unseen for one interval; half a one more allows for jitter
        self._byte_track = trackers.ByteTrackTracker(
            frame_rate=rate,
            lost_track_buffer=math.ceil(30 * max(LOST_S, 1.5 / rate)),
            track_activation_threshold=0.0,
            high_conf_det_threshold=0.0,
            minimum_consecutive_frames=1,
            iou=self._overlap,
        )
        self._interval, self._longest_gap_s = 1 / rate, longest_gap_s
        self._shots = ShotDetector()
        self._smoothers: dict[int, Smoother] = {}
        self._next = 1
        self._clock = self._last_time_s = self.shot_start_s = 0.0

    def update(self, frame: Frame, readings: Sequence[Reading], *, cut: bool | None = None) -> list[Reading]:
        """Add the next frame, even if it has no faces.

        Args:
            frame: ``image`` is compared with the last one to detect cuts. If ``time_s`` does not increase, one interval at
                the rate is assumed.
            readings: the faces of this frame.
            cut: whether the frame begins a new shot, where that is known; None compares the images.

        Returns:
            The readings in the same order, with ``track_id`` (1, 2, ... in order of first appearance), smoothed
            ``probabilities``, ``vote_shares`` and ``in_label_set``, and ``frame_probabilities``.

        Raises:
            OptionError: the label set has changed.
        """
        elapsed = self._advance(frame.time_s)
        if self._shots.at(frame.image) if cut is None else cut:
            self._byte_track.reset()
            self.shot_start_s = frame.time_s
        numbers = self._number([reading.face for reading in readings], elapsed)
        self._drop_the_lost()
        return [
            self._smoothers.setdefault(number, Smoother()).smooth(self._clock, reading, number)
            for number, reading in zip(numbers, readings)
        ]

    def replay(self, time_s: float, readings: Sequence[Reading], image: npt.NDArray[np.uint8] | None = None) -> None:
        """Add a frame that an interrupted run has tracked.

        After all frames of the interrupted run, in order, ``update`` continues as if there had been no interruption.

        Args:
            time_s: the frame's ``time_s``.
            readings: those that ``update`` returned. If ``vote_shares`` were not kept, their mean starts over.
            image: the frame's image; needed only for the last frame, to detect a cut after it.

        Raises:
            OptionError: a reading has no number, or two have the same.
        """
        numbers = [reading.track_id for reading in readings if reading.track_id is not None]
        if len(set(numbers)) < len(readings):
            given = [reading.track_id for reading in readings]
            message = f"readings: got the track numbers {given}, expected all different"
            raise OptionError(message, hint="Replay what update() returned.")
        elapsed = self._advance(time_s)
        if image is not None:
            self._shots.at(image)
        following, faces = self._next, [reading.face for reading in readings]
        if self._number(faces, elapsed) != numbers:  # then there was a cut
            self._byte_track.reset()
            for row, tracklet in self._match(faces, 0.0)[1]:
                tracklet.tracker_id = numbers[row]
        self._next = max(following, *(number + 1 for number in numbers), 0)
        self._drop_the_lost()
        for number, reading in zip(numbers, readings):
            self._smoothers.setdefault(number, Smoother()).restore(self._clock, reading)

    def _number(self, faces: Sequence[Face], elapsed_s: float) -> list[int]:
        """The number of each face, all different."""
        numbers, born = self._match(faces, elapsed_s)
        for row, tracklet in born:
            numbers[row] = tracklet.tracker_id = self._next
            self._next += 1
        return numbers

    def _match(self, faces: Sequence[Face], elapsed_s: float) -> tuple[list[int], list[tuple[int, ByteTrackTracklet]]]:
        """The number of each face, -1 for the new ones; and the rows of the new ones with their tracklets."""
        self._overlap.buffer_ratio = min(MAX_REACH, SPEED * elapsed_s)
        found = self._detections(
            xyxy=np.array([face.box.xyxy for face in faces], np.float64).reshape(-1, 4),
            confidence=np.array([face.score for face in faces], np.float64),
            data={"row": np.arange(len(faces))},
        )
        matched = self._byte_track.update(found, timestamp=self._clock)
        rows = matched.data["row"].tolist() if len(matched) else []
        numbers = [-1] * len(faces)
        for row, number in zip(rows, matched.tracker_id.tolist()):
            numbers[row] = number
        # The tracker starts a tracklet for each face that it could not match, in their order, and gives it a number of
        # its own only when it is matched next and has none yet: so it never does
        born = [tracklet for tracklet in self._byte_track.tracks if tracklet.tracker_id == -1]
        return numbers, list(zip((row for row, number in enumerate(numbers) if number == -1), born))

    def _advance(self, time_s: float) -> float:
        """Advance the clock; return the elapsed seconds."""
        elapsed = time_s - self._last_time_s
        elapsed = min(elapsed, self._longest_gap_s) if elapsed > 0 else self._interval
        self._clock += elapsed
        self._last_time_s = time_s
        return elapsed

    def _drop_the_lost(self) -> None:
        kept = {tracklet.tracker_id for tracklet in self._byte_track.tracks}
        self._smoothers = {number: smoother for number, smoother in self._smoothers.items() if number in kept}


Small = npt.NDArray[np.float32]


class ShotDetector:
    """Detects cuts from reduced frames. Changes of brightness and contrast are not cuts."""

    def __init__(self) -> None:
        self._last: Small | None = None

    def at(self, image: npt.NDArray[np.uint8]) -> bool:
        """Whether ``image``, uint8 (H, W, 3), RGB, shows another scene than the last one."""
        small: Small = small_image(image).astype(np.float32)
        last, self._last = self._last, small
        lit = np.zeros(()) if last is None else np.maximum(last, small).max(axis=2) >= _DARK
        if last is None or not lit.any():
            return False
        first, second = _standard(last[lit]), _standard(small[lit])
        changed = (np.abs(first - second).max(axis=1) > _CHANGE).mean()
        return bool(changed >= LEAST_CHANGED and (first * second).mean() < LEAST_LIKENESS)


def small_image(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The reduced image, uint8 (18, 32, 3), by which ``ShotDetector`` compares; that of a reduced image is itself."""
    step = max(1, min(image.shape[:2]) // _ENOUGH)
    coarse = np.ascontiguousarray(image[::step, ::step])
    return np.asarray(Image.fromarray(coarse).resize(_SIZE, Image.Resampling.BOX), np.uint8)


def _standard(colors: Small) -> Small:
    """(N, 3) with mean 0 and standard deviation 1, noise counted in."""
    centered = colors - colors.mean()
    scaled: Small = centered / np.sqrt((centered**2).mean() + _NOISE**2)
    return scaled


class FadingMean:
    """Weighted mean of all values so far; a value that is ``t`` seconds old has the weight ``exp(-t / seconds)``.

    Updates: ``w_n = 1 + w_(n-1) exp(-(t_n - t_(n-1)) / seconds)`` and ``m_n = m_(n-1) + (x_n - m_(n-1)) / w_n``. At an even
    rate this is exponential smoothing (Brown 1963, "Smoothing, Forecasting and Prediction of Discrete Time Series"); the
    divisor corrects its bias to the first value, as in Adam (Kingma and Ba 2015, arXiv 1412.6980, section 3).
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._weight, self._time_s = seconds, 0.0, 0.0
        self._mean: npt.NDArray[np.float64] | None = None

    def add(self, time_s: float, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Add values of any shape at a time in seconds, not before the last; return the mean."""
        given, before = np.asarray(values, np.float64), self._mean
        self.restore(time_s, given)
        if before is not None:
            self._mean = before + (given - before) / self._weight
        return np.asarray(self._mean)

    def restore(self, time_s: float, mean: npt.ArrayLike) -> None:
        """Restore the state after an ``add`` at ``time_s`` that returned ``mean``."""
        self._weight = 1 + self._weight * math.exp((self._time_s - time_s) / self._seconds)
        self._time_s, self._mean = time_s, np.asarray(mean, np.float64)


class Smoother:
    """Smooths probabilities, vote shares and ``in_label_set`` of one person, each with a ``FadingMean``."""

    def __init__(self, seconds: float = SMOOTHING_S) -> None:
        self._probabilities, self._votes, self._in_label_set = (FadingMean(seconds) for _ in range(3))
        self._emotions: tuple[str, ...] | None = None

    def smooth(self, time_s: float, reading: Reading, track_id: int) -> Reading:
        """Smooth ``reading``; ``OptionError`` if its label set differs from that of the last."""
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
        """Restore the state after a ``smooth`` that returned ``smoothed``."""
        self._check(smoothed)
        self._probabilities.restore(time_s, smoothed.probabilities)
        self._in_label_set.restore(time_s, smoothed.in_label_set)
        if smoothed.vote_shares is not None:
            self._votes.restore(time_s, smoothed.vote_shares)

    def _check(self, reading: Reading) -> None:
        before, self._emotions = self._emotions or reading.emotions, reading.emotions
        if before != reading.emotions:
            message = f"reading: got the label set {', '.join(reading.emotions)}, expected {', '.join(before)}"
            raise OptionError(message, hint="Begin with a new Tracker when the label set changes.")
