"""Averages around the onsets of events, over participants: values, rows and figures."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..drawing import COLORS
from ..extras import require
from ..io.annotations import Annotation
from ..io.tables import Row
from ..timelines.timeline import TrackTimeline
from .baseline import Floats, reading_ends

CURVE_COLUMNS = ("event", "time_s", "emotion", "participants", "mean", "low", "high")
#: Time between points of the average around an onset, in seconds.
STEP_S = 0.1
_NO_TIME = 1e-9


@dataclass(frozen=True, eq=False)
class EventCurve:
    """The average around the onsets of an event, over P participants, at T times.

    Attributes:
        times: float64 (T,), seconds from the onset.
        participants: int64 (T,), how many were visible at this time.
        mean: float64 (T, K), mean probability of each emotion; NaN where no one was visible.
        low, high: float64 (T, K), 95% bootstrap interval over participants; NaN for fewer than two.
    """

    event: str
    emotions: tuple[str, ...]
    times: Floats
    participants: npt.NDArray[np.int64]
    mean: Floats
    low: Floats
    high: Floats


class CurveSums:
    """Sums for the averages of all events, in room for each participant and event, not each occurrence.

    Args:
        grid: float64 (T,), seconds from the onset.
    """

    def __init__(self, grid: Floats) -> None:
        self._grid = grid
        self._emotions: tuple[str, ...] = ()
        #: event -> participant -> sum of probabilities (T, K) and number of occurrences (T,) at each time
        self._sums: dict[str, dict[str, tuple[Floats, Floats]]] = {}

    def add(self, participant: str, track: TrackTimeline, event: Annotation) -> None:
        """Add an occurrence of an event in a track."""
        self._emotions = track.emotions
        size = (len(self._grid), len(track.emotions))
        of_event = self._sums.setdefault(event.label, {})
        total, count = of_event.setdefault(participant, (np.zeros(size), np.zeros(size[0])))
        at = event.start_s + self._grid
        place = np.searchsorted(track.times, at + _NO_TIME, side="right") - 1
        visible = (place >= 0) & (at < reading_ends(track)[place] - _NO_TIME)
        total[visible] += track.probabilities[place[visible]]
        count[visible] += 1

    def curves(self, resamples: int, rng: np.random.Generator) -> Iterator[EventCurve]:
        """The averages: occurrences within a participant first, then participants."""
        for event, people in self._sums.items():
            each = np.stack(
                [
                    np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], np.nan)
                    for total, count in people.values()
                ]
            )
            seen = np.isfinite(each[:, :, 0])
            drawn = rng.multinomial(len(each), np.full(len(each), 1 / len(each)), size=resamples).astype(float)
            with np.errstate(invalid="ignore", divide="ignore"):
                means = np.einsum("rp,ptk->rtk", drawn, np.nan_to_num(each)) / (drawn @ seen)[:, :, None]
                mean = np.nan_to_num(each).sum(0) / seen.sum(0)[:, None]
            low, high = np.full_like(mean, np.nan), np.full_like(mean, np.nan)
            several = seen.sum(0) > 1
            if several.any():
                low[several], high[several] = np.nanquantile(means[:, several], [0.025, 0.975], axis=0)
            yield EventCurve(event, self._emotions, self._grid, seen.sum(0), mean, low, high)


def curve_rows(curves: Sequence[EventCurve]) -> Iterator[Row]:
    """Rows with ``CURVE_COLUMNS``: one per event, time and emotion."""
    for curve in curves:
        for t, time in enumerate(curve.times.tolist()):
            for k, emotion in enumerate(curve.emotions):
                values = (float(array[t, k]) for array in (curve.mean, curve.low, curve.high))
                cells = (curve.event, round(time, 3), emotion, int(curve.participants[t]), *map(rounded, values))
                yield dict(zip(CURVE_COLUMNS, cells))


def rounded(value: float | None) -> float | None:
    """A number with 4 decimals; None for NaN."""
    return None if value is None or not np.isfinite(value) else round(value, 4)


def draw_curves(curves: Sequence[EventCurve], kind: str = "svg") -> bytes:
    """Draw a panel per event, two in a row: ``svg``, ``png`` (150 dpi) or ``pdf``."""
    mpl, figures = require("matplotlib", "study"), require("matplotlib.figure", "study")
    count = max(1, len(curves))
    columns = min(2, count)
    rows = -(-count // columns)
    with mpl.rc_context({"font.size": 9, "svg.hashsalt": "mien"}):
        page = figures.Figure(figsize=(3.6 * columns + 0.4, 2.3 * rows + 0.6), layout="constrained")
        axes = page.subplots(rows, columns, squeeze=False, sharey=True)
        for place in range(rows * columns):
            panel = axes.flat[place]
            if place >= len(curves):
                panel.set_visible(False)
                continue
            _draw(panel, curves[place])
        handles, labels = axes.flat[0].get_legend_handles_labels()
        if handles:
            page.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False)
        file = io.BytesIO()
        undated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        page.savefig(file, format=kind, dpi=150, metadata=undated.get(kind))
    return file.getvalue()


def _draw(panel: Any, curve: EventCurve) -> None:
    for k, emotion in enumerate(curve.emotions):
        color = [channel / 255 for channel in COLORS[emotion]]
        panel.plot(curve.times, curve.mean[:, k], color=color, label=emotion, linewidth=1.4)
        panel.fill_between(curve.times, curve.low[:, k], curve.high[:, k], color=color, alpha=0.18, linewidth=0)
    panel.axvline(0, color="0.4", linewidth=0.8, linestyle="--")
    panel.set_title(curve.event, fontsize=9, loc="left", parse_math=False)
    panel.set(ylim=(0, 1), xlim=(curve.times[0], curve.times[-1]))
    panel.set_xlabel("seconds from the onset")
    panel.set_ylabel("mean probability")
    panel.spines[["top", "right"]].set_visible(False)
