"""What was read in a video, for a terminal: who was there, when, and with what expression."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ..drawing import COLORS, percent
from ..report.format import clock
from ..video import Person, VideoResult

#: People listed for a video, those seen longest first.
MAX_PEOPLE = 20
_BAR = 10


def video_table(result: VideoResult, name: str) -> Group:
    """A table of the people, and a line about the video.

    Args:
        result: what was read.
        name: what to call the video.
    """
    people = sorted(result.people, key=lambda person: -person.frames)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("video", "person", "seen"):
        table.add_column(title, justify="right" if title == "person" else "left")
    table.add_column("of which")
    for row, person in enumerate(sorted(people[:MAX_PEOPLE], key=lambda person: person.track_id)):
        seen = f"{clock(person.first_s, 1)} to {clock(person.last_s, 1)}, {person.seen_s:.1f} s"
        table.add_row(Text(name if row == 0 else ""), str(person.track_id), seen, _shares(person))
    for masked in sorted(result.masked[:MAX_PEOPLE], key=lambda person: person.track_id):
        seen = f"{clock(masked.first_s, 1)} to {clock(masked.last_s, 1)}"
        table.add_row(Text("" if people else name), str(masked.track_id), seen, Text("masked, and not read", "dim"))
    more = len(people) - MAX_PEOPLE
    counts = [_counted(result.frames, "frame") + f" up to {clock(result.end_s, 1)}", _counted(result.faces, "face")]
    counts.append(_counted(len(people), "person", "people"))
    counts += [f"{len(result.masked)} masked"] if result.masked else []
    counts += [f"{_counted(more, 'person', 'people')} not listed"] if more > 0 else []
    line = Text(f"{name}: {', '.join(counts)}", style="dim")
    return Group(table, line) if people or result.masked else Group(line)


def _counted(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def _shares(person: Person) -> Text:
    counts = [*person.emotions.items(), *([("unsure", person.abstained)] if person.abstained else [])]
    text = Text()
    for emotion, frames in sorted(counts, key=lambda pair: -pair[1])[:3]:
        share = frames / person.frames
        red, green, blue = COLORS.get(emotion, (128, 128, 128))
        text.append("\u2588" * max(1, round(_BAR * share)), style=f"rgb({red},{green},{blue})")
        text.append(f" {emotion} {percent(share) if share < 1 else '100%'}  ")
    return text
