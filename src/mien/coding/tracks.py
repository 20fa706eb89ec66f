"""Join and split the tracks of a table by hand: mien does not recognize people, so one person can have several numbers."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DataError, OptionError
from ..io.delimited import parse_time, table_rows
from ..io.discovery import file_name
from ..io.tables import PERSON, Row, check_format, column_names, excel_separator, read_columns, read_rows, write_table
from ..report import join
from ..report.format import clock

_NEEDED = ("source", "frame", "time_s", "track_id")
_HINT = "Columns: track_id (3, or 3+7+9), person; optional: start, end (seconds or 1:05), source."


@dataclass(frozen=True)
class TrackPart:
    """A part of a track that belongs to a person.

    Attributes:
        track_id: number of the track.
        person: name of the person; parts with the same name are joined.
        start_s, end_s: the part, in seconds of the video; the whole track by default.
        source: path or name of the video; empty for all videos of the table.
    """

    track_id: int
    person: str
    start_s: float = 0.0
    end_s: float = math.inf
    source: str = ""

    def covers(self, source: str, time_s: float) -> bool:
        """Whether a reading of the track lies in this part."""
        return self.source in ("", source, file_name(source)) and self.start_s <= time_s < self.end_s


@dataclass(frozen=True)
class JoinResult:
    """What was changed.

    Attributes:
        path: the table that was written.
        rows: how many rows got a name.
        people: name -> numbers of the tracks that were joined, in order.
    """

    path: Path
    rows: int
    people: Mapping[str, tuple[int, ...]]


def parse_tracks(text: str, person: str = "") -> tuple[TrackPart, ...]:
    """Read tracks such as ``3+7+9``, or with a name ``3+7+9=P01``.

    Raises:
        OptionError: a number is none, or there is no name.
    """
    numbers, _, name = text.partition("=")
    name = name.strip() or person.strip()
    if not name:
        raise OptionError(f"tracks: got {text!r} without a name", hint="Give --name P01, or 3+7+9=P01.", value=text)
    try:
        return tuple(TrackPart(int(number), name) for number in numbers.split("+"))
    except ValueError as error:
        message = f"tracks: got {text!r}, expected numbers such as 3+7+9"
        raise OptionError(message, hint="The numbers are those of the column track_id.", value=text) from error


def read_mapping(path: Path | str) -> tuple[TrackPart, ...]:
    """Read a mapping of tracks to people: a CSV table with a row per track, or per part of a track to split it.

    Columns: ``track_id`` (``3``, or ``3+7+9``) and ``person``; optional: ``start``, ``end`` (or ``1:05``), ``source``.

    Raises:
        DataError: the table is missing, empty or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path} does not exist: expected a mapping of tracks", hint=_HINT, path=path)
    parts: list[TrackPart] = []
    rows = table_rows(path)
    for number, row in enumerate(rows, 2):
        try:
            start, end = row.get("start", ""), row.get("end", "")
            span = parse_time(start) if start else 0.0, parse_time(end) if end else math.inf
            found = parse_tracks(row.get("track_id", ""), row.get("person", ""))
        except OptionError as error:
            raise DataError(f"{path}, line {number}: {error}", hint=_HINT, path=path) from error
        if span[1] <= span[0]:
            raise DataError(f"{path}, line {number}: the end is not after the start", hint=_HINT, path=path)
        parts += [TrackPart(part.track_id, part.person, *span, row.get("source", "")) for part in found]
    if not parts:
        raise DataError(f"{path} has no rows", hint=_HINT, path=path)
    return tuple(parts)


