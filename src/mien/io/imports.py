"""Tables of OpenFace, py-feat, FaceReader and iMotions as tables of mien, for comparison.

==============  ====================================  ============================================================
program         file                                  probabilities
==============  ====================================  ============================================================
``openface``    ``.csv`` of FeatureExtraction         from action units, see ``prototype_scores``; seven emotions
``py-feat``     ``.csv`` of a ``Fex`` table           its emotions, divided by their sum; seven emotions
``facereader``  detailed log, ``.txt``                its intensities, divided by their sum
``imotions``    sensor data with AFFDEX, ``.csv``     its scores of 0 to 100, divided by their sum
==============  ====================================  ============================================================

A table without a column for neutral gets the largest possible score minus that of the strongest emotion. None of these
probabilities is calibrated, and mien does not smooth them: compare the order of the emotions, not the values.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Literal, TextIO, TypeAlias

from ..emotions import BY_NAME, EMOTIONS, LABEL_SETS
from ..errors import DataError, OptionError, OutputError
from ..types import frame_cells
from .delimited import open_text, parse_time
from .tables import Row, check_format, columns, write_table

Program: TypeAlias = Literal["openface", "py-feat", "facereader", "imotions"]

#: Names of emotions in each program, as columns in lower case.
_FACEREADER = frozenset({"neutral", "happy", "sad", "angry", "surprised", "scared", "disgusted", "contempt"})
_NOUNS = frozenset({"anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"})
_AFFDEX = frozenset({"anger", "contempt", "disgust", "fear", "joy", "sadness", "surprise", "neutral"})
#: Action units of each emotion (Friesen and Ekman 1983, EMFACS), of those whose intensity OpenFace estimates.
PROTOTYPES: dict[str, tuple[int, ...]] = {
    "angry": (4, 5, 7, 23),
    "disgust": (9, 15, 17),
    "fear": (1, 2, 4, 5, 7, 20, 26),
    "happy": (6, 12),
    "sad": (1, 4, 15),
    "surprise": (1, 2, 5, 26),
}
_MAX_INTENSITY = 5.0
_MAX_AFFDEX = 100.0
#: Columns that a program always writes, by which its tables are recognized.
_SIGNS: dict[Program, frozenset[str]] = {
    "openface": frozenset({"frame", "timestamp", "success", "au12_r"}),
    "py-feat": frozenset({"anger", "happiness", "sadness", "facerectx"}),
    "facereader": frozenset({"video time", "neutral", "happy"}),
    "imotions": frozenset({"timestamp", "anger", "joy", "sadness"}),
}
#: What stands in place of a number where a program found no face.
_NO_NUMBER = frozenset({"", "-", "nan", "na", "n/a", "none", "null", "unknown", "fit_failed", "find_failed"})
_MOST_LINES_BEFORE = 100
_ACCEPTED = "a table of OpenFace (with action units), py-feat, FaceReader (detailed log) or iMotions (AFFDEX)"


@dataclass(frozen=True)
class ImportedTable:
    """What ``import_table`` wrote.

    Attributes:
        path: the table of mien.
        program: the program that wrote the original.
        source: the video, as in the column ``source``.
        emotions: the label set.
        frames, faces: number of frames, and of faces in them.
        untracked: number of faces without a ``track_id``.
    """

    path: str
    program: Program
    source: str
    emotions: tuple[str, ...]
    frames: int
    faces: int
    untracked: int


def import_table(
    path: Path | str,
    out: Path | str,
    *,
    source: str | None = None,
    rate: float | None = None,
    min_confidence: float = 0.0,
    overwrite: bool = False,
) -> ImportedTable:
    """Convert the table of another program to one of mien, which ``mien.timeline`` and the audits read.

    ::

        mien.import_table("openface/clip.csv", "clip.openface.csv")
        mien.timeline("clip.openface.csv").save("clip.html")

    Tables are read row by row: memory use does not grow with their length. The program is recognized by its columns. Where
    the program writes no box, ``x0`` to ``y1`` are empty. The columns ``frame_...`` equal the probabilities.

    Args:
        path: the table of the other program, as text.
        out: the table to write: ``.csv``, ``.tsv``, ``.xlsx``, ``.jsonl`` or ``.parquet``.
        source: the video, for the column ``source``; None takes what the table says, or else the name of the table.
        rate: frames per second of the video. py-feat's tables have no exact times and need it.
        min_confidence: readings abstain if their largest probability is lower, 0 to 1.
        overwrite: replace ``out`` if it exists.

    Raises:
        OptionError: ``out`` has an unknown extension, a value is out of range, or ``rate`` is missing.
        DataError: the table is missing, damaged, or of another program.
        OutputError: ``out`` exists or cannot be written.
        MissingExtraError: pyarrow or openpyxl is required for ``out`` and not installed.
    """
    path, out = Path(path), Path(out)
    check_format(out)
    if not 0 <= min_confidence <= 1:
        raise OptionError(f"min_confidence: got {min_confidence}, expected 0 to 1", field="min_confidence")
    if rate is not None and not (math.isfinite(rate) and rate > 0):
        raise OptionError(f"rate: got {rate}, expected more than 0 frames a second", field="rate", value=rate)
    if out.exists() and (not overwrite or (path.exists() and out.samefile(path))):
        raise OutputError(f"{out} exists", hint="Use another name, or --overwrite to replace it.", path=out)
    with open_text(path) as text:
        table = _Export.begin(text, path)
        if table.program == "py-feat" and rate is None:
            message = f"rate: {path} has no exact times, expected the video's frames per second"
            raise OptionError(message, hint="Add --rate, such as --rate 25.", field="rate")
        counts, named = _Counts(), source or table.source or path.stem
        rows = counts.over(_rows(table, named, rate, min_confidence))
        write_table(out, columns(table.emotions, video=True), rows)
    numbers = counts.frames, counts.faces, counts.untracked
    return ImportedTable(str(out), table.program, named, table.emotions, *numbers)


def prototype_scores(intensities: Mapping[int, float]) -> dict[str, float]:
    """Emotion scores, 0 to 1, from intensities of action units.

    The score of an emotion is the mean intensity of its action units (``PROTOTYPES``), divided by 5. Neutral is 1 minus the
    largest of these.

    Args:
        intensities: number of the action unit -> intensity, 0 to 5; an absent one counts as 0.
    """
    scores = {
        emotion: sum(intensities.get(unit, 0.0) for unit in units) / len(units) / _MAX_INTENSITY
        for emotion, units in PROTOTYPES.items()
    }
    return {**scores, "neutral": max(0.0, 1.0 - max(scores.values()))}


@dataclass
class _Counts:
    """Sums over rows while they pass."""

    frames: int = 0
    faces: int = 0
    untracked: int = 0
    _last: object = None

    def over(self, rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            self.frames += row["frame"] != self._last
            self._last = row["frame"]
            self.faces += row["face"] is not None
            self.untracked += row["face"] is not None and row["track_id"] is None
            yield row


@dataclass
class _Export:
    """A table of another program, read up to its header.

    Attributes:
        names: the columns, in lower case.
        line: the number of the header's line, from 1.
        lines: the cells of the lines below.
        people: names of identities, as they appear, with their numbers.
    """

    path: Path
    program: Program
    names: list[str]
    line: int
    lines: Iterator[list[str]]
    source: str
    people: dict[str, int] = field(default_factory=dict)

    @classmethod
    def begin(cls, text: TextIO, path: Path) -> _Export:
        """Find the header, below facts about the recording."""
        facts: dict[str, str] = {}
        first: list[str] = []
        for number, line in zip(range(1, _MOST_LINES_BEFORE + 1), text):
            separator = max("\t;,", key=line.count)
            cells = [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
            names = [cell.lower() for cell in cells]
            program = next((known for known, sign in _SIGNS.items() if sign <= set(names)), None)
            if program:
                below = csv.reader(text, delimiter=separator)
                return cls(path, program, names, number, below, facts.get("filename", ""))
            if len(cells) > 1 and cells[0]:
                facts.setdefault(cells[0].lower().strip("#: "), cells[1])
            first = first or cells
        if {"video time", "emotion"} <= set(first) or "Video analysis state log" in first:
            raise DataError(f"{path} is a state log: expected {_ACCEPTED}", hint="Export the detailed log.", path=path)
        has = ", ".join(first[:12]) or "nothing"
        raise DataError(f"{path}: expected {_ACCEPTED}; it begins with {has}", hint="Export it as text.", path=path)

    @property
    def emotions(self) -> tuple[str, ...]:
        """The label set: those of its columns, in the vocabulary's order, and neutral."""
        if self.program == "openface":
            return LABEL_SETS["seven"]
        found = {BY_NAME[name] for name in self._wanted if name in self.names}
        return tuple(emotion for emotion in EMOTIONS if emotion in found | {"neutral"})

    @property
    def _wanted(self) -> frozenset[str]:
        known = {"facereader": _FACEREADER, "py-feat": _NOUNS, "imotions": _AFFDEX}
        return known.get(self.program, frozenset())

    def records(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Line number and cells of each row."""
        try:
            for number, line in enumerate(self.lines, self.line + 1):
                if len(line) > 1:
                    yield number, dict(zip(self.names, (cell.strip() for cell in line)))
        except csv.Error as error:
            raise DataError(f"{self.path} is damaged: {error}", hint="Export it again.", path=self.path) from error

    def scores(self, cells: Mapping[str, str]) -> dict[str, float] | None:
        """Emotion -> score of 0 or more; None where there is no face. ``ValueError`` where a cell is no number."""
        if self.program == "openface":
            if not _number(cells.get("success", "")):
                return None
            units = {int(n[2:4]): max(0.0, _number(c) or 0.0) for n, c in cells.items() if re.fullmatch(r"au\d\d_r", n)}
            return prototype_scores(units)
        values = {BY_NAME[name]: _number(cells.get(name, "")) for name in self._wanted if name in self.names}
        if any(value is None for value in values.values()):
            return None
        scores = {emotion: max(0.0, value or 0.0) for emotion, value in values.items()}
        if "neutral" not in scores:
            most = _MAX_AFFDEX if self.program == "imotions" else 1.0
            scores["neutral"] = max(0.0, most - max(scores.values()))
        return scores if sum(scores.values()) > 0 else None

    def position(self, cells: Mapping[str, str], number: int, rate: float | None) -> tuple[int, float] | None:
        """Number of the frame and time in seconds; None for a row that is no frame."""
        if self.program == "py-feat":
            frame = int(_given(cells, "frame")) if "frame" in cells else number
            return frame, frame / (rate or 1.0)
        if self.program == "openface":
            frame = int(_given(cells, "frame")) - 1
            return frame, frame / rate if rate else _given(cells, "timestamp")
        if self.program == "facereader":
            return number, number / rate if rate else parse_time(cells["video time"])
        if all(cells.get(name, "") == "" for name in self._wanted) and not _is_face_sensor(cells):
            return None  # a row of another sensor
        return number, _given(cells, "timestamp") / 1000

    def person(self, cells: Mapping[str, str], alone: bool) -> int | None:
        """Number of the person, from 1; None where the table does not say who is who."""
        who = cells.get("face_id") if self.program == "openface" else cells.get("identity")
        if who and who.lower() not in _NO_NUMBER:
            return self.people.setdefault(who, len(self.people) + 1)
        return 1 if alone else None

    def face(self, cells: Mapping[str, str]) -> dict[str, float | None]:
        """The box and the detector's score, as far as they are known."""
        none: dict[str, float | None] = dict.fromkeys(("x0", "y0", "x1", "y1", "score"))
        if self.program == "py-feat":
            names = ("facerectx", "facerecty", "facerectwidth", "facerectheight", "facescore")
            left, top, wide, high, score = (_number(cells.get(name, "")) for name in names)
            if left is None or top is None or wide is None or high is None:
                return none
            made = {"x0": left, "y0": top, "x1": left + wide, "y1": top + high}
            return {**{name: round(at, 2) for name, at in made.items()}, "score": score and round(score, 4)}
        if self.program == "openface":
            places = {a: [_number(c) for n, c in cells.items() if re.fullmatch(rf"{a}_\d+", n)] for a in "xy"}
            x, y = ([at for at in places[axis] if at is not None] for axis in "xy")
            score = _number(cells.get("confidence", ""))
            box = {"x0": min(x), "y0": min(y), "x1": max(x), "y1": max(y)} if x and y else {}
            return {**none, **box, "score": score and round(score, 4)}
        return none


def _rows(table: _Export, source: str, rate: float | None, min_confidence: float) -> Iterator[Row]:
    for (frame, time_s), faces in groupby(_faces(table, rate), key=lambda one: one[0]):
        start = frame_cells(source, frame, time_s)
        found = [(cells, scores) for _, cells, scores in faces if scores]
        if not found:
            yield {**dict.fromkeys(columns(table.emotions, video=True)), **start, "mixed": []}
        for number, (cells, scores) in enumerate(found, 1):
            total = sum(scores.values())
            shares = {emotion: round(scores[emotion] / total, 4) for emotion in table.emotions}
            emotion = max(shares, key=lambda name: shares[name])
            yield {
                **start,
                **table.face(cells),
                **shares,
                **{f"frame_{name}": share for name, share in shares.items()},
                "face": number,
                "track_id": table.person(cells, len(found) == 1),
                "emotion": emotion,
                "confidence": shares[emotion],
                "mixed": [],
                "abstained": shares[emotion] < min_confidence,
            }


_Faces: TypeAlias = Iterator[tuple[tuple[int, float], dict[str, str], dict[str, float] | None]]


def _faces(table: _Export, rate: float | None) -> _Faces:
    frames = 0
    for line, cells in table.records():
        try:
            at = table.position(cells, frames, rate)
            if at:
                frames += 1
                yield at, cells, table.scores(cells)
        except (ValueError, KeyError) as error:
            message = f"{table.path}, line {line}: {error}; expected a number"
            raise DataError(message, hint="Export it again.", path=table.path, field="line", value=line) from error
    if not frames:
        raise DataError(f"{table.path} has no rows: expected at least one", hint="Export it again.", path=table.path)


def _number(cell: str) -> float | None:
    """A number, also with a decimal comma; None where a program found no face."""
    if cell.lower() in _NO_NUMBER:
        return None
    value = float(cell.replace(",", "."))
    return value if math.isfinite(value) else None


def _given(cells: Mapping[str, str], name: str) -> float:
    value = _number(cells[name])
    if value is None:
        raise ValueError(f"{name} is {cells[name]!r}")
    return value


def _is_face_sensor(cells: Mapping[str, str]) -> bool:
    return any(word in cells.get("eventsource", "").lower() for word in ("aff", "face"))
