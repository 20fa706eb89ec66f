"""Cameras and streams, and the newest frame of a live source."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from ..errors import SourceError
from ..types import Frame


def latest(frames: Iterator[Frame], *, paced: bool = False, stop_after_s: float | None = None) -> Generator[Frame]:
    """Draw frames in another thread, and hand on the newest of them each time.

    Args:
        frames: a source that delivers when it has something, such as a camera.
        paced: hold each frame back until its time, to play a video as if it were live.
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


class Camera:
    """A live source. Close it, or use it as a context.

    Args:
        source: number of a camera, 0 being the first, or an address such as ``rtsp://...`` or ``http://.../video``.

    Attributes:
        name: what to call it.
        height: of its images, in pixels; 0 where it does not say.

    Raises:
        SourceError: there is no such camera or stream.
    """

    def __init__(self, source: int | str) -> None:
        self.name = f"camera {source}" if isinstance(source, int) else source
        self._source = source
        logs = cv2.utils.logging
        level = logs.getLogLevel()
        logs.setLogLevel(logs.LOG_LEVEL_SILENT)  # OpenCV tells of a missing camera in a dozen lines of its own
        try:
            self._capture = cv2.VideoCapture(source)
        finally:
            logs.setLogLevel(level)
        if not self._capture.isOpened():
            what = (
                "cannot be opened" if isinstance(source, int) or "://" in source else "is no video, camera or address"
            )
            raise SourceError(f"{self.name} {what}", hint=_hint(source))
        self.height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))

    def frames(self) -> Iterator[Frame]:
        """Images as they come: upright, RGB; ``time_s`` is the clock's, counted from the first.

        Raises:
            SourceError: it stops, or gives no image.
        """
        index, started = -1, time.monotonic()
        while True:
            arrived, image = self._capture.read()
            if not arrived:
                what = "gives no image" if index < 0 else f"stopped after {time.monotonic() - started:.0f} s"
                raise SourceError(f"{self.name} {what}", hint=_hint(self._source))
            index += 1
            started = time.monotonic() if index == 0 else started
            pixels = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
            yield Frame(pixels, self.name, index, time.monotonic() - started)

    def close(self) -> None:
        """Let go of the camera, so that others can use it."""
        self._capture.release()


def _hint(source: int | str) -> str:
    if isinstance(source, int):
        return "See that it is plugged in, that no other program uses it, and that this one may; 0 is the first camera."
    if "://" in source:
        return "Check the address, and that this machine can reach it."
    return "Check the spelling; cameras have numbers (0 is the first), streams have addresses such as rtsp://..."
