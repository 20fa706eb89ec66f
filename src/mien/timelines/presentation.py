"""What all views of a timeline share: bins of time, the image of them, ticks and phrases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..drawing import COLORS
from ..report.format import clock
from .tracks import TrackTimeline, VideoTimeline

#: Emotions with a smaller share of the time are not named in a sentence.
_WORTH_NAMING = 0.05
_MOST_NAMED = 3
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_NO_TIME = 1e-9
#: How strongly unsure readings are colored, 0 to 255.
_FAINT = 95


@dataclass(frozen=True, eq=False)
class Bins:
    """A track, averaged over B equal stretches of time.

    Attributes:
        emotions: the label set, length K.
        edges: float64 (B + 1,), seconds.
        seen: bool (B,), the face was seen in the bin, however shortly.
        unsure: bool (B,), no reading could be relied on in at least half of the time seen.
        probabilities: float64 (B, K), means over the time seen; 0 where the face was not seen.
    """

    emotions: tuple[str, ...]
    edges: npt.NDArray[np.float64]
    seen: npt.NDArray[np.bool_]
    unsure: npt.NDArray[np.bool_]
    probabilities: npt.NDArray[np.float64]

    @property
    def strongest(self) -> npt.NDArray[np.int64]:
        """int64 (B,), the place of the likeliest emotion of each bin; means nothing where the face was not seen."""
        return np.asarray(self.probabilities.argmax(1), np.int64)

    def stretches(self, which: npt.NDArray[np.bool_]) -> list[tuple[float, float]]:
        """Start and length, in seconds, of each stretch of bins that are ``which``, a bool (B,)."""
        change = np.flatnonzero(np.diff(np.concatenate([[False], which, [False]]).astype(np.int8)))
        return [(float(self.edges[a]), float(self.edges[b] - self.edges[a])) for a, b in zip(change[::2], change[1::2])]


def binned(track: TrackTimeline, start_s: float, end_s: float, count: int) -> Bins:
    """Average a track over ``count`` equal bins from ``start_s`` to ``end_s``, exactly, whatever their length."""
    edges = np.linspace(start_s, end_s, count + 1)
    ends = np.minimum(track.times + track.durations, np.append(track.times[1:], np.inf))
    seconds = ends - track.times
    # Integrals from the start: they grow while a reading stands, and rest in a gap
    when = np.stack([track.times, ends], 1).ravel()
    values = np.column_stack([np.ones(len(seconds)), track.unsure, track.probabilities]) * seconds[:, None]
    grown = np.concatenate([np.zeros((1, values.shape[1])), values.cumsum(0)])
    integral = np.stack([grown[:-1], grown[1:]], 1).reshape(len(when), -1)
    in_bin = np.diff(np.stack([np.interp(edges, when, column) for column in integral.T], 1), axis=0)
    seen = in_bin[:, 0] > _NO_TIME
    share = in_bin[:, 1:] / np.where(seen, in_bin[:, 0], 1.0)[:, None]
    share[~seen] = 0.0
    return Bins(track.emotions, edges, seen, seen & (share[:, 0] >= 0.5), share[:, 1:])


def stacked(bins: Bins, height: int) -> npt.NDArray[np.uint8]:
    """The probabilities of each bin, stacked from the bottom in the order of the label set.

    Returns:
        uint8 (height, B, 4), RGBA, a column a bin; faint where unsure, transparent where the face was not seen.
    """
    tops = bins.probabilities.cumsum(1) / np.maximum(bins.probabilities.sum(1), _NO_TIME)[:, None]
    levels = 1 - (np.arange(height) + 0.5) / height
    place = (tops[None] < levels[:, None, None]).sum(2).clip(max=len(bins.emotions) - 1)
    colors = np.array([COLORS[emotion] for emotion in bins.emotions], np.uint8)
    alpha = np.where(bins.seen, np.where(bins.unsure, _FAINT, 255), 0).astype(np.uint8)
    return np.dstack([colors[place], np.broadcast_to(alpha, place.shape)])


def share(part: float) -> str:
    """``62%``; ``< 1%`` where it is little, but not nothing."""
    return "< 1%" if 0 < part < 0.01 else f"{100 * part:.0f}%"


def counted(number: int, word: str, several: str = "") -> str:
    """``1 video``, ``1,200 videos``; ``several`` where its plural is another."""
    return f"{number:,} {word if number == 1 else several or f'{word}s'}"


def people(number: int) -> str:
    """``1 person``, ``2 people``."""
    return counted(number, "person", "people")


def tick_step(seconds: float, most: int) -> float:
    """A round step of time that divides ``seconds`` into ``most`` parts or fewer."""
    return next((step for step in _TICKS if seconds <= step * most), seconds)


def mostly(track: TrackTimeline) -> list[tuple[str, float]]:
    """The emotions worth naming, with their shares of the time seen: three at most, at least 5 % each."""
    return [(emotion, part) for emotion, part in track.shares.items() if part >= _WORTH_NAMING][:_MOST_NAMED]


def about(video: VideoTimeline) -> str:
    """A video in a line."""
    faces = people(len(video.tracks)) if video.tracks else "no face was seen"
    return f"{clock(video.start_s)} to {clock(video.end_s)}, {counted(video.frames, 'frame')} read, {faces}"
