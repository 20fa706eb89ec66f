"""Readings as people like to see them on a terminal."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
from rich.color import Color
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style
from rich.table import Table
from rich.text import Text

from ..drawing import COLORS, annotate, named, percent
from ..types import Frame, Reading

#: More rows than this are counted, not listed: that is what --out is for.
MOST_ROWS = 100


class ReadingTable:
    """Collects what is worth showing while images are read.

    Args:
        console: where it will be shown; a narrow one omits the positions of the faces.

    Attributes:
        images: number of images so far.
        last: the last image with its readings.
    """

    def __init__(self, console: Console) -> None:
        self.images = 0
        self.last: tuple[Frame, Sequence[Reading]] | None = None
        self._wide = console.width >= 100
        self._block = "#" if console.options.ascii_only else "█"
        self._faces = 0
        self._counts: Counter[str] = Counter()
        self._rows: list[tuple[str, tuple[Text | str, ...]]] = []

    def add(self, frame: Frame, readings: Sequence[Reading]) -> None:
        """Take in one image."""
        self.images += 1
        self.last = frame, readings
        self._faces += len(readings)
        self._counts.update("unsure" if reading.abstained else reading.emotion for reading in readings)
        cells = (
            [("-", Text("no face", style="dim"))]
            if not readings
            else [
                (str(number), *_cells(reading, self._block), *((_where(reading),) if self._wide else ()))
                for number, reading in enumerate(readings)
            ]
        )
        names = [frame.name, *[""] * (len(cells) - 1)]
        self._rows += list(zip(names, cells))[: max(0, MOST_ROWS - len(self._rows))]

    def table(self) -> Table:
        """The table so far; images are named from the folder that all of them share."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("image", overflow="fold", min_width=20)
        table.add_column("face", justify="right")
        table.add_column("emotion")
        table.add_column("sure", justify="right")
        table.add_column("", no_wrap=True)
        table.add_column("otherwise", no_wrap=True, overflow="ellipsis")
        if self._wide:
            table.add_column("where", style="dim", no_wrap=True)
        short = short_names([name for name, _ in self._rows if name])
        for name, cells in self._rows:
            table.add_row(Text(short.get(name, "")), *cells)
        return table

    def summary(self) -> str:
        """One line: how many images and faces, and what they express."""
        counted = ", ".join(f"{emotion} {n}" for emotion, n in self._counts.most_common())
        faces = f"{self._faces} {'face' if self._faces == 1 else 'faces'}"
        images = f"{self.images} {'image' if self.images == 1 else 'images'}"
        hidden = f" (the first {MOST_ROWS} are listed; --out keeps all)" if len(self._rows) >= MOST_ROWS else ""
        return f"{images}, {faces}{f': {counted}' if counted else ''}{hidden}"


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Each path -> the same, from the folder that all of them share."""
    try:
        root = os.path.commonpath([Path(name).absolute().parent for name in names])
        return {name: os.path.relpath(name, root) for name in names}
    except ValueError:  # there are none, or they are on two drives
        return {name: name for name in names}


def _cells(reading: Reading, block: str) -> tuple[Text, str, Text, Text]:
    red, green, blue = COLORS[reading.emotion]
    emotion = Text(named(reading), style="italic" if reading.abstained else "bold")
    bar = Text(block * max(1, round(reading.confidence * 10)), style=f"rgb({red},{green},{blue})")
    others = [pair for pair in reading.scores().items() if pair[0] != reading.emotion and pair[1] >= 0.05][:2]
    rest = Text(", ".join(f"{emotion} {percent(share)}" for emotion, share in others), style="dim")
    return emotion, percent(reading.confidence), bar, rest


def _where(reading: Reading) -> str:
    x0, y0, x1, y1 = (round(value) for value in reading.face.box.xyxy)
    return f"{x0},{y0} {x1 - x0}x{y1 - y0}"


def preview(frame: Frame, readings: Sequence[Reading], width: int, lines: int) -> Segments:
    """The annotated image in half blocks, at most ``width`` characters wide and ``lines`` lines high."""
    width = max(1, min(width, round(2 * lines * frame.width / frame.height)))
    height = max(2, round(width * frame.height / frame.width) // 2 * 2)
    small = cv2.resize(annotate(frame, readings), (width, height), interpolation=cv2.INTER_AREA)
    segments = []
    for upper, lower in zip(small[::2].tolist(), small[1::2].tolist()):
        for above, below in zip(upper, lower):
            style = Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below))
            segments.append(Segment("▀", style))
        segments.append(Segment.line())
    return Segments(segments)
