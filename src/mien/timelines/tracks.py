"""One person, and everyone in a video, over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import OptionError
from ..types import checked
from .spans import Span


@dataclass(frozen=True, eq=False)
class TrackTimeline:
    """One person, followed through one video.

    Attributes:
        source: the video, as it is named in the table.
        track_id: the number of the person in its video.
        emotions: the label set, in the vocabulary's order; length K.
        times: float64 (N,), when the face was seen, in seconds from the start of the video, increasing.
        durations: float64 (N,), how much time each of these readings stands for, in seconds (see ``reading_durations``).
        probabilities: float32 (N, K), smoothed as they are in the table; each row sums to 1.
        unsure: bool (N,), the reading abstained.
        spans: the same in short, in the order of time.
    """

    source: str
    track_id: int
    emotions: tuple[str, ...]
    times: npt.NDArray[np.float64]
    durations: npt.NDArray[np.float64]
    probabilities: npt.NDArray[np.float32]
    unsure: npt.NDArray[np.bool_]
    spans: tuple[Span, ...]

    def __post_init__(self) -> None:
        checked("times", self.times, np.float64, (None,))
        count = len(self.times)
        if not count:
            raise OptionError(f"times: got none for track {self.track_id}, expected at least one reading")
        checked("durations", self.durations, np.float64, (count,))
        checked("probabilities", self.probabilities, np.float32, (count, len(self.emotions)))
        checked("unsure", self.unsure, np.bool_, (count,))

    @property
    def start_s(self) -> float:
        """When the face was first seen."""
        return float(self.times[0])

    @property
    def end_s(self) -> float:
        """Until when the last sight of it stands."""
        return float(self.times[-1] + self.durations[-1])

    @property
    def seen_s(self) -> float:
        """How long it was seen, gaps left out."""
        return float(self.durations.sum())

    @property
    def confidence(self) -> float:
        """The mean probability of the likeliest emotion, weighted by time, 0 to 1."""
        return float(np.average(self.probabilities.max(1), weights=self.durations))

    @property
    def unsure_share(self) -> float:
        """The share of the time seen in which no reading could be relied on, 0 to 1."""
        return float(np.average(self.unsure, weights=self.durations))

    @property
    def shares(self) -> dict[str, float]:
        """Emotion -> share of the time seen in which it was read and could be relied on, largest first.

        They and ``unsure_share`` sum to 1.
        """
        seconds = np.where(self.unsure, 0.0, self.durations)
        each = np.bincount(self.probabilities.argmax(1), weights=seconds, minlength=len(self.emotions))
        shares = (each / self.durations.sum()).tolist()
        return dict(sorted(zip(self.emotions, shares), key=lambda pair: -pair[1]))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the readings of single frames."""
        return {
            "track_id": self.track_id,
            "start_s": round(self.start_s, 3),
            "end_s": round(self.end_s, 3),
            "seen_s": round(self.seen_s, 3),
            "confidence": round(self.confidence, 4),
            "unsure": round(self.unsure_share, 4),
            "shares": {emotion: round(share, 4) for emotion, share in self.shares.items()},
            "spans": [span.to_dict() for span in self.spans],
        }


@dataclass(frozen=True, eq=False)
class VideoTimeline:
    """All people in one video.

    Attributes:
        source: the video, as it is named in the table.
        emotions: the label set, in the vocabulary's order.
        start_s: time of the first frame that was read, in seconds.
        end_s: until when the last frame stands.
        frames: how many frames were read, those without a face too.
        step_s: the usual time from one frame that was read to the next (median).
        untracked: how many readings were left out because they belong to no track, as those of a photo.
        tracks: the faces, by number; empty where none was seen.
    """

    source: str
    emotions: tuple[str, ...]
    start_s: float
    end_s: float
    frames: int
    step_s: float
    untracked: int
    tracks: tuple[TrackTimeline, ...]

    @property
    def name(self) -> str:
        """The last part of its path, to be shown."""
        return self.source.replace("\\", "/").rstrip("/").rpartition("/")[2] or self.source

    @property
    def ranked(self) -> tuple[TrackTimeline, ...]:
        """The tracks, longest seen first."""
        return tuple(sorted(self.tracks, key=lambda track: (-track.seen_s, track.track_id)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "source": self.source,
            "start_s": round(self.start_s, 3),
            "end_s": round(self.end_s, 3),
            "frames": self.frames,
            "untracked": self.untracked,
            "tracks": [track.to_dict() for track in self.tracks],
        }
