"""Events of BORIS: those of its projects (``.boris``, JSON), and the pairing of starts and stops."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import DataError

START, STOP, POINT = "START", "STOP", "POINT"
#: What an event is: label, subject, and the video or the modifiers.
Key: TypeAlias = tuple[str, str, str]


def read_boris(path: Path) -> list[tuple[float, float, str, str, str]]:
    """Read start and end in seconds, label, subject and video of all events of a project.

    State events are paired by behavior, subject and modifiers: the first starts, the next stops. If the first player shows
    several videos one after the other, an event belongs to the video that shows its start, and its times count from the
    start of that video.

    Raises:
        DataError: the file is no project of BORIS, or damaged.
    """
    try:
        project = json.loads(path.read_bytes())
        conf = project["behaviors_conf"].values()
        states = {str(one["code"]) for one in conf if str(one["type"]).lower().startswith("state")}
        found = []
        for observation in project["observations"].values():
            videos = _videos(observation)
            for start_s, end_s, (label, subject, _) in paired(_events(observation["events"], states)):
                video, begins_s = next((one for one in reversed(videos) if one[1] <= start_s), ("", 0.0))
                found.append((start_s - begins_s, end_s - begins_s, label, subject, video))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        message = f"{path} is not a project of BORIS, or is damaged: {type(error).__name__}: {error}"
        raise DataError(message, hint="Save it with BORIS again, or export its events as CSV.", path=path) from error
    return found


def _events(events: Iterable[list[Any]], states: set[str]) -> Iterator[tuple[float, str, Key]]:
    """Time, status and key of each event; those of images have no time and are left out."""
    timed = [one for one in events if isinstance(one[0], int | float) and math.isfinite(one[0]) and one[0] >= 0]
    running: set[Key] = set()
    for time_s, subject, code, modifiers, *_ in sorted(timed, key=lambda one: float(one[0])):
        key = str(code), str(subject or ""), str(modifiers or "")
        if code not in states:
            yield float(time_s), POINT, key
        elif key in running:
            running.remove(key)
            yield float(time_s), STOP, key
        else:
            running.add(key)
            yield float(time_s), START, key


def _videos(observation: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The videos of the first player, with the time at which each begins; those after one of unknown length are left out."""
    players = observation.get("file") or {}
    videos = list(players.get("1", ())) if isinstance(players, dict) else []
    lengths = (observation.get("media_info") or {}).get("length") or {}
    begins_s = [0.0]
    for before, _ in pairwise(videos):
        if before not in lengths:
            break
        begins_s.append(begins_s[-1] + float(lengths[before]))
    return list(zip(videos, begins_s))


def paired(events: Iterable[tuple[float, str, Key]]) -> list[tuple[float, float, Key]]:
    """Start and end in seconds of events that are given by time, status and key, in order of time.

    A state that is never stopped ends with the last event; other statuses are points in time.

    Raises:
        DataError: an event stops that did not start.
    """
    found: list[tuple[float, float, Key]] = []
    running: dict[Key, float] = {}
    last = 0.0
    for last, status, key in events:
        if status == START:
            running[key] = last
        elif status == STOP:
            if key not in running:
                raise DataError(f"{key[0]!r} stops at {last:g} s, but did not start")
            found.append((running.pop(key), last, key))
        else:
            found.append((last, last, key))
    return found + [(start, max(start, last), key) for key, start in running.items()]
