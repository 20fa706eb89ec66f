"""A camera, or a stream from the network that the user names, as frames."""

from __future__ import annotations

import time
from collections.abc import Iterator

import cv2
import numpy as np

from ..errors import SourceError
from ..values.frame import Frame


class Camera:
    """A live source. Close it, or use it as a context.

    Args:
        source: number of a camera, 0 being the first, or an address such as ``rtsp://...`` or ``http://.../video``.

    Attributes:
        name: what to call it.
        height: of its pictures, in pixels; 0 where it does not say.

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
            what = "cannot be opened" if isinstance(source, int) or "://" in source else "is no film, camera or address"
            raise SourceError(f"{self.name} {what}", hint=_hint(source))
        self.height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))

    def frames(self) -> Iterator[Frame]:
        """Pictures as they come: upright, RGB; ``time_s`` is the clock's, counted from the first.

        Raises:
            SourceError: it stops, or gives no picture.
        """
        index, started = -1, time.monotonic()
        while True:
            arrived, image = self._capture.read()
            if not arrived:
                what = "gives no picture" if index < 0 else f"stopped after {time.monotonic() - started:.0f} s"
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
