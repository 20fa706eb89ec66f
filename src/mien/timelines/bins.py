"""A track averaged over equal stretches of time, and the image of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..drawing import COLORS
from .timeline import TrackTimeline

_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_NO_TIME = 1e-9
#: Opacity of unsure readings, 0 to 255.
_FAINT = 95


@dataclass(frozen=True, eq=False)
class Bins:
    """A track, averaged over B equal stretches of time, for the K emotions of its label set.

    Attributes:
        edges: float64 (B + 1,), seconds.
        seen: bool (B,), the face was visible in the bin, however briefly.
        unsure: bool (B,), readings abstained in at least half of the visible time.
        probabilities: float64 (B, K), means over the visible time; 0 if the face was not visible.
    """

    emotions: tuple[str, ...]
    edges: npt.NDArray[np.float64]
    seen: npt.NDArray[np.bool_]
    unsure: npt.NDArray[np.bool_]
    probabilities: npt.NDArray[np.float64]

    @property
    def strongest(self) -> npt.NDArray[np.int64]:
        """int64 (B,), index of the likeliest emotion of each bin; undefined if the face was not visible."""
        return np.asarray(self.probabilities.argmax(1), np.int64)

    def labels(self, least: float) -> list[tuple[str, float, float]]:
        """Emotions whose stretch takes at least this share of the width: name, and its center (x, y) from the top left.

        Both coordinates are shares of the width and height of ``stacked``, 0 to 1.
        """
        found, length = [], len(self.seen)
        for place, emotion in enumerate(self.emotions):
            for first, last in stretches(self.seen & ~self.unsure & (self.strongest == place)):
                if last - first >= least * length:
                    mean = self.probabilities[first:last].mean(0)
                    y = 1 - mean[: place + 1].sum() + mean[place] / 2
                    found.append((emotion, (first + last) / 2 / length, float(y)))
        return found


def stretches(which: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First place and end of each run of true values in a bool (B,)."""
    change = np.flatnonzero(np.diff(np.concatenate([[False], which, [False]]).astype(np.int8)))
    return list(zip(change[::2].tolist(), change[1::2].tolist()))


def binned(track: TrackTimeline, start_s: float, end_s: float, length: int) -> Bins:
    """Average a track over ``length`` equal bins from ``start_s`` to ``end_s``, exactly, whatever their length."""
    edges = np.linspace(start_s, end_s, length + 1)
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
        uint8 (height, B, 4), RGBA, one column per bin; faint if unsure, transparent if the face was not visible.
    """
    tops = bins.probabilities.cumsum(1) / np.maximum(bins.probabilities.sum(1), _NO_TIME)[:, None]
    levels = 1 - (np.arange(height) + 0.5) / height
    place = (tops[None] < levels[:, None, None]).sum(2).clip(max=len(bins.emotions) - 1)
    colors = np.array([COLORS[emotion] for emotion in bins.emotions], np.uint8)
    alpha = np.where(bins.seen, np.where(bins.unsure, _FAINT, 255), 0).astype(np.uint8)
    return np.dstack([colors[place], np.broadcast_to(alpha, place.shape)])


def tick_step(seconds: float, most: int) -> float:
    """A round step of time that divides ``seconds`` into ``most`` parts or fewer."""
    return next((step for step in _TICKS if seconds <= step * most), seconds)
