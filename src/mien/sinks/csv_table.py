"""Rows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import BinaryIO

from .rows import Row, Value


def write_csv(file: BinaryIO, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Write a header and one line a row: UTF-8, commas, line feeds; how cells are written is said in ``rows``."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    text.detach()  # the file belongs to the caller, who closes it


def _cell(value: Value) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "+".join(value) if isinstance(value, list) else value
