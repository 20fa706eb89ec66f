"""Limits on the time and memory that decoding an image file may take, however small the file is."""

from __future__ import annotations

import time
from typing import IO, Any

from ..errors import TooLargeError

#: Seconds in which a file must be read unless the user chooses; 100 megapixels take 3 to 25, depending on the format.
DECODE_S = 60.0
#: Formats that are read into memory as a whole may have so many bytes.
_MOST_BYTES = 1 << 29
#: Pixels that the scans of a progressive JPEG may fill: 20 scans of 100 megapixels. Encoders write 6 to 12.
_MOST_SCANNED = 2_000_000_000
_SCAN = b"\xff\xda"  # in the data of a scan, 0xFF is followed by 0
_BLOCK = 1 << 20


class LimitedFile:
    """A file whose ``read`` raises an ``OSError`` after ``timeout_s`` seconds, or for too many bytes at once."""

    def __init__(self, file: IO[bytes], timeout_s: float) -> None:
        self._file, self._timeout_s, self._until_s = file, timeout_s, time.monotonic() + timeout_s

    def read(self, size: int | None = -1) -> bytes:
        """Read ``size`` bytes, or all."""
        if time.monotonic() > self._until_s:
            raise TimeoutError(f"it was not decoded within {self._timeout_s:g} s")
        if size is None or size < 0:
            place = self._file.tell()
            left = self._file.seek(0, 2) - place
            self._file.seek(place)
            if left > _MOST_BYTES:
                raise OSError(f"got {left >> 20:,} MB, expected at most {_MOST_BYTES >> 20} MB in this format")
        return self._file.read(-1 if size is None else size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def check_scans(file: IO[bytes], size: tuple[int, int], name: str) -> None:
    """Raise ``TooLargeError`` if a progressive JPEG of ``size`` pixels has many more scans than encoders write."""
    file.seek(0)
    scans, last = 0, b""
    while block := file.read(_BLOCK):
        scans += (last + block).count(_SCAN)
        last = block[-1:]
    if scans * size[0] * size[1] > _MOST_SCANNED:
        raise TooLargeError(
            f"{name} takes too long to decode: {size[0]} x {size[1]} pixels in {scans:,} scans",
            hint="Open it in an image viewer, and save it again.",
            path=name,
        )
