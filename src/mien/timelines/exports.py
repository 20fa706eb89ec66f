"""Files of a timeline: reports, figures for papers and slides, and files of spans."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from ..drawing import COLORS, ink_on
from ..extras import require
from ..io.atomic import check_ending
from ..report import count, percent
from ..report.format import clock, seconds
from .bins import binned, stacked, stretches, tick_step
from .report import report
from .span_files import SPAN_FORMATS, SUBTITLE_FORMATS, SpanLayout, span_file, subtitles
from .timeline import Timeline, TrackTimeline, VideoTimeline

REPORT_FORMATS = (".html", ".htm", ".md")
FIGURE_FORMATS = (".png", ".svg", ".pdf")
#: A figure of more tracks would be too tall to read; those seen longest are drawn.
MAX_TRACKS = 50

_BINS, _LEVELS = 480, 96
_COARSE_S = 0.5  # longer bins are mentioned
# In inches: the width of a page, on which letters are still read on a telephone
_WIDTH, _MARGIN = 6.8, 0.28
_LEGEND, _VIDEO, _TRACK, _AXIS, _NOTE = 0.62, 0.36, 0.25, 0.45, 0.17
#: Of figures of several videos: height of a row, gap between videos, widths of names and of bars.
_SMALL, _BETWEEN, _NAMES, _SHARES = 0.26, 0.27, 1.35, 1.7
_NUMBERED = 0.18  # share of a bar that has room for its number
_LABEL = 0.085  # share of the width that the name of an emotion takes
_INK, _SOFT, _LINE = "#1f2430", "#5d6474", "#d5d9e2"

_Drawn: TypeAlias = tuple[VideoTimeline, list[TrackTimeline]]


def render(timeline: Timeline, path: Path, layout: SpanLayout = "mien", *, no_image_output: bool = False) -> bytes:
    """The content of a file for a timeline, of the kind that its extension selects: see ``Timeline.render``."""
    check_ending(path, (*REPORT_FORMATS, *FIGURE_FORMATS, *SPAN_FORMATS, *SUBTITLE_FORMATS))
    kind, videos = path.suffix.lower(), timeline.videos
    if kind in SPAN_FORMATS:
        return span_file(videos, path, layout)
    if kind in SUBTITLE_FORMATS:
        return subtitles(videos)
    if kind in FIGURE_FORMATS:
        return figure(videos, path)
    document = report(timeline, images=kind != ".md" and not no_image_output)
    return (document.to_markdown() if kind == ".md" else document.to_html()).encode()


def figure(videos: Sequence[VideoTimeline], path: Path) -> bytes:
    """Draw timelines.

    One video has a wide row for each track; several have narrow rows over one axis of time, beside the share of the
    visible time that each person showed each emotion. A row is a track, its stacked probabilities averaged over 480
    stretches of time. Unsure stretches are faint and hatched, and where a face was not seen the row is blank.

    Args:
        videos: what to draw, at least one.
        path: tells the format: ``.png`` (150 dots an inch), ``.svg`` or ``.pdf``.
    """
    mpl, figures = require("matplotlib", "video"), require("matplotlib.figure", "video")
    ranked = sorted((track for video in videos for track in video.tracks), key=lambda track: -track.seen_s)
    kept = {id(track) for track in ranked[:MAX_TRACKS]}
    every = [(video, [track for track in video.ranked if id(track) in kept]) for video in videos]
    drawn = [(video, tracks) for video, tracks in every if tracks] or every[:1]
    notes = _notes([video for video, _ in drawn], len(ranked), len(videos) - len(drawn))
    several = len(drawn) > 1
    rows = sum(max(1, len(tracks)) for _, tracks in drawn)
    tall = _SMALL if several else 0.85 if rows <= 8 else 0.6 if rows <= 20 else 0.4
    videos_in = _AXIS + len(drawn) * _BETWEEN if several else _VIDEO + rows * _TRACK + _AXIS
    height = _LEGEND + videos_in + rows * tall + _NOTE * len(notes) + _MARGIN
    settings: Any = {"font.size": 9, "svg.hashsalt": "mien", "hatch.linewidth": 0.7, "text.color": _INK}
    with mpl.rc_context(settings):
        page = figures.Figure(figsize=(_WIDTH, height), facecolor="white")
        _legend(page, videos[0].emotions, height)
        (_multiples if several else _single)(page, drawn, height, tall)
        page.text(_MARGIN / _WIDTH, _MARGIN / 2 / height, "\n".join(notes), fontsize=8, color=_SOFT)
        file = io.BytesIO()
        kind = path.suffix.lower().removeprefix(".")
        undated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        page.savefig(file, format=kind, dpi=150, metadata=undated.get(kind))
    return file.getvalue()


def _single(page: Any, drawn: Sequence[_Drawn], height: float, tall: float) -> None:
    """One video: a title and a wide row for each track."""
    (video, tracks), used = drawn[0], _LEGEND + _VIDEO
    place = 1 - (used - 0.1) / height
    page.text(_MARGIN / _WIDTH, place, video.name, fontsize=11, fontweight="bold", parse_math=False)
    rows: list[TrackTimeline | None] = [*tracks] or [None]
    for track in rows:  # matplotlib's own layout of fifty rows takes ten seconds
        used += _TRACK + tall
        left, wide = _MARGIN / _WIDTH, 1 - 2 * _MARGIN / _WIDTH
        axes = page.add_axes((left, 1 - used / height, wide, tall / height))
        title = "No face was seen."
        if track:
            unsure = percent(track.unsure_share, 0)
            title = f"{track.person}, seen for {seconds(track.seen_s)}, unsure {unsure}"
        axes.set_title(title, loc="left", fontsize=8.5, pad=3)
        _row(axes, track, video, (video.start_s, video.end_s))
    _time_axis(axes, (video.start_s, video.end_s), 8)


def _multiples(page: Any, drawn: Sequence[_Drawn], height: float, tall: float) -> None:
    """Several videos: narrow rows over one axis of time, and each person's shares of the visible time."""
    start, end = min(video.start_s for video, _ in drawn), max(video.end_s for video, _ in drawn)
    used, left, wide = _LEGEND, _NAMES / _WIDTH, (_WIDTH - _NAMES - _SHARES - 2 * _MARGIN) / _WIDTH
    right = left + wide + _MARGIN / _WIDTH
    for video, tracks in drawn:
        used += _BETWEEN
        place = 1 - (used - 0.02) / height
        page.text(left, place, video.name, fontsize=8.5, fontweight="bold", va="bottom", parse_math=False)
        for track in tracks:
            used += tall
            bottom, high = 1 - used / height, 0.8 * tall / height
            person = f"{track.person}, {seconds(track.seen_s)}"
            page.text(left - 0.01, bottom + high / 2, person, fontsize=7.5, color=_SOFT, va="center", ha="right")
            axes = page.add_axes((left, bottom, wide, high))
            _row(axes, track, video, (start, end), named=False)
            bars = page.add_axes((right, bottom, _SHARES / _WIDTH, high))
            _shares(bars, track)
    _time_axis(axes, (start, end), 5)
    bars.tick_params(labelbottom=True, bottom=True, color=_SOFT, labelcolor=_SOFT)
    page.text(
        right,
        1 - (_LEGEND + _BETWEEN - 0.02) / height,
        "share of the visible time",
        fontsize=8,
        color=_SOFT,
        va="bottom",
    )


