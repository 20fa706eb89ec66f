"""Cameras and streams, and the newest frame of a live source."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..errors import SourceError
from ..extras import opencv
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
    with ThreadPoolExecutor(1, thread_name_prefix="mien-latest") as pool:
        filling = pool.submit(fill)
        try:
            while True:
                with changed:
                    left = None if ends == math.inf else max(0.0, ends - time.monotonic())
                    changed.wait_for(lambda: newest or is_closed, timeout=left)
                    if not newest or time.monotonic() >= ends:
                        break
                    frame = newest.pop()
                if stop_after_s is not None and ends == math.inf:
                    ends = time.monotonic() + stop_after_s
                yield frame
        finally:
            with changed:
                is_closed = True
                changed.notify_all()
        filling.result()


class Camera:
    """A live source. Close it after use.

    Args:
        source: number of a camera, 0 being the first, or an address such as ``rtsp://...`` or ``http://.../video``.

    Attributes:
        name: what to call it.
        height: of its images, in pixels; 0 if it does not say.

    Raises:
        SourceError: there is no such camera or stream.
        MissingExtraError: OpenCV is not installed or cannot be loaded.
    """

    def __init__(self, source: int | str) -> None:
        is_known = isinstance(source, int) or "://" in source
        self.name = f"camera {source}" if isinstance(source, int) else source
        if isinstance(source, int):
            self._hint = "See that it is plugged in, and that no other program uses it; 0 is the first camera."
        elif is_known:
            self._hint = "Check the address, and that this machine can reach it."
        else:
            self._hint = (
                "Check the spelling; cameras have numbers (0 is the first), streams addresses such as rtsp://..."
            )
        cv2 = opencv()
        logs = cv2.utils.logging
        level = logs.getLogLevel()
        logs.setLogLevel(logs.LOG_LEVEL_SILENT)  # OpenCV tells of a missing camera in a dozen lines of its own
        try:
            self._capture = cv2.VideoCapture(source)
        finally:
            logs.setLogLevel(level)
        if not self._capture.isOpened():
            what = "cannot be opened" if is_known else "is no video, camera or address"
            raise SourceError(f"{self.name} {what}", hint=self._hint)
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
                raise SourceError(f"{self.name} {what}", hint=self._hint)
            index += 1
            started = time.monotonic() if index == 0 else started
            pixels = np.ascontiguousarray(image[..., ::-1])
            yield Frame(pixels, self.name, index, time.monotonic() - started)

    def close(self) -> None:
        """Let go of the camera, so that others can use it."""
        self._capture.release()
