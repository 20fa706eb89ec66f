"""Files of annotations: stretches of time with labels, as tools for coding video write them.

``read_annotations`` understands ELAN (``.eaf``), Praat (``.TextGrid``), BORIS projects (``.boris``), and tables (``.csv``,
``.tsv``, ``.txt``, ``.xlsx``): BIDS ``_events.tsv``, exports of BORIS and ELAN, spans of ``mien timeline``, and any table
with a start, a label, and an end or a duration.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError, OptionError
from ..extras import require
from .boris import paired, read_boris
from .delimited import parse_time, read_text, table_lines
from .discovery import file_name
from .elan import read_eaf
from .textgrid import read_textgrid

#: Names of columns in lower case, most specific first.
_START = ("start_s", "onset_s", "onset", "start", "start (s)", "begin", "begin_s", "start_time", "begin time", "from")
_END = ("end_s", "offset_s", "offset", "end", "stop", "stop (s)", "end_time", "end time", "to")
_DURATION = ("duration_s", "duration", "duration (s)", "seconds")
_LABEL = ("label", "trial_type", "event", "behavior", "behaviour", "emotion", "annotation", "code", "stimulus", "text")
_TIER = ("participant", "person", "tier", "subject", "track_id")
_SOURCE = ("source", "file", "video", "media file name", "media file path", "media file")
_STATUS = ("status", "behavior type", "behaviour type")
_TIME = ("time", "time_s", "time (s)")
#: BORIS writes facts about the observation above the table.
_MOST_LINES_BEFORE = 60
_MISSING = ("", "n/a", "na", "nan", "none", "null", "-")
FORMATS = (".eaf", ".textgrid", ".boris", ".csv", ".tsv", ".txt", ".xlsx")
_ACCEPTED = "columns for a start (onset), a label, and an end (offset) or duration"


@dataclass(frozen=True)
class Annotation:
    """A labeled stretch of time.

    Attributes:
        start_s, end_s: seconds from the start of the video; equal for a point in time.
        label: what was coded, such as an emotion or the name of a stimulus.
        tier: tier, subject or participant it belongs to; empty if the file has none.
        source: the video it belongs to; empty if the file does not name one.
    """

    start_s: float
    end_s: float
    label: str
    tier: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start_s) and math.isfinite(self.end_s) and self.end_s >= self.start_s):
            raise DataError(
                f"annotation {self.label!r}: got {self.start_s} to {self.end_s} s, expected an end after the start",
                field="end_s",
                value=self.end_s,
            )

    @property
    def seconds(self) -> float:
        """Duration in seconds; 0 for a point."""
        return self.end_s - self.start_s

    def is_of(self, video: str) -> bool:
        """Whether it belongs to a video, given by path or name: it names that video, with or without extension, or none."""
        name = file_name(video)
        return not self.source or self.source == video or file_name(self.source) in (name, Path(name).stem)


def read_annotations(path: Path | str) -> tuple[Annotation, ...]:
    """Read a file of annotations or events.

    Args:
        path: ``.eaf``, ``.TextGrid``, ``.boris``, ``.csv``, ``.tsv``, ``.txt`` or ``.xlsx``. Times are seconds, or
            ``1:05.5``. In a table, an event without end and duration is a point in time, and ``START`` and ``STOP`` rows of
            BORIS are paired.

    Returns:
        Annotations in order of time.

    Raises:
        OptionError: the extension is unknown.
        DataError: the file is missing, damaged, or lacks a column; or an end is before its start.

    Example:
        >>> for one in read_annotations("sub-01_events.tsv"):
        ...     print(one.start_s, one.end_s, one.label)
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in FORMATS:
        message = f"unknown format of annotations: got {path.name!r}, expected a name that ends in {', '.join(FORMATS)}"
        raise OptionError(message, hint="Export them as CSV, ELAN or TextGrid.", path=path)
    if not path.is_file():
        raise DataError(f"{path} {'is a folder' if path.is_dir() else 'does not exist'}", path=path)
    try:
        if kind == ".eaf":
            found = [Annotation(*values) for values in read_eaf(path)]
        elif kind == ".textgrid":
            found = [Annotation(*values) for values in read_textgrid(read_text(path), path)]
        elif kind == ".boris":
            found = [Annotation(*values) for values in read_boris(path)]
        else:
            found = _from_table(_workbook(path) if kind == ".xlsx" else table_lines(path), path)
    except (DataError, OptionError) as error:
        raise error if str(path) in str(error) else DataError(f"{path}: {error}", hint=error.hint, path=path) from error
    return tuple(sorted(found, key=lambda one: (one.start_s, one.end_s, one.tier, one.label)))


