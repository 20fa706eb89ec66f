"""Outputs of a video: a resumable table of rows, and an annotated or redacted copy with its sound."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ..drawing import annotate
from ..errors import OutputError
from ..types import Box, Face, Frame, Reading
from .annotated_copies import check_not_source, check_video_format, video_writer
from .journal import Journal, Mode
from .tables import ListSeparator, Row, check_format, columns, rows
from .video import Video

#: Rows are written to disk this often, in seconds.
_FLUSH_S = 1.0
#: Pixels of a frame whose image no sink needs.
NO_IMAGE: npt.NDArray[np.uint8] = np.zeros((1, 1, 3), np.uint8)
_VOTES, _IN_LABEL_SET, _MIN_CONFIDENCE = "vote_shares", "in_label_set", "min_confidence"
_MIN_FACE_SCORE, _SHARPNESS = "min_face_score", "sharpness"


@dataclass(frozen=True)
class SinkContext:
    """Information for a sink before the first frame.

    Attributes:
        name, video: path of the video, or name of the camera or stream, which has no ``video``.
        settings: JSON values that the rows depend on; a table is only resumed with the same.
        redacted: people are masked; nothing may be kept before all frames have been read.
    """

    name: str
    video: Video | None
    emotions: tuple[str, ...]
    settings: Mapping[str, Any]
    resume: bool = False
    redacted: bool = False


@dataclass(frozen=True)
class OpenSink:
    """A sink that takes frames.

    Attributes:
        earlier: rows that an interrupted run has kept, whose frames are not written again; None if none can be kept.
        problems: what that run could not read.
        needs_images: ``write`` looks at the pixels of frames.
    """

    write: Callable[[Frame, Sequence[Reading]], object]
    earlier: Iterable[Row] | None = None
    problems: tuple[str, ...] = ()
    needs_images: bool = False


class VideoSink(ABC):
    """An output of ``process_video`` and ``watch``."""

    def check(self) -> None:  # noqa: B027  # most have nothing to check
        """Raise if the output cannot be written, before any work is done."""

    @abstractmethod
    def open(self, context: SinkContext) -> AbstractContextManager[OpenSink]:
        """A context for one video. It ends with an exception where the video was interrupted or failed."""


@dataclass(frozen=True)
class VideoFile(VideoSink):
    """A copy of the video, with its sound, and with faces annotated or (where people are masked) redacted.

    Args:
        path: ``.mp4``, ``.mkv`` or ``.mov``.
        annotate: draw boxes and captions.
        overwrite: replace a file that exists.
    """

    path: Path | str
    annotate: bool = True
    overwrite: bool = False

    def check(self) -> None:
        """Raise if the format is unknown, PyAV is missing, or the file exists."""
        check_video_format(Path(self.path))
        if Path(self.path).exists() and not self.overwrite:
            raise OutputError(f"{self.path} exists", hint="Pass overwrite=True, or give another name.")

    @contextmanager
    def open(self, context: SinkContext) -> Iterator[OpenSink]:
        """Write the copy; it appears when the whole video was written."""
        sound_from = context.video.path if context.video else None
        if sound_from:
            check_not_source(Path(self.path), sound_from)
        with video_writer(Path(self.path), sound_from) as writer:

            def write(frame: Frame, readings: Sequence[Reading]) -> None:
                writer.write(annotate(frame, readings) if self.annotate else frame.image, frame.time_s)

            yield OpenSink(write, needs_images=True)


@dataclass(frozen=True)
class JournalSink(VideoSink):
    """Keeps rows under the name ``source``: each second and at an early end, or (redacted videos) at the end only."""

    journal: Journal | None
    source: str = ""
    on_rows: Callable[[Sequence[Row]], object] = lambda _rows: None

    def problems(self) -> tuple[str, ...]:
        """Problems of an earlier run: each entry of the journal repeats the previous ones."""
        notes = [note for _, note in self._kept() if note]
        return tuple(notes[-1].splitlines()) if notes else ()

    @contextmanager
    def open(self, context: SinkContext) -> Iterator[OpenSink]:
        """Keep the rows; mark the source as done when the video was read to its end."""
        if context.redacted and self._is_done:  # only an annotated copy is missing
            yield OpenSink(lambda _frame, _readings: None)
            return
        before = self.problems()
        held: list[Row] = []
        written = time.monotonic()

        def note() -> str:
            return "\n".join(dict.fromkeys((*before, *(context.video.problems if context.video else ()))))

        def flush() -> None:
            nonlocal held, written
            batch, held, written = held, [], time.monotonic()
            if batch and self.journal:
                self.journal.write([(f"{self.source}#{batch[0]['frame']}", batch)], note())
            self.on_rows(batch)

        def write(frame: Frame, readings: Sequence[Reading]) -> None:
            held.extend(_journal_rows(frame, readings, context.emotions))
            if not context.redacted and time.monotonic() - written >= _FLUSH_S:
                flush()

        complete = False
        try:
            yield OpenSink(write, (row for kept, _ in self._kept() for row in kept), before)
            complete = True
        finally:
            if complete or not context.redacted:
                flush()
        if self.journal and not self._is_done:
            self.journal.write([(self.source, [])], note())

    @property
    def _is_done(self) -> bool:
        return self.journal is not None and self.source in self.journal.done

    def _kept(self) -> Iterator[tuple[list[Row], str]]:
        for name, kept, note in self.journal.entries() if self.journal else ():
            source, _, part = name.rpartition("#")
            if name == self.source or (source == self.source and part.isdecimal()):
                yield kept, note


@dataclass(frozen=True)
class TableFile(VideoSink):
    """A table with one row per face: ``.csv``, ``.jsonl`` or ``.parquet``.

    Rows go to ``<path>.partial`` first, so that an interrupted run can be resumed; see ``io.journal``.

    Args:
        path: the table.
        overwrite: replace a table that exists.
        excel: write a CSV file for Excel, with a byte order mark: ``","``, or ``";"`` with decimal commas.
    """

    path: Path | str
    overwrite: bool = False
    excel: ListSeparator | None = None

    def check(self) -> None:
        """Raise if the format is unknown, or pyarrow is needed and missing."""
        check_format(Path(self.path), excel=self.excel)

    @contextmanager
    def open(self, context: SinkContext) -> Iterator[OpenSink]:
        """Keep the rows; the table is made when the video was read to its end."""
        mode: Mode = "resume" if context.resume else "overwrite" if self.overwrite else "new"
        names = columns(context.emotions, video=True)
        with Journal.open(Path(self.path), names, context.settings, mode, excel=self.excel) as journal:
            if journal.finished:
                raise OutputError(f"{self.path} is complete: there is nothing to resume", hint="Pass overwrite=True.")
            with JournalSink(journal).open(context) as sink:
                yield sink


def _journal_rows(frame: Frame, readings: Sequence[Reading], emotions: tuple[str, ...]) -> list[Row]:
    """The rows of a frame for a journal: those of the table, with the fields that ``restored`` needs."""
    made = rows(frame, readings, emotions, video=True)
    for row, reading in zip(made, readings):
        votes = reading.vote_shares
        row[_VOTES] = None if votes is None else [round(v, 5) for v in votes.tolist()]
        row[_IN_LABEL_SET], row[_MIN_CONFIDENCE] = round(reading.in_label_set, 5), reading.min_confidence
        row[_MIN_FACE_SCORE], row[_SHARPNESS] = reading.min_face_score, reading.sharpness
    return made


def restored(kept: Iterable[Row], emotions: tuple[str, ...]) -> Iterator[tuple[int, float, list[Reading]]]:
    """Index, time in seconds and readings of each frame whose rows were kept; values are rounded as in the rows."""
    for index, group in groupby(kept, key=lambda row: row["frame"]):
        of_frame = list(group)
        readings = [_reading(row, emotions) for row in of_frame if row["face"] is not None]
        yield cast(int, index), cast(float, of_frame[0]["time_s"]), readings


def _reading(row: dict[str, Any], emotions: tuple[str, ...]) -> Reading:
    return Reading(
        Face(Box(row["x0"], row["y0"], row["x1"], row["y1"]), row["score"]),
        emotions,
        _shares([row[emotion] for emotion in emotions]),
        vote_shares=None if row[_VOTES] is None else _shares(row[_VOTES]),
        in_label_set=row[_IN_LABEL_SET],
        min_confidence=row[_MIN_CONFIDENCE],
        min_face_score=row[_MIN_FACE_SCORE],
        sharpness=row[_SHARPNESS],
        track_id=row["track_id"],
        frame_probabilities=_shares([row[f"frame_{emotion}"] for emotion in emotions]),
    )


def _shares(values: list[float]) -> npt.NDArray[np.float32]:
    return (np.array(values) / sum(values)).astype(np.float32)
