"""The newest frame of a live source, whenever one is asked for: what nobody had time for is dropped, never queued."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

from ..values.frame import Frame


def latest(frames: Iterator[Frame], *, paced: bool = False, stop_after_s: float | None = None) -> Generator[Frame]:
    """Draw frames in another thread, and hand on the newest of them each time.

    Args:
        frames: a source that delivers when it has something, such as a camera.
        paced: hold each frame back until its time, to play a film as if it were live.
        stop_after_s: end so many seconds after the first frame, also where no more come; None goes on.

    Yields:
        Frames in order, with gaps in their ``index`` where some came while the last was dealt with.

    Raises:
        Exception: what the source raises, after its last frame.
    """
    box = _Mailbox(stop_after_s)
    with ThreadPoolExecutor(1, thread_name_prefix="mien-latest") as pool:
        filling = pool.submit(box.fill, frames, paced=paced)
        try:
            while (frame := box.newest()) is not None:
                yield frame
        finally:
            box.close()
        filling.result()


class _Mailbox:
    """Holds one frame for whoever asks first."""

    def __init__(self, stop_after_s: float | None) -> None:
        self._frame: Frame | None = None
        self._closed = False
        self._changed = threading.Condition()
        self._stop_after_s, self._ends = stop_after_s, math.inf

    def newest(self) -> Frame | None:
        """Wait for a frame that was not handed out yet; None at the end."""
        with self._changed:
            left = None if self._ends == math.inf else max(0.0, self._ends - time.monotonic())
            self._changed.wait_for(lambda: self._frame is not None or self._closed, timeout=left)
            frame, self._frame = self._frame, None
            if frame is not None and self._stop_after_s is not None and self._ends == math.inf:
                self._ends = time.monotonic() + self._stop_after_s
            return frame if time.monotonic() < self._ends else None

    def close(self) -> None:
        """No more frames are wanted, or none will come."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def fill(self, frames: Iterator[Frame], *, paced: bool) -> None:
        """Put frame after frame into the box, each in place of the last."""
        started = time.monotonic()
        try:
            for frame in frames:
                with self._changed:
                    if paced:
                        early = started + frame.time_s - time.monotonic()
                        self._changed.wait_for(lambda: self._closed, timeout=max(0.0, early))
                    if self._closed:
                        return
                    self._frame = frame
                    self._changed.notify()
        finally:
            self.close()
