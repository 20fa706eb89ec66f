"""The manifest of a study: which participant appears in which video under which condition."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError, OptionError
from ..io.delimited import parse_time, table_rows
from ..io.tables import FORMATS
from ..io.video import VIDEO_EXTENSIONS
from ..report import join

_COLUMNS = ("participant", "condition", "file", "start", "end", "person")
_NEEDED = ("participant", "file")
_HINT = "Columns: participant, file; optional: condition, start, end, person."


@dataclass(frozen=True)
class ManifestRow:
    """A part of a video in which a participant is to be measured.

    Attributes:
        participant, condition: names for the tables; ``condition`` may be empty.
        path: the video, or its table of ``mien read``.
        video: name of the video in a table that holds several; empty if the table holds one.
        start_s, end_s: the part of the video, in seconds; ``end_s`` may be infinite.
        person: number or name of the person; empty for the one visible longest; ``all`` for everyone.
    """

    participant: str
    condition: str
    path: Path
    video: str = ""
    start_s: float = 0.0
    end_s: float = math.inf
    person: str = ""


def read_manifest(path: Path | str, sources: Sequence[Path | str] = ()) -> tuple[ManifestRow, ...]:
    """Read a manifest.

    Args:
        path: a CSV table with the columns ``participant`` and ``file``, and optionally ``condition``, ``start`` and ``end``
            (seconds, or ``1:05``), and ``person`` (number or name of the person in the video; empty: the one visible
            longest; ``all``: everyone). Commas, semicolons and tabs separate.
        sources: videos, tables and folders of these. ``file`` is looked for among them by path, name, or name without
            extension (a table is preferred to its video), then beside the manifest.

    Raises:
        OptionError: a source does not exist.
        DataError: the manifest is missing, damaged or empty; or a file is not found.
    """
    path = Path(path)
    found = find_recordings(sources)
    rows = []
    for line, record in enumerate(_records(path), 2):
        file = record["file"]
        recording = _located(file, found, path.parent)
        if recording is None:
            known = join([one.name for one in found], most=8) if found else "none"
            message = f"{path}, row {line}: the file {file!r} is not found beside it or among the sources ({known})"
            raise DataError(message, hint="Check the column 'file'.", path=path, field="file", value=file)
        start_s, end_s = (_time(record, name, path, line) for name in ("start", "end"))
        if end_s is not None and end_s <= (start_s or 0.0):
            message = f"{path}, row {line}: end {record['end']} is not after start {record['start'] or 0}"
            raise DataError(message, hint="Times are seconds from the start of the video, or 1:05.", path=path)
        if not record["participant"]:
            raise DataError(f"{path}, row {line}: the participant is empty", hint=_HINT, path=path)
        rows.append(
            ManifestRow(
                record["participant"],
                record["condition"],
                recording,
                "" if _names(recording, file) else Path(file).name,
                start_s or 0.0,
                math.inf if end_s is None else end_s,
                record["person"],
            )
        )
    if not rows:
        raise DataError(f"{path} has no rows: expected at least one", hint=_HINT, path=path)
    return tuple(rows)


def one_row_each(sources: Sequence[Path | str]) -> tuple[ManifestRow, ...]:
    """Rows without a manifest: each video or table is a participant, with the name of its file.

    Raises:
        OptionError: a source does not exist, there is none, or two have one name.
    """
    found = find_recordings(sources)
    rows = tuple(ManifestRow(path.stem, "", path) for path in found)
    names = [row.participant for row in rows]
    if double := next((name for name in names if names.count(name) > 1), None):
        message = f"sources: several files have the name {double!r}"
        raise OptionError(message, hint="Name their participants in a --manifest.", field="sources", value=double)
    if not rows:
        raise OptionError("sources: got no video or table", hint="Give videos, tables, or folders of these.")
    return rows


def find_recordings(sources: Sequence[Path | str]) -> list[Path]:
    """Videos and tables among files and folders, in order of name; of a table and its video, only the table.

    Raises:
        OptionError: a source does not exist, or is neither a video nor a table.
    """
    found: dict[Path, None] = {}
    for source in map(Path, sources):
        if source.is_dir():
            paths = sorted(one for one in source.iterdir() if one.is_file() and not one.name.startswith("."))
            inside = [one for one in paths if one.suffix.lower() in (*FORMATS, *VIDEO_EXTENSIONS)]
            tables = {one.stem for one in inside if one.suffix.lower() in FORMATS}
            found |= dict.fromkeys(one for one in inside if one.suffix.lower() in FORMATS or one.stem not in tables)
        elif not source.is_file():
            message = f"sources: {source} does not exist"
            raise OptionError(message, hint="Give videos, tables, or folders of these.", path=source)
        elif source.suffix.lower() not in (*FORMATS, *VIDEO_EXTENSIONS):
            message = f"sources: {source.name} is neither a video nor a table ({', '.join(FORMATS)})"
            raise OptionError(message, hint="Read it first: mien read VIDEO --out TABLE.", path=source)
        else:
            found[source] = None
    return list(found)


def is_video(path: Path) -> bool:
    """Whether a recording is a video, not a table."""
    return path.suffix.lower() in VIDEO_EXTENSIONS


def _names(recording: Path, file: str) -> bool:
    return Path(file).stem == recording.stem


def _located(file: str, found: Sequence[Path], beside: Path) -> Path | None:
    wanted = Path(file.replace("\\", "/"))
    for same in (
        [one for one in found if one == wanted or (len(wanted.parts) > 1 and str(one).endswith(str(wanted)))],
        [one for one in found if one.name == wanted.name],
        sorted((one for one in found if one.stem == wanted.stem), key=is_video),
    ):
        if same:
            return same[0]
    if (beside / wanted).is_file():
        return beside / wanted
    tables = [one for one in found if not is_video(one)]
    return tables[0] if len(tables) == 1 else None  # a table of several videos


def _records(path: Path) -> list[dict[str, str]]:
    rows = table_rows(path)
    names = tuple(rows[0]) if rows else _NEEDED
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        message = f"{path} lacks the column {join(missing)}; it has {join(names, most=12)}"
        raise DataError(message, hint=_HINT, path=path)
    return [{name: record.get(name, "") for name in _COLUMNS} for record in rows]


def _time(record: Mapping[str, str], name: str, path: Path, line: int) -> float | None:
    try:
        return parse_time(record[name]) if record[name] else None
    except OptionError as error:
        message = f"{path}, row {line}: got the {name} {record[name]!r}, expected seconds or 1:05"
        hint = "Leave it empty for the whole video."
        raise DataError(message, hint=hint, path=path, field=name, value=record[name]) from error
