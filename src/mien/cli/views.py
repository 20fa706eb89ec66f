"""Where ``mien watch`` shows its moving image."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ..drawing import annotate, caption
from ..errors import MienError, OptionError
from ..extras import opencv
from ..report.format import clock
from ..types import Frame, Reading
from .table import preview

#: Shows one frame after another; False where the user wants no more.
Show: TypeAlias = Callable[[Frame, Sequence[Reading]], bool]


@contextmanager
def choose_view(kind: str, title: str) -> Iterator[Show]:
    """The view of this kind: ``auto``, ``window``, ``terminal`` or ``none``, which prints changes only.

    Raises:
        OptionError: there is no screen to open a window on.
    """
    console, window = Console(), f"mien watch {title}"
    if kind == "window" or (kind == "auto" and _can_open(window)):
        _open(window)
        try:
            yield lambda frame, readings: _show_in_window(window, frame, readings)
        finally:
            opencv().destroyAllWindows()
    elif kind == "terminal" or (kind == "auto" and console.is_terminal):
        with Live(console=console, screen=True, auto_refresh=False) as live:
            yield lambda frame, readings: _show_in_terminal(console, live, frame, readings)
    else:
        last: dict[int | None, tuple[str, bool]] = {}
        yield lambda frame, readings: _print_changes(console, last, frame, readings)


def _open(title: str) -> None:
    """Open a window.

    Raises:
        OptionError: there is no screen, or OpenCV was built without windows.
        MissingExtraError: OpenCV is not installed or cannot be loaded.
    """
    hint = "Use --view terminal or --view none."
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise OptionError("--view window: there is no screen here", hint=hint)
    cv2 = opencv()
    try:
        cv2.namedWindow(title)
    except cv2.error as error:
        what = "--view window: this variant of OpenCV cannot show windows"
        raise OptionError(what, hint=f"Install opencv-python in place of opencv-python-headless. {hint}") from error


def _can_open(title: str) -> bool:
    try:
        _open(title)
    except MienError:
        return False
    return True


def _show_in_window(title: str, frame: Frame, readings: Sequence[Reading]) -> bool:
    cv2 = opencv()
    cv2.imshow(title, np.ascontiguousarray(annotate(frame, readings)[..., ::-1]))
    pressed = cv2.waitKey(1) & 0xFF
    return pressed not in (ord("q"), 27) and cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1


def _show_in_terminal(console: Console, live: Live, frame: Frame, readings: Sequence[Reading]) -> bool:
    lines = [Text(f"person {reading.track_id}: {caption(reading)}") for reading in readings]
    below = [*(lines or [Text("no face", "dim")]), Text(f"{clock(frame.time_s, 1)}   Ctrl-C stops", "dim")]
    image = preview(frame, readings, console.width, max(4, console.height - len(below) - 1))
    live.update(Group(image, *below), refresh=True)
    return True


def _print_changes(
    console: Console, last: dict[int | None, tuple[str, bool]], frame: Frame, readings: Sequence[Reading]
) -> bool:
    """Print a line whenever an expression changes: for pipes and logs. ``last`` is brought up to date."""
    now = {reading.track_id: (reading.emotion, reading.abstained) for reading in readings}
    for reading in readings:
        if last.get(reading.track_id) != now[reading.track_id]:
            line = f"{clock(frame.time_s, 1)}  person {reading.track_id}  {caption(reading)}"
            console.out(line, highlight=False)
    for track_id in last.keys() - now.keys():
        console.out(f"{clock(frame.time_s, 1)}  person {track_id}  gone", highlight=False)
    last.clear()
    last.update(now)
    return True
