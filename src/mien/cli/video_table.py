"""What was read off videos, as people like to see it on a terminal: who was there, when, and with what expression."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..clock import clock
from ..drawing import COLORS, percent
from ..io.video import Video
from ..types import Reading

#: People listed for a video, those seen longest first.
MOST_PEOPLE = 20
_BAR = 10


@dataclass
class _Person:
    first_s: float
    last_s: float = 0.0
    frames: int = 0
    unsure: int = 0
    emotions: Counter[str] = field(default_factory=Counter)


class VideoSummary:
    """Adds up a video while it is read; takes room for each person, not for each frame.

    Args:
        video: the video.
        interval_s: seconds from one frame to the next.

    Attributes:
        problem: what could not be read, in words; "" where all could.
        hidden: people whose faces were covered: of each the number, and when they were first and last seen, in seconds.
    """

    def __init__(self, film: Video, interval_s: float) -> None:
        self.video, self.frames, self.problem = film, 0, ""
        self.hidden: list[tuple[int, float, float]] = []
        self._interval_s, self._faces, self._last_s = interval_s, 0, 0.0
        self._people: dict[int, _Person] = {}

    def add(self, time_s: float, readings: Sequence[Reading]) -> None:
        """Take in one frame."""
        self.frames += 1
        self._last_s = time_s
        for reading in readings:
            self._faces += 1
            person = self._people.setdefault(reading.track_id or 0, _Person(time_s))
            person.last_s = time_s
            person.frames += 1
            person.unsure += reading.abstained
            person.emotions["unsure" if reading.abstained else reading.emotion] += 1

    def shown(self, name: str) -> Group:
        """A table of the people, and a line about the video."""
        people = sorted(self._people.items(), key=lambda pair: -pair[1].frames)
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("video", "person", "seen"):
            table.add_column(title, justify="right" if title == "person" else "left")
        table.add_column("of which")
        for row, (number, person) in enumerate(sorted(people[:MOST_PEOPLE])):
            seen = f"{clock(person.first_s, 1)} to {clock(person.last_s, 1)}, {self._seen_s(person):.1f} s"
            table.add_row(Text(name if row == 0 else ""), str(number), seen, _shares(person))
        for number, first_s, last_s in sorted(self.hidden[:MOST_PEOPLE]):
            seen = f"{clock(first_s, 1)} to {clock(last_s, 1)}"
            table.add_row(Text("" if people else name), str(number), seen, Text("covered, and not read", style="dim"))
        left = len(people) - MOST_PEOPLE
        more = f"; {left} more {'person' if left == 1 else 'people'} seen for less time" if left > 0 else ""
        counted = f"{len(people)} {'person' if len(people) == 1 else 'people'}"
        counted += f"; {len(self.hidden)} covered" if self.hidden else ""
        frames = f"{self.frames} {'frame' if self.frames == 1 else 'frames'}"
        line = f"{name}: {frames} up to {clock(self._last_s, 1)}, {self._faces} faces, {counted}{more}"
        summary = Text(line, style="dim")
        return Group(table, summary) if people or self.hidden else Group(summary)

    def _seen_s(self, person: _Person) -> float:
        """Each frame stands for the time to the next, but not beyond the video's end."""
        left = (self.video.facts.duration_s or float("inf")) - person.first_s
        return min(person.frames * self._interval_s, left)


def _shares(person: _Person) -> Text:
    text = Text()
    for emotion, frames in person.emotions.most_common(3):
        share = frames / person.frames
        red, green, blue = COLORS.get(emotion, (128, 128, 128))
        text.append("\u2588" * max(1, round(_BAR * share)), style=f"rgb({red},{green},{blue})")
        text.append(f" {emotion} {percent(share) if share < 1 else 'all the time'}  ")
    return text