def join_tracks(table: Path | str, parts: Sequence[TrackPart], out: Path | str) -> JoinResult:
    """Write a table in which tracks, or parts of them, are joined and named.

    A person gets the smallest number of their tracks; one who has parts of tracks only gets a new number. The column
    ``person`` holds the names. All other rows and columns stay. ::

        parts = [mien.TrackPart(3, "P01"), mien.TrackPart(7, "P01"), mien.TrackPart(9, "P02", end_s=65.0)]
        mien.join_tracks("clip.csv", parts, "clip-named.csv")

    Args:
        table: a table of ``mien read``.
        parts: which track belongs to whom.
        out: the new table, in any format of tables; may be ``table`` itself.

    Raises:
        OptionError: ``parts`` is empty, or the format is unknown.
        DataError: the table is missing or damaged, a track or video does not exist, or tracks of one person are visible in
            the same frame, and so are two people.
        OutputError: ``out`` cannot be written.
    """
    table, out = Path(table), Path(out)
    if not parts:
        raise OptionError("parts: got none, expected at least one track", hint="Give tracks such as 3+7=P01.")
    check_format(out)
    if not table.is_file():
        raise DataError(f"{table} does not exist", hint="Make it with 'mien read VIDEO --out TABLE'.", path=table)
    names = column_names(table)
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise DataError(f"{table} is not a table of mien: it lacks the columns {join(missing)}", path=table)
    stored = read_columns(table, ("source", "track_id"))
    tracks = np.unique(stored["track_id"][~np.isnan(stored["track_id"])]).astype(int).tolist()
    renamed = _Renamed(parts, _numbers(str(table), tracks, dict.fromkeys(map(str, stored["source"])), parts))
    columns = (*(name for name in names if name != PERSON), PERSON)
    excel = excel_separator(table) if out.suffix.lower() == ".csv" else None
    write_table(out, columns, renamed.rows(read_rows(table)), excel=excel)
    people: dict[str, tuple[int, ...]] = {}
    for part in parts:
        people[part.person] = tuple(dict.fromkeys((*people.get(part.person, ()), part.track_id)))
    return JoinResult(out, renamed.count, people)


def name_rows(rows: Sequence[Row], parts: Sequence[TrackPart]) -> list[Row]:
    """As ``join_tracks``, for rows in memory; returns new rows with a column ``person``.

    Raises:
        DataError: a track does not exist, or tracks of one person are visible in the same frame.
    """
    tracks = sorted({row["track_id"] for row in rows if isinstance(row["track_id"], int)})
    numbers = _numbers("the table", tracks, dict.fromkeys(str(row["source"]) for row in rows), parts)
    return list(_Renamed(parts, numbers).rows(dict(row) for row in rows))


class _Renamed:
    """Rows with new numbers and names."""

    def __init__(self, parts: Sequence[TrackPart], numbers: Mapping[str, int]) -> None:
        self._parts: dict[int, list[TrackPart]] = {}
        for part in parts:
            self._parts.setdefault(part.track_id, []).append(part)
        self._numbers, self.count = numbers, 0

    def rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield all rows, changed where they belong to a part."""
        seen: dict[tuple[str, str], tuple[int, int]] = {}  # last frame and track of each person
        for row in rows:
            row.setdefault(PERSON, None)
            track, source, time_s = row["track_id"], str(row["source"]), row["time_s"]
            if isinstance(track, int | float) and isinstance(time_s, int | float):
                part = next((one for one in self._parts.get(int(track), ()) if one.covers(source, time_s)), None)
                if part:
                    frame = int(str(row["frame"]))
                    before = seen.get((source, part.person))
                    if before and before[0] == frame:
                        raise DataError(
                            f"tracks {before[1]} and {int(track)} are both visible at {clock(time_s, 1)} of {source}: "
                            f"they are two people, and cannot both be {part.person}",
                            hint="Give one of them another name, or a start and an end in a mapping.",
                        )
                    seen[source, part.person] = frame, int(track)
                    row[PERSON], row["track_id"] = part.person, self._numbers[part.person]
                    self.count += 1
            yield row


def _numbers(table: str, tracks: Sequence[int], sources: Collection[str], parts: Sequence[TrackPart]) -> dict[str, int]:
    """The number of each person; checks that all tracks exist. ``tracks`` are in order."""
    names = {*sources, *map(file_name, sources)}
    for part in parts:
        if part.track_id not in tracks:
            known = join([str(one) for one in tracks], most=20) if tracks else "none"
            message = f"{table} has no track {part.track_id}: it has {known}"
            raise DataError(message, hint="'mien timeline TABLE' lists them.", path=table)
        if part.source and part.source not in names:
            message = f"{table} has no video {part.source!r}: it has {join(sorted(sources), most=8)}"
            raise DataError(message, path=table)
    numbers: dict[str, int] = {}
    split = {part.track_id for part in parts if part.start_s > 0 or part.end_s < math.inf or part.source}
    new = max(tracks) + 1
    for person in dict.fromkeys(part.person for part in parts):
        whole = [part.track_id for part in parts if part.person == person and part.track_id not in split]
        if whole and min(whole) not in numbers.values():
            numbers[person] = min(whole)
        else:
            numbers[person], new = new, new + 1
    return numbers
