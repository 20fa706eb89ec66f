"""The timeline as a report: a strip of probabilities, shares and spans for each person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from html import escape as html_escape

import numpy as np

from .. import __version__
from ..drawing import COLORS, encoded, ink_on
from ..drawing import percent as probability
from ..report import (
    Block,
    Cell,
    Column,
    Definitions,
    Details,
    Document,
    Figure,
    Section,
    Table,
    Text,
    Tone,
    count,
    escape,
    percent,
)
from ..report.format import clock
from ..report.html import data_uri
from .bins import about, binned, mostly, stacked, stretches, tick_step
from .timeline import Timeline, TrackTimeline, VideoTimeline

#: Tracks and spans beyond these are counted, not shown: a page should open at once.
MAX_TRACKS, MAX_SPANS = 50, 300
_BINS, _LEVELS = 480, 64
_MOST_TICKS = 5  # as many times as fit side by side on a telephone
_LABEL = 0.16  # share of the width that the name of an emotion takes on a telephone
_STRIP, _AXIS, _LEGEND_ROW = 74, 22, 22  # heights in pixels
_LEGEND_COLUMNS = 4
_HATCH = (
    '<defs><pattern id="unsure" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<path d="M0 0V6" stroke="var(--soft)"/></pattern></defs>'
)
_READING = (
    (
        "An expression is not a feeling",
        "What is read is how a face looks: which emotion most people would name who see nothing but this face. People smile "
        "out of politeness and frown in thought; cameras, light, age, culture and illness change how faces look. Nothing "
        "here says what a person felt or is like, and no decision about a person should rest on it. Fear, disgust and "
        "contempt are recognized badly.",
    ),
    (
        "Unsure",
        "The likeliest emotion was too unlikely to be relied on: below the minimum confidence that the video was read with, "
        "50% by default. Such time is hatched and counts for no emotion; in the list of spans the name has a question mark.",
    ),
    (
        "Person",
        "One face, followed from frame to frame; the column `track_id` of the table. People are not recognized: a person "
        "who leaves the image and comes back may get a new number, so two numbers can be one person.",
    ),
    (
        "Shares",
        "Of the time the face was seen. Each frame that was read stands for the time until the next; time in which the face "
        "was not seen counts for nothing. The emotions and unsure sum to 100%.",
    ),
)


def report(timeline: Timeline) -> Document:
    """Build the report of a timeline with at least one video."""
    videos = timeline.videos
    blocks: list[Block] = [_legend(videos[0].emotions)]
    for video in videos:
        title, head = ("People", ()) if len(videos) == 1 else (video.name, (Text(f"{escape(about(video))}."),))
        blocks.append(Section(title, (*head, *_video(video))))
    spans = (
        "Spans",
        f"Time of one emotion. Changes shorter than {timeline.shortest_s:g} s are flickers: they are given to the longer of "
        "the spans beside them. A face that is missed for no longer than that has no gap. The probability is the mean over "
        "the whole span.",
    )
    blocks.append(Section("How to read this", (Definitions((*_READING, spans)),)))
    name = videos[0].name if len(videos) == 1 else count(len(videos), "video")
    date = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    metadata = {"mien": __version__, "date": date, "source": ", ".join(video.source for video in videos[:8])}
    summary = f"{escape(about(videos[0]))}." if len(videos) == 1 else ""
    return Document(f"Expressions over time: {name}", tuple(blocks), summary, metadata)


def _video(video: VideoTimeline) -> Iterator[Block]:
    shown, hidden = video.ranked[:MAX_TRACKS], video.ranked[MAX_TRACKS:]
    if not shown:
        yield Text("No face was seen.")
        return
    for track in shown:
        words = _summary(track)
        strip = Figure(_strip(track, video), f"Person {track.track_id} over time. {words}")
        yield Section(f"Person {track.track_id}", (Text(words), strip, _spans(track)))
    if hidden:
        yield Text(f"Left out: {count(len(hidden), 'person', 'people')} seen for less time than these.", Tone.MUTED)
    names = ("person", "seen", *video.emotions, "unsure", "mean confidence")
    table = Table(
        tuple(Column(name, "left" if name == "person" else "right") for name in names),
        tuple(_shares(video, track) for track in shown),
    )
    yield Section("Shares of the time seen", (table,))


def _summary(track: TrackTimeline) -> str:
    unsure = f"unsure {percent(track.unsure_share, 0)}" if track.unsure_share else "never unsure"
    when = f"Seen for {clock(track.seen_s)} between {clock(track.start_s)} and {clock(track.end_s)}"
    return f"{when}. Of that time: {'; '.join(filter(None, (mostly(track), unsure)))}."


def _spans(track: TrackTimeline) -> Details:
    columns = tuple(
        Column(name, "left" if name == "emotion" else "right")
        for name in ("from", "to", "seconds", "emotion", "probability")
    )
    rows = tuple(
        (
            clock(span.start_s, 1),
            clock(span.end_s, 1),
            f"{span.seconds:.1f}",
            f"{span.emotion}{'?' if span.unsure else ''}",
            probability(span.confidence),
        )
        for span in track.spans[:MAX_SPANS]
    )
    blocks: list[Block] = [Table(columns, rows, row_headers=False)]
    if len(track.spans) > MAX_SPANS:
        blocks.append(Text(f"The first {MAX_SPANS}; `--spans spans.csv` writes all.", Tone.MUTED))
    return Details(f"{count(len(track.spans), 'span')} of person {track.track_id}", tuple(blocks))


def _shares(video: VideoTimeline, track: TrackTimeline) -> tuple[Cell, ...]:
    shares = [percent(track.shares[emotion], 0) for emotion in video.emotions]
    unsure, sure = percent(track.unsure_share, 0), probability(track.confidence)
    return (str(track.track_id), clock(track.seen_s), *shares, unsure, sure)


def _strip(track: TrackTimeline, video: VideoTimeline) -> str:
    """An SVG as wide as its place: the probabilities as an image, names of emotions on it, and times below."""
    bins = binned(track, video.start_s, video.end_s, _BINS)
    image = data_uri(encoded(stacked(bins, _LEVELS)))
    parts = [f'<image width="100%" height="{_STRIP}" preserveAspectRatio="none" href="{image}"/>']
    for first, last in stretches(bins.unsure):
        place = f'x="{100 * first / _BINS:.2f}%" width="{100 * (last - first) / _BINS:.2f}%"'
        parts.append(f'<rect {place} height="{_STRIP}" fill="url(#unsure)"/>')
    for emotion, x, y in bins.labels(_LABEL):
        style = f"fill:{_css(ink_on(COLORS[emotion]))}"
        parts.append(_svg_text(emotion, 100 * x, y * _STRIP, style, "middle"))
    whole = video.end_s - video.start_s
    step = tick_step(whole, _MOST_TICKS)
    first_tick = np.ceil(video.start_s / step - 1e-6) * step
    for at in np.arange(first_tick, video.end_s + step * 1e-6, step):
        left = 100 * (at - video.start_s) / whole
        anchor = "start" if left < 3 else "end" if left > 95 else "middle"
        parts.append(f'<rect x="{left:.2f}%" y="{_STRIP}" width="1" height="5" fill="var(--soft)"/>')
        parts.append(_svg_text(clock(at, 0 if step >= 1 else 1), left, _STRIP + 13, "fill:var(--soft)", anchor))
    return _svg(parts, _STRIP + _AXIS)


def _legend(emotions: Sequence[str]) -> Figure:
    colors = [(emotion, _css(COLORS[emotion])) for emotion in emotions]
    colors += [("unsure", "url(#unsure)"), ("not seen", "none")]
    parts = []
    for place, (name, color) in enumerate(colors):
        row, column = divmod(place, _LEGEND_COLUMNS)
        left, top = 100 * column / _LEGEND_COLUMNS, row * _LEGEND_ROW
        swatch = f'<rect x="{left}%" y="{top + 5}" width="14" height="12" rx="2" fill="{color}" stroke="var(--line)"/>'
        parts += [swatch, f'<g transform="translate(20)">{_svg_text(name, left, top + 11)}</g>']
    height = _LEGEND_ROW * (1 + (len(colors) - 1) // _LEGEND_COLUMNS)
    caption = "The height of a color is the probability of its emotion."
    return Figure(_svg(parts, height), f"Colors of {', '.join(emotions)}", caption)


def _svg(parts: Sequence[str], height: int) -> str:
    return f'<svg width="100%" style="height:{height}px;font-size:12.5px">{_HATCH}{"".join(parts)}</svg>'


def _svg_text(words: str, left: float, top: float, style: str = "", anchor: str = "start") -> str:
    place = f'x="{left:.2f}%" y="{top:.0f}" text-anchor="{anchor}" dominant-baseline="central"'
    return f'<text {place} style="{style}">{html_escape(words)}</text>'


def _css(color: tuple[int, int, int]) -> str:
    return "rgb({} {} {})".format(*color)
