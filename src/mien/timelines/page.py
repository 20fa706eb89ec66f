"""The timeline as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import resources

import numpy as np
from PIL import Image

from .. import __version__
from ..drawing import COLORS, ink_on, percent
from ..extras import require
from ..report.format import clock
from .presentation import Bins, about, binned, counted, mostly, people, share, stacked, tick_step
from .spans import Span
from .tracks import TrackTimeline, VideoTimeline

#: Tracks beyond these are counted, not shown: a page should open at once.
MOST_TRACKS, MOST_SPANS = 50, 300
_BINS, _LEVELS = 480, 64
_MOST_TICKS = 5  # as many times as fit side by side on a telephone
_LABEL, _LABEL_NARROW = 0.075, 0.18  # share of the width that the name of an emotion takes, also on a telephone


@dataclass(frozen=True)
class _Mark:
    """Something at a place along the time; in percent of the video."""

    left: float
    width: float
    words: str = ""
    ink: str = ""
    top: float = 0.0
    wide: bool = False


@dataclass(frozen=True)
class _Row:
    """A track as the page shows it."""

    name: str
    key: str
    words: str
    image: str
    unsure: tuple[_Mark, ...]
    labels: tuple[_Mark, ...]
    spans: tuple[Span, ...]
    more_spans: int


@dataclass(frozen=True)
class _Section:
    """A video as the page shows it."""

    name: str
    source: str
    about: str
    ticks: tuple[_Mark, ...]
    averaged: str
    rows: tuple[_Row, ...]
    left_out: str
    emotions: tuple[str, ...]
    shares: tuple[tuple[str, ...], ...]


def page(videos: Sequence[VideoTimeline], *, shortest_s: float) -> bytes:
    """The page, UTF-8: for light and dark, wide and narrow screens, without scripts; nothing is fetched from elsewhere.

    Args:
        videos: what to show, at least one.
        shortest_s: what ``timeline`` was given, to be told.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    jinja2 = require("jinja2", "video")
    template = resources.files(__package__ or "").joinpath("page.html.j2").read_text("utf-8")
    compiled = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True).from_string(
        template
    )
    text: str = compiled.render(
        title=videos[0].name if len(videos) == 1 else counted(len(videos), "video"),
        videos=[_section(number, video) for number, video in enumerate(videos, 1)],
        legend=[(emotion, _css(COLORS[emotion])) for emotion in videos[0].emotions],
        made=f"Made by mien {__version__} on {datetime.now(timezone.utc):%Y-%m-%d}.",
        shortest=f"{shortest_s:g}",
        most_spans=MOST_SPANS,
        clock=clock,
        percent=percent,
        color={emotion: _css(COLORS[emotion]) for emotion in videos[0].emotions},
    )
    return text.encode()


def _section(number: int, video: VideoTimeline) -> _Section:
    shown, hidden = video.ranked[:MOST_TRACKS], video.ranked[MOST_TRACKS:]
    whole = video.end_s - video.start_s
    step = tick_step(whole, _MOST_TICKS)
    first = np.ceil(video.start_s / step - 1e-6) * step
    ticks = tuple(
        _Mark(100 * (at - video.start_s) / whole, 0.0, clock(at, 0 if step >= 1 else 1))
        for at in np.arange(first, video.end_s + step * 1e-6, step)
    )
    return _Section(
        name=video.name,
        source=video.source if video.source != video.name else "",
        about=about(video),
        ticks=ticks,
        averaged=f"Averaged over stretches of {whole / _BINS:.1f} s." if whole / _BINS >= 0.5 else "",
        rows=tuple(_row(number, video, track) for track in shown),
        left_out=f"{people(len(hidden))} seen for less time than these." if hidden else "",
        emotions=video.emotions,
        shares=tuple(_shares(video, track) for track in shown),
    )


def _row(number: int, video: VideoTimeline, track: TrackTimeline) -> _Row:
    bins = binned(track, video.start_s, video.end_s, _BINS)
    whole = video.end_s - video.start_s

    def along(stretch: tuple[float, float]) -> tuple[float, float]:
        return 100 * (stretch[0] - video.start_s) / whole, 100 * stretch[1] / whole

    return _Row(
        name=f"Person {track.track_id}",
        key=f"video{number}-track{track.track_id}",
        words=_told(track),
        image=_png(bins),
        unsure=tuple(_Mark(*along(stretch)) for stretch in bins.stretches(bins.unsure)),
        labels=_labels(bins),
        spans=track.spans[:MOST_SPANS],
        more_spans=max(0, len(track.spans) - MOST_SPANS),
    )


def _told(track: TrackTimeline) -> str:
    """A track in two sentences."""
    named = ", ".join(f"{emotion} {share(part)}" for emotion, part in mostly(track))
    unsure = f"unsure {share(track.unsure_share)}" if track.unsure_share else "never unsure"
    when = f"Seen for {clock(track.seen_s)} between {clock(track.start_s)} and {clock(track.end_s)}"
    return f"{when}. Of that time: {f'{named}; {unsure}' if named else unsure}."


def _labels(bins: Bins) -> tuple[_Mark, ...]:
    """The names of emotions on their colors, where there is room; ``wide`` where a telephone has none."""
    marks = []
    count = len(bins.seen)
    places = np.where(bins.seen & ~bins.unsure, bins.strongest, -1)
    starts = np.flatnonzero(np.append(True, np.diff(places) != 0))
    for start, end in zip(starts, np.append(starts[1:], count)):
        place = int(places[start])
        if place >= 0 and end - start >= _LABEL * count:
            mean = bins.probabilities[start:end].mean(0)
            top = 100 * float(1 - mean[: place + 1].sum() + mean[place] / 2)
            emotion = bins.emotions[place]
            ink = _css(ink_on(COLORS[emotion]))
            wide = bool(end - start < _LABEL_NARROW * count)
            marks.append(_Mark(100 * start / count, 100 * (end - start) / count, emotion, ink, top, wide))
    return tuple(marks)


def _shares(video: VideoTimeline, track: TrackTimeline) -> tuple[str, ...]:
    each = track.shares
    cells = [share(each[emotion]) for emotion in video.emotions]
    sure = percent(track.confidence)
    return (str(track.track_id), clock(track.seen_s), *cells, share(track.unsure_share), sure)


def _png(bins: Bins) -> str:
    file = io.BytesIO()
    Image.fromarray(stacked(bins, _LEVELS)).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _css(color: tuple[int, int, int]) -> str:
    return f"rgb({color[0]} {color[1]} {color[2]})"
