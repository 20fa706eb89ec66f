"""The timeline as a report, with a strip of probabilities, shares and spans for each person; and on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from html import escape as html_escape

import numpy as np
import numpy.typing as npt
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from .. import __version__
from .. import report as doc
from ..drawing import COLORS, encoded, ink_on
from ..drawing import percent as probability
from ..report import count, escape, percent
from ..report.format import clock, seconds
from ..report.html import data_uri
from .bins import binned, stacked, stretches, tick_step
from .thumbnails import thumbnails
from .timeline import Timeline, TrackTimeline, VideoTimeline

#: People who have a column each in a table; more have a row each.
_MAX_COLUMNS = 4
#: Tracks and spans of a report beyond these are counted, not shown: a page should open at once.
MAX_TRACKS, MAX_SPANS = 50, 300
#: Emotions with a smaller share of the time are not named in a sentence.
_MIN_SHARE, _MOST_NAMED = 0.05, 3
_BINS, _LEVELS = 480, 64
_MOST_TICKS = 5  # as many times as fit side by side on a telephone
_LABEL = 0.16  # share of the width that the name of an emotion takes on a telephone
_STRIP, _AXIS, _LEGEND_ROW = 74, 22, 22  # heights in pixels
_LEGEND_COLUMNS = 4
_NAME, _THIN = 17, 16  # heights of a name and of a thin strip below it, in pixels
#: What the height of a color in a strip of probabilities means.
HEIGHTS = "The height of a color is the probability of its emotion."
_HATCH = (
    '<defs><pattern id="unsure" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<path d="M0 0V6" stroke="var(--soft)"/></pattern></defs>'
)
NOT_A_FEELING = (
    "An expression is not a feeling",
    "mien predicts which emotion most people would name for a face. People also smile out of politeness and frown in "
    "thought, and cameras, light, age, culture and illness change how faces look. This report does not show what a "
    "person felt, and must not be the basis of decisions about a person. Recall of fear, disgust and contempt is low.",
)
_READING = (
    NOT_A_FEELING,
    (
        "Unsure",
        "The reading abstained, for example because its confidence was below the minimum, 50% by default. This time is "
        "hatched and counts for no emotion; in the list of spans the name has a question mark.",
    ),
    (
        "Person",
        "One face, tracked from frame to frame; the column `track_id` of the table. People are not recognized: a person "
        "who leaves the image and returns may get a new number, so two numbers can be one person.",
    ),
    (
        "Shares",
        "Shares of the time in which the face was visible. Each frame counts for the time until the next one. The emotions "
        "and unsure sum to 100%.",
    ),
)

#: Tracks on a terminal; others are counted.
MAX_LINES = 20
_NARROWEST, _WIDEST = 16, 64
_WIDE_CONSOLE = 100
_BESIDE, _BESIDE_NARROW = 66, 54  # columns that the words beside the strip take
_UNSURE, _NOT_SEEN, _SHADE = "?", ".", "\N{LIGHT SHADE}"
_SPACE = "\N{NO-BREAK SPACE}"


def report(timeline: Timeline, *, images: bool = False) -> doc.Document:
    """Build the report of a timeline with at least one video; with ``images``, of the people too (``thumbnails``)."""
    videos = timeline.videos
    blocks: list[doc.Block] = [legend(videos[0].emotions)]
    for video in videos:
        title, head = ("People", ()) if len(videos) == 1 else (video.name, (doc.Text(f"{escape(_about(video))}."),))
        faces = thumbnails(video, timeline.folder, MAX_TRACKS) if images and len(video.tracks) > 1 else {}
        blocks.append(doc.Section(title, (*head, *_people(video, faces), *_video(video))))
    spans = (
        "Spans",
        f"Time of one emotion. Changes shorter than {timeline.shortest_s:g} s are flickers: they are given to the longer of "
        "the spans beside them. A face that is missed for no longer than that has no gap. The probability is the mean over "
        "the whole span.",
    )
    blocks.append(doc.Section("How to read this", (doc.Definitions((*_READING, spans)),)))
    name = videos[0].name if len(videos) == 1 else count(len(videos), "video")
    date = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    metadata = {"mien": __version__, "date": date, "source": ", ".join(video.source for video in videos[:8])}
    summary = f"{escape(_about(videos[0]))}." if len(videos) == 1 else ""
    return doc.Document(f"Expressions over time: {name}", tuple(blocks), summary, metadata)


def _about(video: VideoTimeline) -> str:
    faces = count(len(video.tracks), "person", "people") if video.tracks else "no face was seen"
    start, end = _position(video, video.start_s), _position(video, video.end_s)
    return f"{start} to {end}, {count(video.frames, 'frame')} read, {faces}"


def _position(video: VideoTimeline, time_s: float) -> str:
    """A position in a video, with a decimal in those below a minute."""
    return clock(time_s, 1 if video.end_s < 60 else 0)


def _mostly(track: TrackTimeline, most: int = _MOST_NAMED) -> str:
    """The emotions worth naming, with their shares of the time seen."""
    named = [f"{emotion} {percent(part, 0)}" for emotion, part in track.shares.items() if part >= _MIN_SHARE]
    return ", ".join(named[:most])


def _people(video: VideoTimeline, faces: Mapping[int, bytes]) -> Iterator[doc.Block]:
    """A small image of each person, to choose those to join."""
    shown = [(track, faces[track.track_id]) for track in video.tracks if track.track_id in faces]
    if shown:
        yield doc.Gallery(tuple(doc.Tile(face, escape(_title(track)), _title(track)) for track, face in shown), 96)
        yield doc.Text(
            "Two numbers are the same person? `mien timeline join TABLE 1+3 --name P01` joins them. "
            "`--no-image-output` leaves these images out.",
            doc.Tone.MUTED,
        )


def _video(video: VideoTimeline) -> Iterator[doc.Block]:
    shown, hidden = video.ranked[:MAX_TRACKS], video.ranked[MAX_TRACKS:]
    if not shown:
        yield doc.Text("No face was seen.")
        return
    for track in shown:
        unsure = f"unsure {percent(track.unsure_share, 0)}" if track.unsure_share else "never unsure"
        between = f"{_position(video, track.start_s)} and {_position(video, track.end_s)}"
        when = f"Seen for {seconds(track.seen_s)} between {between}"
        words = f"{when}. Of that time: {'; '.join(filter(None, (_mostly(track), unsure)))}."
        strip = doc.Figure(_strip(track, video), f"{_title(track)} over time. {words}")
        yield doc.Section(_title(track), (doc.Text(words), strip, _spans(track)))
    if hidden:
        yield doc.Text(
            f"Left out: {count(len(hidden), 'person', 'people')} seen for less time than these.", doc.Tone.MUTED
        )
    lines: list[tuple[str, ...]] = [
        ("seen", *(seconds(track.seen_s) for track in shown)),
        *((emotion, *(percent(track.shares[emotion], 0) for track in shown)) for emotion in video.emotions),
        ("unsure", *(percent(track.unsure_share, 0) for track in shown)),
        ("mean confidence", *(probability(track.confidence) for track in shown)),
    ]
    people = [track.name or str(track.track_id) for track in shown]
    title, names = "person", people
    if len(shown) > _MAX_COLUMNS:  # a column for each person would be too wide
        title, names = "person", [line[0] for line in lines]
        lines = list(zip(people, *(line[1:] for line in lines)))
    columns = (doc.Column(title), *(doc.Column(name, "right") for name in names))
    rows = tuple(lines)
    yield doc.Section("Shares of the time seen", (doc.Table(columns, rows),))


def _title(track: TrackTimeline) -> str:
    return track.name or f"Person {track.track_id}"


def _spans(track: TrackTimeline) -> doc.Details:
    names = ("from", "to", "seconds", "emotion", "probability")
    columns = tuple(doc.Column(name, "left" if name == "emotion" else "right") for name in names)
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
    blocks: list[doc.Block] = [doc.Table(columns, rows, row_headers=False)]
    if len(track.spans) > MAX_SPANS:
        blocks.append(doc.Text(f"The first {MAX_SPANS}; `--spans spans.csv` writes all.", doc.Tone.MUTED))
    return doc.Details(f"{count(len(track.spans), 'span')} of {track.person}", tuple(blocks))


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
    return _svg([*parts, *_ticks(video.start_s, video.end_s, _STRIP)], _STRIP + _AXIS)


def label_strips(
    rows: Sequence[tuple[str, npt.NDArray[np.uint8]]], span: tuple[float, float], axis: tuple[float, float]
) -> str:
    """An SVG as wide as its place: thin strips below their names, and times below all.

    Args:
        rows: name and colors over time, uint8 (1, W, 4), RGBA.
        span: start and end of the strips, in seconds.
        axis: start and end of the axis of time, in seconds.
    """
    parts, top = [], 0
    left, right = (100 * (at - axis[0]) / (axis[1] - axis[0]) for at in span)
    for name, colors in rows:
        place = f'x="{left:.2f}%" width="{right - left:.2f}%" y="{top + _NAME}" height="{_THIN}"'
        parts.append(_svg_text(name, 0, top + _NAME / 2, "fill:var(--soft)"))
        look = 'preserveAspectRatio="none" style="image-rendering:pixelated"'
        parts.append(f'<image {place} {look} href="{data_uri(encoded(colors))}"/>')
        top += _NAME + _THIN
    return _svg([*parts, *_ticks(*axis, top)], top + _AXIS)


def _ticks(start_s: float, end_s: float, top: float) -> Iterator[str]:
    """Times below a strip whose lower edge is at ``top``, in pixels."""
    step = tick_step(end_s - start_s, _MOST_TICKS)
    for at in np.arange(np.ceil(start_s / step - 1e-6) * step, end_s + step * 1e-6, step):
        left = 100 * (at - start_s) / (end_s - start_s)
        anchor = "start" if left < 3 else "end" if left > 95 else "middle"
        yield f'<rect x="{left:.2f}%" y="{top}" width="1" height="5" fill="var(--soft)"/>'
        yield _svg_text(clock(at, 0 if step >= 1 else 1), left, top + 13, "fill:var(--soft)", anchor)


def legend(emotions: Sequence[str], caption: str = HEIGHTS, *, hatched: bool = True) -> doc.Figure:
    """The colors of emotions; ``hatched`` names the sign of unsure time too."""
    colors = [(emotion, _css(COLORS[emotion])) for emotion in emotions]
    colors += [*([("unsure", "url(#unsure)")] if hatched else []), ("not seen", "none")]
    parts = []
    for place, (name, color) in enumerate(colors):
        row, column = divmod(place, _LEGEND_COLUMNS)
        left, top = 100 * column / _LEGEND_COLUMNS, row * _LEGEND_ROW
        swatch = f'<rect x="{left}%" y="{top + 5}" width="14" height="12" rx="2" fill="{color}" stroke="var(--line)"/>'
        parts += [swatch, f'<g transform="translate(20)">{_svg_text(name, left, top + 11)}</g>']
    height = _LEGEND_ROW * (1 + (len(colors) - 1) // _LEGEND_COLUMNS)
    return doc.Figure(_svg(parts, height), f"Colors of {', '.join(emotions)}", caption)


def _svg(parts: Sequence[str], height: int) -> str:
    return f'<svg width="100%" style="height:{height}px;font-size:12.5px">{_HATCH}{"".join(parts)}</svg>'


def _svg_text(words: str, left: float, top: float, style: str = "", anchor: str = "start") -> str:
    place = f'x="{left:.2f}%" y="{top:.0f}" text-anchor="{anchor}" dominant-baseline="central"'
    return f'<text {place} style="{style}">{html_escape(words)}</text>'


def _css(color: tuple[int, int, int]) -> str:
    return "rgb({} {} {})".format(*color)


def shown(videos: Sequence[VideoTimeline], console: Console) -> Iterator[RenderableType]:
    """Return the terminal output: a heading and a table for each video, and a legend.

    A strip shows each track over the whole video: one letter per change of emotion on its color, or without colors one
    letter per step.
    """
    for video in videos:
        yield Text.assemble((video.name, "bold"), "  ", (_about(video), "dim"))
        if video.tracks:
            yield _terminal_table(video, console)
        if video.untracked:
            yield Text(f"{count(video.untracked, 'reading')} without a track, as in a photo: left out", "dim")
        hidden = video.ranked[MAX_LINES:]
        if hidden:
            longest = seconds(max(track.seen_s for track in hidden))
            yield Text(f"and {len(hidden):,} more people, each seen for {longest} or less; --json lists all", "dim")
        yield ""
    if any(video.tracks for video in videos):
        yield _letter_legend(videos[0].emotions, console)
        yield Text("unsure: too unlikely to rely on. An expression is not a feeling.", "dim")


def _terminal_table(video: VideoTimeline, console: Console) -> Table:
    wide = console.width >= _WIDE_CONSOLE
    width = min(max(console.width - (_BESIDE if wide else _BESIDE_NARROW), _NARROWEST), _WIDEST)
    first, last = _position(video, video.start_s), _position(video, video.end_s)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("person", justify="right")
    table.add_column("seen", justify="right", no_wrap=True)
    table.add_column(first + last.rjust(width - len(first)), no_wrap=True, width=width)
    table.add_column("mostly", ratio=1)
    table.add_column("unsure", justify="right", no_wrap=True)
    for track in video.ranked[:MAX_LINES]:
        unsure = Text(percent(track.unsure_share, 0), "bold" if track.unsure_share >= 0.5 else "")
        named = _mostly(track, 3 if wide else 2) or Text("nothing to rely on", "italic")
        table.add_row(
            track.name or str(track.track_id),
            seconds(track.seen_s),
            _letter_strip(track, video, width, console),
            named,
            unsure,
        )
    return table


def _letter_strip(track: TrackTimeline, video: VideoTimeline, width: int, console: Console) -> Text:
    bins = binned(track, video.start_s, video.end_s, width)
    letter = letters(video.emotions)
    shade = _UNSURE if console.options.ascii_only else _SHADE
    text = Text()
    before = None
    for seen, unsure, place in zip(bins.seen, bins.unsure, bins.strongest):
        emotion = video.emotions[int(place)]
        state = _NOT_SEEN if not seen else _UNSURE if unsure else letter[emotion]
        if console.color_system is None:
            text.append(state)
        elif not seen:
            text.append(" ")
        elif state == before:
            text.append(shade if unsure else " ", "dim" if unsure else _style(emotion))
        else:
            text.append(state, "" if unsure else _style(emotion))
        before = state
    return text


def _style(emotion: str) -> str:
    ground, ink = COLORS[emotion], ink_on(COLORS[emotion])
    return f"rgb({ink[0]},{ink[1]},{ink[2]}) on rgb({ground[0]},{ground[1]},{ground[2]})"


def _letter_legend(emotions: tuple[str, ...], console: Console) -> Text:
    plain = console.color_system is None
    text = Text()
    for emotion, letter in letters(emotions).items():
        text.append(letter if plain else f"{_SPACE}{letter}{_SPACE}", "" if plain else _style(emotion))
        text.append(f"{_SPACE}{emotion}  ", "dim")
    text.append(f"{_UNSURE}{_SPACE}unsure  ", "dim")
    text.append(f"{_NOT_SEEN if plain else 'blank'}{_SPACE}not{_SPACE}seen", "dim")
    return text


def letters(emotions: Sequence[str]) -> dict[str, str]:
    """One letter for each emotion, the first of its name that no other has taken."""
    given: dict[str, str] = {}
    for emotion in emotions:
        given[emotion] = next((letter for letter in emotion if letter not in given.values()), "*")
    return given
