"""Cameras and streams, and the newest frame of a live source."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.pool import ThreadPool
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..extras import opencv
from ..types import Frame

_log = logging.getLogger(__name__)

#: Seconds without an image after which a source is opened again, and until it may have opened.
_STALLED_S, _OPENING_S = 8.0, 60.0
#: Seconds between two messages about a source that is opening, and between two attempts: the first and the longest wait.
_MESSAGE_S, _FIRST_WAIT_S, _LONGEST_WAIT_S = 5.0, 1.0, 30.0
#: A source without an image for so many seconds is given up.
_GIVE_UP_S = 300.0
#: Seconds that closing waits for a thread, which a call of a driver may hold up for longer.
_CLOSING_S = 0.2


def latest(frames: Iterator[Frame], *, paced: bool = False, stop_after_s: float | None = None) -> Generator[Frame]:
    """Draw frames in another thread, and hand on the newest of them each time.

    Args:
        frames: a source that delivers when it has something, such as a camera.
        paced: hold each frame back until its time, to play a video as if it were live.
        stop_after_s: stop this many seconds after the first frame, even if no more frames arrive; None never stops.

    Yields:
        Frames in order, with gaps in their ``index`` where some came while the last was dealt with.

    Raises:
        Exception: what the source raises, after its last frame.
    """
    newest: list[Frame] = []  # one at most
    is_closed = False
    changed = threading.Condition()

    def fill() -> None:
        nonlocal is_closed
        started = time.monotonic()
        try:
            for frame in frames:
                with changed:
                    early = started + frame.time_s - time.monotonic() if paced else 0.0
                    changed.wait_for(lambda: is_closed, timeout=max(0.0, early))
                    if is_closed:
                        return
                    newest[:] = [frame]
                    changed.notify_all()
        finally:
            with changed:
                is_closed = True
                changed.notify_all()

    ends = math.inf
    pool = ThreadPool(1)  # its daemon thread may hang in a driver for ever
    filling = pool.apply_async(fill)
    try:
        while True:
            with changed:
                changed.wait_for(lambda: newest or is_closed, timeout=min(1.0, max(0.0, ends - time.monotonic())))
                if time.monotonic() >= ends or (is_closed and not newest):
                    break
                if not newest:  # short waits, as Windows lets Ctrl-C through between them only
                    continue
                frame = newest.pop()
            if stop_after_s is not None and ends == math.inf:
                ends = time.monotonic() + stop_after_s
            yield frame
    finally:
        with changed:
            is_closed = True
            changed.notify_all()
        filling.wait(_CLOSING_S)
        pool.terminate()
    if filling.ready():
        filling.get()


@dataclass
class _Attempt:
    """One opening of a source, and the newest image that it gave; shared with the thread that opens and reads it."""

    started_s: float = field(default_factory=time.monotonic)
    opened_s: float | None = None
    height: int = 0
    newest: npt.NDArray[np.uint8] | None = None
    count: int = 0
    is_over: bool = False
    abandoned: bool = False


class Camera:
    """A live source. Close it after use.

    A camera or stream that stops, or gives no image for 8 seconds, is opened again, after 1, 2, 4, ... 30 seconds, and given
    up after 5 minutes. Warnings of the logger ``mien.io.camera`` say so.

    Args:
        source: number of a camera, 0 being the first, or an address such as ``rtsp://...`` or ``http://.../video``.

    Attributes:
        name: what to call it.
        height: of its images, in pixels; 0 if it does not say.

    Raises:
        SourceError: there is no such camera or stream, or it does not open within a minute.
        MissingExtraError: OpenCV is not installed or cannot be loaded.
    """

    def __init__(self, source: int | str) -> None:
        self._returns = isinstance(source, int) or "://" in source
        self.name = f"camera {source}" if isinstance(source, int) else source
        if isinstance(source, int):
            self._hint = "See that it is plugged in, and that no other program uses it; 0 is the first camera."
        elif self._returns:
            self._hint = "Check the address, and that this machine can reach it."
        else:
            self._hint = (
                "Check the spelling; cameras have numbers (0 is the first), streams addresses such as rtsp://..."
            )
        self._source, self._cv2, self._changed, self._closed = source, opencv(), threading.Condition(), False
        self._start()
        with ExitStack() as stack:
            stack.callback(self.close)  # after Ctrl-C too
            self._wait_until_open()
            stack.pop_all()

    def _start(self) -> None:
        attempt = self._attempt = _Attempt()
        self._thread = threading.Thread(target=self._fill, args=(attempt,), daemon=True, name="mien-camera")
        self._thread.start()

    def _fill(self, attempt: _Attempt) -> None:
        """Open the source and keep its newest image; calls of OpenCV cannot be interrupted, hence a thread of its own."""
        capture: Any = None
        try:
            capture = self._opened()
            with self._changed:
                if capture.isOpened():
                    attempt.height = int(capture.get(self._cv2.CAP_PROP_FRAME_HEIGHT))
                    attempt.opened_s = time.monotonic()
                self._changed.notify_all()
            while attempt.opened_s is not None and not attempt.abandoned:
                arrived, image = capture.read()
                if not arrived:
                    break
                with self._changed:
                    attempt.newest, attempt.count = image, attempt.count + 1
                    self._changed.notify_all()
        except self._cv2.error as error:
            _log.debug("%s: %s", self.name, error)
        finally:
            with self._changed:
                attempt.is_over = True
                self._changed.notify_all()
            if capture is not None:
                capture.release()

    def _opened(self) -> Any:
        logs = self._cv2.utils.logging
        level = logs.getLogLevel()
        logs.setLogLevel(logs.LOG_LEVEL_SILENT)  # OpenCV tells of a missing camera in a dozen lines of its own
        try:
            return self._cv2.VideoCapture(self._source)
        finally:
            logs.setLogLevel(level)

    def _wait_until_open(self) -> None:
        attempt, passed = self._attempt, 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: attempt.is_over or attempt.opened_s is not None, timeout=_MESSAGE_S)
            if attempt.opened_s is not None:
                self.height = attempt.height
                return
            passed = time.monotonic() - attempt.started_s
            if attempt.is_over:
                what = "cannot be opened" if self._returns else "is not a video, camera or address"
                raise SourceError(f"{self.name} {what}", hint=self._hint)
            if passed > _OPENING_S:
                raise SourceError(f"{self.name} did not open within {_OPENING_S:g} s", hint=self._hint)
            _log.warning("%s has not opened after %.0f s: still waiting", self.name, passed)

    def frames(self) -> Iterator[Frame]:
        """The newest images as they come: upright, RGB; ``time_s`` is the clock's, counted from the first.

        Raises:
            SourceError: it has no image, or does not recover.
        """
        first_s, last_s, wait_s, before = math.nan, time.monotonic(), _FIRST_WAIT_S, 0
        while True:
            image = self._next_image()
            if self._closed:
                return
            now, attempt = time.monotonic(), self._attempt
            if image is not None:
                first_s = now if math.isnan(first_s) else first_s
                last_s, wait_s = now, _FIRST_WAIT_S
                index = before + attempt.count - 1
                yield Frame(np.ascontiguousarray(image[..., ::-1]), self.name, index, now - first_s)
                continue
            never = math.isnan(first_s)
            if now - last_s > _GIVE_UP_S or (attempt.is_over and (never or not self._returns)):
                what = "gives no image" if never else f"stopped after {last_s - first_s:.0f} s"
                raise SourceError(f"{self.name} {what}", hint=self._hint)
            what = "stopped" if attempt.is_over else f"gave no image for {now - last_s:.0f} s"
            _log.warning("%s %s: opening it again in %.0f s", self.name, what, wait_s)
            attempt.abandoned, before = True, before + attempt.count
            with self._changed:
                self._changed.wait_for(lambda: self._closed, timeout=wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            self._start()

    def _next_image(self) -> npt.NDArray[np.uint8] | None:
        """Wait for the next image of this attempt; None where it is over or late, or the camera was closed."""
        attempt = self._attempt
        ready_s = time.monotonic()
        while True:
            opened = attempt.opened_s is not None
            until_s = max(ready_s, attempt.opened_s or 0) + _STALLED_S if opened else attempt.started_s + _OPENING_S
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return None
            with self._changed:
                self._changed.wait_for(
                    lambda: self._closed or attempt.newest is not None or attempt.is_over,
                    timeout=min(left_s, _MESSAGE_S),
                )
                image, attempt.newest = attempt.newest, None
                if image is not None or self._closed or attempt.is_over:
                    return image
            if not opened and attempt.opened_s is None:
                _log.warning("%s has not opened after %.0f s", self.name, time.monotonic() - attempt.started_s)

    def close(self) -> None:
        """Let go of the camera, so that others can use it; a call of its driver that hangs is left alone."""
        with self._changed:
            self._closed = self._attempt.abandoned = True
            self._changed.notify_all()
        self._thread.join(_CLOSING_S)