def _shares(axes: Any, track: TrackTimeline) -> None:
    """A stacked bar: the share of each emotion, and of unsure readings."""
    at = 0.0
    for emotion in track.emotions:
        share = track.shares[emotion]
        axes.barh(0, share, left=at, height=1, color=[channel / 255 for channel in COLORS[emotion]])
        if share >= _NUMBERED:
            ink = [channel / 255 for channel in ink_on(COLORS[emotion])]
            axes.text(at + share / 2, 0, percent(share, 0), fontsize=7, color=ink, ha="center", va="center")
        at += share
    axes.barh(0, track.unsure_share, left=at, height=1, color="none", edgecolor=_SOFT, hatch="/////", linewidth=0)
    axes.set(xlim=(0, 1), ylim=(-0.5, 0.5), yticks=[], xticks=[0, 0.5, 1])
    axes.set_xticklabels(["0%", "50%", "100%"])
    axes.spines[:].set_visible(False)
    axes.tick_params(bottom=False, labelbottom=False)


def _notes(drawn: Sequence[VideoTimeline], tracks: int, left_out: int) -> list[str]:
    notes = ["The height of a color is the probability of its emotion."]
    longest = max(video.end_s - video.start_s for video in drawn) / _BINS
    if longest >= _COARSE_S:
        notes[0] += f" Averaged over stretches of {longest:.1f} s."
    if tracks > MAX_TRACKS:
        notes.append(f"Left out: {count(tracks - MAX_TRACKS, 'person', 'people')}, seen for less time.")
    if left_out:
        notes.append(f"Left out: {count(left_out, 'video')} without a person to show.")
    return notes


