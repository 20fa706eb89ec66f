"""Readings as people like to see them on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..drawing import COLORS, named, percent
from ..types import Reading

#: More rows than this are counted, not listed: that is what --out is for.
MOST_ROWS = 100


class ReadingTable:
    """Collects what is worth showing while images are read.

    Args:
        console: where it will be shown; a narrow one does without the places of the faces.
    """

    def __init__(self, console: Console) -> None:
        self.images = 0
        self._wide = console.width >= 100
        self._block = "#" if console.options.ascii_only else "█"
        self._faces = 0
        self._counts: Counter[str] = Counter()
        self._table = Table(box=None, pad_edge=False, header_style="bold")
        self._table.add_column("image", overflow="fold", min_width=20)
        self._table.add_column("face", justify="right")
        self._table.add_column("emotion")
        self._table.add_column("sure", justify="right")
        self._table.add_column("", no_wrap=True)
        self._table.add_column("otherwise", no_wrap=True, overflow="ellipsis")
        if self._wide:
            self._table.add_column("where", style="dim", no_wrap=True)

    def add(self, name: str, readings: Sequence[Reading]) -> None:
        """Take in one image."""
        self.images += 1
        if not readings and self._table.row_count < MOST_ROWS:
            self._table.add_row(Text(name), "-", Text("no face", style="dim"))
        for number, reading in enumerate(readings):
            self._faces += 1
            self._counts["unsure" if reading.abstained else reading.emotion] += 1
            if self._table.row_count < MOST_ROWS:
                place = (_where(reading),) if self._wide else ()
                self._table.add_row(
                    Text(name if number == 0 else ""), str(number), *_cells(reading, self._block), *place
                )

    def table(self) -> Table:
        """The table so far."""
        return self._table

    def summary(self) -> str:
        """One line: how many images and faces, and what they express."""
        counted = ", ".join(f"{emotion} {n}" for emotion, n in self._counts.most_common())
        faces = f"{self._faces} {'face' if self._faces == 1 else 'faces'}"
        images = f"{self.images} {'image' if self.images == 1 else 'images'}"
        hidden = f" (the first {MOST_ROWS} are listed; --out keeps all)" if self._table.row_count >= MOST_ROWS else ""
        return f"{images}, {faces}{f': {counted}' if counted else ''}{hidden}"


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