def _workbook(path: Path) -> list[list[str]]:
    openpyxl = require("openpyxl", "table")
    try:
        sheet = openpyxl.load_workbook(io.BytesIO(path.read_bytes()), read_only=True, data_only=True).worksheets[0]
        lines = sheet.iter_rows(values_only=True)
        return [
            [f"{cell:.6f}" if isinstance(cell, float) else str("" if cell is None else cell) for cell in line]
            for line in lines
        ]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as a workbook: {error}", path=path) from error


def _find(names: Sequence[str], wanted: Iterable[str]) -> int | None:
    """Place of the first wanted column; names of ELAN go on, as ``begin time - ss.msec``."""
    for one in wanted:
        for place, name in enumerate(names):
            if name == one or (one.endswith(" time") and name.startswith(f"{one} - ")):
                return place
    return None


def _from_table(lines: Sequence[Sequence[str]], path: Path) -> list[Annotation]:
    for number, line in enumerate(lines[:_MOST_LINES_BEFORE]):
        names = [name.strip().lower() for name in line]
        label, start = _find(names, _LABEL), _find(names, _START)
        time, status = _find(names, _TIME), _find(names, _STATUS)
        if label is not None and start is not None:
            return _intervals(names, lines[number + 1 :], number + 2, start, label)
        if label is not None and time is not None and status is not None:
            return _paired(names, lines[number + 1 :], {"time": time, "status": status, "label": label})
    has = ", ".join(lines[0][:12]) if lines else "nothing"
    raise DataError(f"{path}: expected {_ACCEPTED}; it has {has}", hint="Rename its columns.", path=path)


def _cell(line: Sequence[str], place: int | None) -> str:
    text = line[place].strip() if place is not None and place < len(line) else ""
    return "" if text.lower() in _MISSING else text


def _intervals(
    names: Sequence[str], lines: Sequence[Sequence[str]], first: int, start: int, label: int
) -> list[Annotation]:
    end, duration = _find(names, _END), _find(names, _DURATION)
    tier, source = _find(names, _TIER), _find(names, _SOURCE)
    unit = 0.001 if "msec" in names[start] and "ss.msec" not in names[start] else 1.0
    found = []
    for number, line in enumerate(lines, first):
        if not _cell(line, label) or not _cell(line, start):
            continue
        try:
            start_s = unit * parse_time(_cell(line, start))
            if text := _cell(line, end):
                end_s = unit * parse_time(text)
            else:
                end_s = start_s + (parse_time(text) if (text := _cell(line, duration)) else 0.0)
            found.append(Annotation(start_s, end_s, _cell(line, label), _cell(line, tier), _cell(line, source)))
        except (OptionError, DataError) as error:
            raise DataError(f"line {number}: {error}", hint=error.hint) from error
    return found


def _paired(names: Sequence[str], lines: Sequence[Sequence[str]], places: Mapping[str, int]) -> list[Annotation]:
    """Events of BORIS, a row each for START and STOP."""
    tier, source = _find(names, _TIER), _find(names, _SOURCE)
    events = (
        (
            parse_time(_cell(line, places["time"])),
            _cell(line, places["status"]).upper(),
            (_cell(line, places["label"]), _cell(line, tier), _cell(line, source)),
        )
        for line in lines
        if _cell(line, places["label"])
    )
    return [Annotation(start, end, *key) for start, end, key in paired(events)]
