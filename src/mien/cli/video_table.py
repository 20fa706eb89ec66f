"""What was read in a video, for a terminal: who was there, when, and with what expression."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..drawing import COLORS
from ..report import count, percent
from ..report.format import clock
from ..video import Person, VideoResult

#: People listed for a video, those seen longest first.
MAX_PEOPLE = 20
_BAR = 10


def video_table(result: VideoResult, name: str) -> Group:
    """A table of the people, and a line about the video."""
    people = sorted(result.people, key=lambda person: -person.frames)
    table = Table("video", "person", "seen", "of which", box=None, pad_edge=False, header_style="bold")
    for person in sorted(people[:MAX_PEOPLE], key=lambda person: person.track_id):
        seen = f"{clock(person.first_s, 1)} to {clock(person.last_s, 1)}, {person.seen_s:.1f} s"
        table.add_row(Text("" if table.rows else name), str(person.track_id), seen, _shares(person))
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
            text.append(f" {emotion} {percent(share, 0)}  ")
    return text
