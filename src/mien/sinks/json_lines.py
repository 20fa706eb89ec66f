"""Rows as JSON: one object a line in a file, or one array in a text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import BinaryIO

from .rows import Row


def write_json_lines(file: BinaryIO, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Write one JSON object a line, in UTF-8, with ``columns`` as its keys."""
    for row in rows:
        line = json.dumps({name: row[name] for name in columns}, ensure_ascii=False, allow_nan=False)
        file.write(line.encode() + b"\n")


def json_array(rows: Iterable[Row]) -> str:
    """The same objects as a JSON array, one a line.

    Characters beyond ASCII are escaped, because this goes to terminals and pipes whose encoding may know none of them.
    """
    lines = [json.dumps(row, allow_nan=False) for row in rows]
    return "[\n  " + ",\n  ".join(lines) + "\n]" if lines else "[]"
