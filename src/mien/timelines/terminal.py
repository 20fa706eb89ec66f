"""Timelines on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ..drawing import COLORS, ink_on
from ..report import count, percent
from ..report.format import clock
from .bins import about, binned, mostly
from .timeline import TrackTimeline, VideoTimeline

#: Tracks seen for less time than these are counted, not listed.
MAX_TRACKS = 20
_NARROWEST, _WIDEST = 16, 64
_WIDE_CONSOLE = 100
_BESIDE, _BESIDE_NARROW = 66, 54  # columns that the words beside the strip take
_UNSURE, _NOT_SEEN, _SHADE = "?", ".", "\N{LIGHT SHADE}"
_SPACE = "\N{NO-BREAK SPACE}"


def shown(videos: Sequence[VideoTimeline], console: Console) -> Iterator[RenderableType]:
    """What to print: a heading and a table for each video, and a legend.

    A strip shows each track over the whole video: a letter a change of emotion on its color, or, where there are no
    colors, a letter a step.
    """
    for video in videos:
        yield Text.assemble((video.name, "bold"), "  ", (about(video), "dim"))
        if video.tracks:
            yield _table(video, console)
        if video.untracked:
            yield Text(f"{count(video.untracked, 'reading')} without a track, as in a photo: left out", "dim")
        hidden = video.ranked[MAX_TRACKS:]
        if hidden:
            seconds = clock(max(track.seen_s for track in hidden))
            yield Text(f"and {len(hidden):,} more people, each seen for {seconds} or less; --json lists all", "dim")
        yield ""
    if any(video.tracks for video in videos):
        yield _legend(videos[0].emotions, console)
        yield Text("unsure: too unlikely to rely on. An expression is not a feeling.", "dim")


def _table(video: VideoTimeline, console: Console) -> Table:
    wide = console.width >= _WIDE_CONSOLE
    width = min(max(console.width - (_BESIDE if wide else _BESIDE_NARROW), _NARROWEST), _WIDEST)
    first, last = clock(video.start_s), clock(video.end_s)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("person", justify="right")
    table.add_column("seen", justify="right", no_wrap=True)
    table.add_column(first + last.rjust(width - len(first)), no_wrap=True, width=width)
    table.add_column("mostly", ratio=1)
    table.add_column("unsure", justify="right", no_wrap=True)
    for track in video.ranked[:MAX_TRACKS]:
        unsure = Text(percent(track.unsure_share, 0), "bold" if track.unsure_share >= 0.5 else "")
        named = mostly(track, 3 if wide else 2) or Text("nothing to rely on", "italic")
        table.add_row(str(track.track_id), clock(track.seen_s), _strip(track, video, width, console), named, unsure)
    return table


def _strip(track: TrackTimeline, video: VideoTimeline, width: int, console: Console) -> Text:
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


def _legend(emotions: tuple[str, ...], console: Console) -> Text:
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
