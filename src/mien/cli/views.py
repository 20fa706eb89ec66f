"""Where ``mien watch`` shows its moving image."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import cv2
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ..drawing import annotate, caption
from ..errors import OptionError
from ..report.format import clock
from ..types import Frame, Reading
from .table import preview


class View(Protocol):
    """Shows one moment after another."""

    def show(self, frame: Frame, readings: Sequence[Reading]) -> bool:
        """Show a moment; False where the user wants no more."""
        ...


@contextmanager
def choose_view(kind: str, title: str) -> Iterator[View]:
    """The view of this kind: ``auto``, ``window``, ``terminal`` or ``none``.

    Raises:
        OptionError: there is no screen to open a window on.
    """
    screen = sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    console = Console()
    if kind == "window" and not screen:
        raise OptionError("--view window: there is no screen here", hint="Use --view terminal or --view none.")
    if kind == "window" or (kind == "auto" and screen):
        with _window(title) as window:
            yield window
    elif kind == "terminal" or (kind == "auto" and console.is_terminal):
        with Live(console=console, screen=True, auto_refresh=False) as live:
            yield _InTerminal(console, live)
    else:
        yield _Lines(console)


@contextmanager
def _window(title: str) -> Iterator[_Window]:
    window = _Window(f"mien watch {title}")
    try:
        yield window
    finally:
        cv2.destroyAllWindows()


class _Window:
    def __init__(self, title: str) -> None:
        self._title = title

    def show(self, frame: Frame, readings: Sequence[Reading]) -> bool:
        cv2.imshow(self._title, cv2.cvtColor(annotate(frame, readings), cv2.COLOR_RGB2BGR))
        pressed = cv2.waitKey(1) & 0xFF
        return pressed not in (ord("q"), 27) and cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1


class _InTerminal:
    def __init__(self, console: Console, live: Live) -> None:
        self._console, self._live = console, live

    def show(self, frame: Frame, readings: Sequence[Reading]) -> bool:
        lines = [Text(f"person {reading.track_id}: {caption(reading)}") for reading in readings]
        below = lines or [Text("no face", style="dim")]
        room = max(4, self._console.height - len(below) - 2)
        image = preview(frame, readings, self._console.width, room)
        left = Text(f"{clock(frame.time_s, 1)}   Ctrl-C stops", style="dim")
        self._live.update(Group(image, *below, left), refresh=True)
        return True


class _Lines:
    """A line whenever an expression changes: for pipes and logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[int | None, tuple[str, bool]] = {}

    def show(self, frame: Frame, readings: Sequence[Reading]) -> bool:
        now = {reading.track_id: (reading.emotion, reading.abstained) for reading in readings}
        for reading in readings:
            if self._last.get(reading.track_id) != now[reading.track_id]:
                line = f"{clock(frame.time_s, 1)}  person {reading.track_id}  {caption(reading)}"
                self._console.out(line, highlight=False)
        for track_id in self._last.keys() - now.keys():
            self._console.out(f"{clock(frame.time_s, 1)}  person {track_id}  gone", highlight=False)
        self._last = now
        return True
