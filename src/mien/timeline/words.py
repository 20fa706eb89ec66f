"""Times, shares and findings in words."""

from __future__ import annotations

from collections.abc import Sequence

from ..clock import clock
from .values import TrackTimeline, VideoTimeline

#: Emotions with a smaller share of the time are not named in a sentence.
_WORTH_NAMING = 0.05
_MOST_NAMED = 3
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)


def share(part: float) -> str:
    """``62 %``; ``< 1 %`` where it is little, but not nothing."""
    return "< 1 %" if 0 < part < 0.01 else f"{100 * part:.0f} %"


def counted(number: int, word: str, several: str = "") -> str:
    """``1 video``, ``1,200 videos``; ``several`` where its plural is another."""
    return f"{number:,} {word if number == 1 else several or f'{word}s'}"


def people(number: int) -> str:
    """``1 person``, ``2 people``."""
    return counted(number, "person", "people")


def tick_step(seconds: float, most: int) -> float:
    """A round step of time that divides ``seconds`` into ``most`` parts or fewer."""
    return next((step for step in _TICKS if seconds <= step * most), seconds)


def mostly(track: TrackTimeline) -> list[tuple[str, float]]:
    """The emotions worth naming, with their shares of the time seen: three at most, at least 5 % each."""
    return [(emotion, part) for emotion, part in track.shares.items() if part >= _WORTH_NAMING][:_MOST_NAMED]


def told(track: TrackTimeline) -> str:
    """A track in two sentences."""
    named = ", ".join(f"{emotion} {share(part)}" for emotion, part in mostly(track))
    unsure = f"unsure {share(track.unsure_share)}" if track.unsure_share else "never unsure"
    when = f"Seen for {clock(track.seen_s)} between {clock(track.start_s)} and {clock(track.end_s)}"
    return f"{when}. Of that time: {f'{named}; {unsure}' if named else unsure}."


def about(video: VideoTimeline) -> str:
    """A video in a line."""
    faces = people(len(video.tracks)) if video.tracks else "no face was seen"
    return f"{clock(video.start_s)} to {clock(video.end_s)}, {counted(video.frames, 'frame')} read, {faces}"


def letters(emotions: Sequence[str]) -> dict[str, str]:
    """One letter for each emotion, the first of its name that no other has taken."""
    given: dict[str, str] = {}
    for emotion in emotions:
        free = [letter for letter in emotion if letter not in given.values()]
        given[emotion] = free[0] if free else "*"
    return given
