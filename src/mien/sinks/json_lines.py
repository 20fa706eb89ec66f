"""Rows as JSON: one object a line in a file, or one array in a stream."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import BinaryIO, TextIO

from .rows import Row


def write_json_lines(file: BinaryIO, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Write one JSON object a line, in UTF-8, with ``columns`` as its keys."""
    for row in rows:
        line = json.dumps({name: row[name] for name in columns}, ensure_ascii=False, allow_nan=False)
        file.write(line.encode() + b"\n")


class JsonArray:
    """Writes the same objects as one JSON array, one a line, as they come; a context.

    Characters beyond ASCII are escaped, because this goes to terminals and pipes whose encoding may know none of them. An
    error ends the array where it is; one that comes before any row leaves nothing written at all.
    """

    def __init__(self, stream: TextIO, columns: tuple[str, ...]) -> None:
        self._stream, self._columns, self._begun = stream, columns, False

    def add(self, rows: Iterable[Row]) -> None:
        """Write rows."""
        for row in rows:
            line = json.dumps({name: row[name] for name in self._columns}, allow_nan=False)
            self._stream.write(f"{',' if self._begun else '['}\n  {line}")
            self._begun = True

    def __enter__(self) -> JsonArray:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._begun:
            self._stream.write("\n]\n")
        elif kind is None:
            self._stream.write("[]\n")
