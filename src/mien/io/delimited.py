"""Text tables of other programs: their encoding, separators and times."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ..errors import DataError, OptionError

#: Lines by which the separator of a table is recognized.
_FIRST_LINES = 60
_FIRST_BYTES = 1 << 16


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a file in UTF-8, in UTF-16 with a byte order mark, or else in Windows' Latin code page.

    Raises:
        DataError: the file is missing, cannot be read, or is not text.
    """
    try:
        with path.open("rb") as file:
            begin = file.read(_FIRST_BYTES)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", hint="Check the path.", path=path) from error
    encoding = "utf-8-sig"
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in begin:
        raise DataError(f"{path} is not a text file", hint="Export it as text.", path=path)
    else:
        try:
            codecs.getincrementaldecoder("utf-8")().decode(begin)
        except UnicodeDecodeError:
            encoding = "cp1252"
    with path.open(encoding=encoding, errors="replace", newline="") as text:
        yield text


def read_text(path: Path) -> str:
    """The text of a file, as ``open_text`` opens it."""
    with open_text(path) as text:
        return text.read()


def table_lines(path: Path) -> list[list[str]]:
    """Cells of the lines of a small table that are not empty; semicolons, tabs or commas separate."""
    text = read_text(path)
    counts = {mark: sum(line.count(mark) for line in text.splitlines()[:_FIRST_LINES]) for mark in "\t;,"}
    separator = max(counts, key=lambda mark: (counts[mark], mark == "\t"))
    if path.suffix.lower() == ".tsv" and counts["\t"]:
        separator = "\t"
    elif counts[";"] and counts[";"] >= counts["\t"]:  # commas may be those of decimals
        separator = ";"
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return [line for line in lines if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise DataError(f"{path} is damaged: {error}", hint="Export it again.", path=path) from error


def table_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a small table with a header, as text; names of columns in lower case."""
    lines = table_lines(path)
    names = [name.strip().lower() for name in lines[0]] if lines else []
    return [dict(zip(names, (cell.strip() for cell in line))) for line in lines[1:]]


def parse_time(text: str) -> float:
    """Parse a position in a video: seconds such as ``65.5``, or ``1:05.5`` or ``0:01:05.5``; a decimal comma is accepted.

    Raises:
        OptionError: it is none.
    """
    found = re.fullmatch(r"\s*(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d*)?|[.,]\d+)\s*s?\s*", text)
    if not found:
        raise OptionError(f"time: got {text!r}, expected seconds such as 65.5, or 1:05.5", field="time", value=text)
    hours, minutes, seconds = found.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + float(seconds.replace(",", "."))