def _row(
    axes: Any, track: TrackTimeline | None, video: VideoTimeline, span: tuple[float, float], *, named: bool = True
) -> None:
    """Stacked probabilities over time; ``span`` is the range of the axis in seconds, ``named`` writes emotions on it."""
    if track:
        bins = binned(track, video.start_s, video.end_s, _BINS)
        extent = (video.start_s, video.end_s, 0, 1)
        axes.imshow(stacked(bins, _LEVELS), extent=extent, aspect="auto", interpolation="none", origin="upper")
        unsure_s = [(bins.edges[first], bins.edges[last] - bins.edges[first]) for first, last in stretches(bins.unsure)]
        axes.broken_barh(unsure_s, (0, 1), facecolor="none", edgecolor=_SOFT, linewidth=0, hatch="/////")
        for emotion, x, y in bins.labels(_LABEL) if named else ():
            ink = [channel / 255 for channel in ink_on(COLORS[emotion])]
            axes.text(x, 1 - y, emotion, transform=axes.transAxes, color=ink, fontsize=8, ha="center", va="center")
    axes.set_xlim(*span)
    axes.set_yticks([])
    axes.patch.set_visible(False)
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.spines["bottom"].set_color(_LINE)
    axes.tick_params(bottom=False, labelbottom=False)


def _time_axis(axes: Any, span: tuple[float, float], ticks: int) -> None:
    step = tick_step(span[1] - span[0], ticks)
    axes.tick_params(bottom=True, labelbottom=True, color=_SOFT, labelcolor=_SOFT)
    axes.spines["bottom"].set_color(_SOFT)
    axes.xaxis.set_major_locator(require("matplotlib.ticker", "video").MultipleLocator(step))
    axes.xaxis.set_major_formatter(lambda at, _: clock(at, 0 if step >= 1 else 1))


def _legend(page: Any, emotions: Sequence[str], height: float) -> None:
    patch = require("matplotlib.patches", "video").Patch
    handles = [patch(facecolor=[c / 255 for c in COLORS[emotion]], label=emotion) for emotion in emotions]
    handles.append(patch(facecolor="none", edgecolor=_SOFT, hatch="/////", linewidth=0, label="unsure"))
    handles.append(patch(facecolor="none", edgecolor=_LINE, linewidth=0.8, label="not seen"))
    box = (_MARGIN / _WIDTH, 1 - 0.55 / height, 1 - 2 * _MARGIN / _WIDTH, 0.45 / height)
    page.legend(handles=handles, frameon=False, ncols=5, fontsize=8.5, bbox_to_anchor=box, loc="center", mode="expand")
