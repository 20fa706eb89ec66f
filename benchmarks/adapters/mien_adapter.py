"""mien itself; options: ``model`` and ``flip``, as in ``mien.ReadOptions``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mien


class _Mien:
    def __init__(self, options: dict[str, Any], threads: int) -> None:
        self._reader = mien.Reader(mien.ReadOptions(threads=threads, **options))

    def read_photos(self, paths: list[str]) -> list[int]:
        return [len(readings) for readings in self._reader.read(list(paths))]

    def faces(self, path: str, count: int) -> Callable[[], object]:
        frame = mien.read_image(path)
        found = self._reader.detect(frame)[:1] * count
        return lambda: self._reader.classify(found, self._reader.crop(frame, found))


def open_reader(options: dict[str, Any], threads: int) -> _Mien:
    """See ``measure.py``."""
    return _Mien(options, threads)
