"""Readings of images and videos on the terminal."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from rich.color import Color
from rich.console import Console, Group
from rich.segment import Segment, Segments
from rich.style import Style
from rich.table import Table
from rich.text import Text

from ..batch import BatchResult
from ..drawing import COLORS, annotate, named, percent
from ..errors import shorten
from ..io.images import read_image
from ..report import count
from ..report import percent as share_percent
from ..report.format import clock, seconds
from ..types import Frame, Reading
from ..video import Person, VideoResult

#: Further rows are counted and not listed; ``--out`` keeps all.
MAX_ROWS = 100
#: People listed for a video, those seen longest first.
MAX_PEOPLE = 20
_BAR = 10
#: Characters beside the names: face, emotion, confidence, bar and others; and the box.
_OTHER_COLUMNS, _BOX_COLUMN = 58, 20


class ReadingTable:
    """Collects rows while images are read: their number and the last image; a narrow console omits the places of faces."""

    def __init__(self, console: Console) -> None:
        self.images = 0
        self.last: tuple[str, Sequence[Reading]] | None = None
        self._wide = console.width >= 100
        self._name_width = max(20, console.width - (_OTHER_COLUMNS + _BOX_COLUMN * self._wide))
        self._block = "#" if console.options.ascii_only else "█"
        self._faces = 0
        self._counts: Counter[str] = Counter()
        self._rows: list[tuple[str, tuple[Text | str, ...]]] = []

    def add(self, name: str, readings: Sequence[Reading]) -> None:
        """Add the readings of one image."""
        self.images += 1
        self.last = name, readings
        self._faces += len(readings)
        self._counts.update("abstained" if reading.abstained else reading.emotion for reading in readings)
        cells = [(str(number), *self._cells(reading)) for number, reading in enumerate(readings, 1)]
        cells = cells or [("-", Text("no face", style="dim"))]
        names = [name, *[""] * (len(cells) - 1)]
        self._rows += list(zip(names, cells))[: max(0, MAX_ROWS - len(self._rows))]

    def table(self) -> Table:
        """Return the table so far; images are named relative to their common folder."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("image", overflow="fold", no_wrap=True, min_width=20)
        table.add_column("face", justify="right", no_wrap=True)
        table.add_column("emotion", no_wrap=True)
        table.add_column("confidence", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        table.add_column("others", overflow="ellipsis")  # the only column that gives way: its cells do not wrap
        if self._wide:
            table.add_column("box", style="dim", no_wrap=True)
        short = _short_names([name for name, _ in self._rows if name])
        for name, cells in self._rows:
            table.add_row(Text(shorten(short.get(name, ""), self._name_width)), *cells)
        return table

    def summary(self) -> str:
        """Return one line with the numbers of images, faces and predictions."""
        counted = ", ".join(f"{emotion} {n}" for emotion, n in self._counts.most_common())
        hidden = f" (the first {MAX_ROWS} are listed; --out keeps all)" if len(self._rows) >= MAX_ROWS else ""
        faces = count(self._faces, "face") + (f": {counted}" if counted else "")
        return f"{count(self.images, 'image')}, {faces}{hidden}"

    def _cells(self, reading: Reading) -> tuple[Text | str, ...]:
        red, green, blue = COLORS[reading.emotion]
        emotion = Text(named(reading), style="italic" if reading.abstained else "bold")
        bar = Text(self._block * max(1, round(reading.confidence * 10)), style=f"rgb({red},{green},{blue})")
        others = [pair for pair in reading.scores().items() if pair[0] != reading.emotion and pair[1] >= 0.05][:2]
        rest = Text(
            ", ".join(f"{name} {percent(probability)}" for name, probability in others),
            style="dim",
            no_wrap=True,
            overflow="ellipsis",
        )
        cells = (emotion, percent(reading.confidence), bar, rest)
        x0, y0, x1, y1 = (round(value) for value in reading.face.box.xyxy)
        return (*cells, f"{x0},{y0} {x1 - x0}x{y1 - y0}") if self._wide else cells


def show_readings(console: Console, table: ReadingTable, result: BatchResult, *, show_image: bool) -> None:
    """Print what ``mien read`` has read: an image alone, the table of images, and a table for each video."""
    colored = console.color_system in ("256", "truecolor") and show_image
    if colored and table.images == 1 and table.last and not result.videos:
        name, readings = table.last
        frame = read_image(name, max_megapixels=math.inf)  # the limit held when it was read
        console.print(preview(frame, readings, width=min(console.width, 64), lines=max(8, console.height - 8)))
    if table.images:
        console.print(table.table())
        console.print(table.summary(), style="dim", highlight=False)
    short = _short_names([video.source for video in result.videos])
    for video in result.videos:
        console.print(_video_table(video, short[video.source]))


def _video_table(result: VideoResult, name: str) -> Group:
    """A table of the people, and a line about the video."""
    people = sorted(result.people, key=lambda person: -person.frames)
    table = Table("video", "person", "seen", "of which", box=None, pad_edge=False, header_style="bold")
    for person in sorted(people[:MAX_PEOPLE], key=lambda person: person.track_id):
        seen = f"{clock(person.first_s, 1)} to {clock(person.last_s, 1)}, {seconds(person.seen_s)}"
        table.add_row(Text("" if table.rows else shorten(name, 30)), str(person.track_id), seen, _shares(person))
    for masked in sorted(result.masked[:MAX_PEOPLE], key=lambda person: person.track_id):
        seen = f"{clock(masked.first_s, 1)} to {clock(masked.last_s, 1)}"
        cells = str(masked.track_id), seen, Text("masked, and not read", "dim")
        table.add_row(Text("" if table.rows else name), *cells)
    counts = [f"{count(result.frames, 'frame')} up to {clock(result.end_s, 1)}", count(result.faces, "face")]
    counts.append(count(len(people), "person", "people"))
    if result.masked:
        counts.append(f"{len(result.masked)} masked")
    if len(people) > MAX_PEOPLE:
        counts.append(f"{count(len(people) - MAX_PEOPLE, 'person', 'people')} not listed")
    line = Text(f"{name}: {', '.join(counts)}", style="dim")
    return Group(table, line) if table.rows else Group(line)


def _shares(person: Person) -> Text:
    counts = [*person.emotions.items(), ("unsure", person.abstained)]
    text = Text()
    for emotion, frames in sorted(counts, key=lambda pair: -pair[1])[:3]:
        if frames:
            share = frames / person.frames
            red, green, blue = COLORS.get(emotion, (128, 128, 128))
            text.append("\u2588" * max(1, round(_BAR * share)), style=f"rgb({red},{green},{blue})")
            text.append(f" {emotion} {share_percent(share, 0)}  ")
    return text


def _short_names(names: Sequence[str]) -> dict[str, str]:
    """Map each path to the same, relative to the folder that all of them share."""
    try:
        root = os.path.commonpath([Path(name).absolute().parent for name in names])
        return {name: os.path.relpath(name, root) for name in names}
    except ValueError:  # there are none, or they are on two drives
        return {name: name for name in names}


def preview(frame: Frame, readings: Sequence[Reading], width: int, lines: int) -> Segments:
    """Draw the annotated image in half blocks, at most ``width`` characters wide and ``lines`` lines high."""
    width = max(1, min(width, round(2 * lines * frame.width / frame.height)))
    height = max(2, round(width * frame.height / frame.width) // 2 * 2)
    image = Image.fromarray(annotate(frame, readings))
    small = np.asarray(image.resize((width, height), Image.Resampling.BOX)).tolist()
    segments = []
    for upper, lower in zip(small[::2], small[1::2]):
        for above, below in zip(upper, lower):
            segments.append(Segment("▀", Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below))))
        segments.append(Segment.line())
    return Segments(segments)
