"""Timelines: who showed which emotion when, and how certain that is."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..emotions import EMOTIONS
from ..errors import DataError, OptionError
from ..io.atomic import write_atomically
from ..io.discovery import IMAGE_EXTENSIONS, file_name
from ..io.journal import partial_path
from ..io.tables import FORMATS, PERSON, column_names, read_columns
from ..io.video import VIDEO_EXTENSIONS
from ..report import join
from ..types import Box
from ..video import VideoResult
from .spans import Span, reading_durations, spans_of

if TYPE_CHECKING:
    from .span_files import SpanLayout

#: Spans shorter than this are flickers, in seconds.
SHORTEST_S = 0.3
#: A video with one frame: as long as a frame at 25 a second.
_ALONE_S = 0.04
_NEEDED = ("source", "time_s", "track_id", "abstained")
_PLACE = ("frame", "x0", "y0", "x1", "y1")
_SUM_TOLERANCE = 0.01  # probabilities are written with four decimals
_MAKE = "Make the table with 'mien read VIDEO --out results.csv'."


@dataclass(frozen=True)
class Moment:
    """Where a face is seen: number of the frame, its time in seconds, and the box in pixels."""

    frame: int
    time_s: float
    box: Box


@dataclass(frozen=True, eq=False)
class TrackTimeline:
    """One person in one video; ``source`` is the path of the video as in the table.

    Attributes:
        emotions: the label set, in the vocabulary's order; length K.
        times: float64 (N,), times of the readings, in seconds from the start of the video, increasing; N > 0.
        durations: float64 (N,), how long each reading lasts, in seconds (see ``reading_durations``).
        probabilities: float32 (N, K), smoothed, as in the table; each row sums to 1.
        unsure: bool (N,), the reading abstained.
        spans: the same as spans of one emotion, in order of time.
        name: what ``mien timeline join`` named the person; empty if nothing.
        clearest: the moment with the largest product of confidence and height of the box; None if the table has no boxes.
    """

    source: str
    track_id: int
    emotions: tuple[str, ...]
    times: npt.NDArray[np.float64]
    durations: npt.NDArray[np.float64]
    probabilities: npt.NDArray[np.float32]
    unsure: npt.NDArray[np.bool_]
    spans: tuple[Span, ...]
    name: str = ""
    clearest: Moment | None = None

    @property
    def person(self) -> str:
        """The name of the person, or ``person`` with the number of the track."""
        return self.name or f"person {self.track_id}"

    @property
    def start_s(self) -> float:
        """Time of the first reading."""
        return float(self.times[0])

    @property
    def end_s(self) -> float:
        """End of the last reading."""
        return float(self.times[-1] + self.durations[-1])

    @property
    def seen_s(self) -> float:
        """How long the person was visible, without gaps."""
        return float(self.durations.sum())

    @property
    def confidence(self) -> float:
        """The mean probability of the likeliest emotion, weighted by time, 0 to 1."""
        return float(np.average(self.probabilities.max(1), weights=self.durations))

    @property
    def unsure_share(self) -> float:
        """Share of the visible time in which readings abstained, 0 to 1."""
        return float(np.average(self.unsure, weights=self.durations))

    @property
    def shares(self) -> dict[str, float]:
        """Emotion -> share of the visible time, without abstained readings, largest first.

        The shares and ``unsure_share`` sum to 1.
        """
        seconds = np.where(self.unsure, 0.0, self.durations)
        each = np.bincount(self.probabilities.argmax(1), weights=seconds, minlength=len(self.emotions))
        shares = (each / self.durations.sum()).tolist()
        return dict(sorted(zip(self.emotions, shares), key=lambda pair: -pair[1]))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the readings of single frames."""
        return {
            "track_id": self.track_id,
            **({"person": self.name} if self.name else {}),
            "start_s": round(self.start_s, 3),
            "end_s": round(self.end_s, 3),
            "seen_s": round(self.seen_s, 3),
            "confidence": round(self.confidence, 4),
            "unsure": round(self.unsure_share, 4),
            "shares": {emotion: round(share, 4) for emotion, share in self.shares.items()},
            "spans": [span.to_dict() for span in self.spans],
        }


@dataclass(frozen=True, eq=False)
class VideoTimeline:
    """All people in one video; ``source`` is the path of the video as in the table.

    Attributes:
        emotions: the label set, in the vocabulary's order.
        start_s, end_s: time of the first frame, and end of the last one, in seconds.
        frames: number of frames, including those without a face.
        untracked: number of readings that were left out because they belong to no track.
        tracks: by number; empty if no face was seen.
    """

    source: str
    emotions: tuple[str, ...]
    start_s: float
    end_s: float
    frames: int
    untracked: int
    tracks: tuple[TrackTimeline, ...]

    @property
    def name(self) -> str:
        """The last part of its path."""
        return file_name(self.source.rstrip("\\/")) or self.source

    @property
    def ranked(self) -> tuple[TrackTimeline, ...]:
        """The tracks, longest visible first."""
        return tuple(sorted(self.tracks, key=lambda track: (-track.seen_s, track.track_id)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "source": self.source,
            "start_s": round(self.start_s, 3),
            "end_s": round(self.end_s, 3),
            "frames": self.frames,
            "untracked": self.untracked,
            "tracks": [track.to_dict() for track in self.tracks],
        }


@dataclass(frozen=True, eq=False)
class Timeline:
    """Timelines of videos, in the order of the table; spans shorter than ``shortest_s`` are merged into neighbors.

    ``folder`` is that of the table; None without a file.
    """

    videos: tuple[VideoTimeline, ...]
    shortest_s: float
    folder: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"shortest_s": self.shortest_s, "videos": [video.to_dict() for video in self.videos]}

    def render(self, path: Path | str, layout: SpanLayout = "mien", *, no_image_output: bool = False) -> bytes:
        """Return the content of a file in the format of its extension.

        ``.html`` and ``.md`` are reports. A page on several people shows each of them, if the video is there and not
        ``no_image_output``. ``.png``, ``.svg`` and ``.pdf`` are figures. ``.csv``, ``.tsv``, ``.txt``,
        ``.xlsx`` and ``.sav`` (SPSS) are tables with one row per span. ``.eaf`` (ELAN), ``.TextGrid`` (Praat) and ``.srt``
        (subtitles) hold one video only. ``layout`` makes a ``.csv`` for Excel or for BORIS.

        Raises:
            OptionError: the extension is unknown, or the file holds one video and there are several.
            MissingExtraError: a package of the format is not installed.
        """
        from .exports import render  # noqa: PLC0415 - it imports this module

        return render(self, Path(path), layout, no_image_output=no_image_output)

    def save(self, path: Path | str, *, no_image_output: bool = False) -> None:
        """Write the timeline to a file: see ``render``."""
        write_atomically(Path(path), self.render(path, no_image_output=no_image_output))


def timeline(table: Path | str | VideoResult, *, source: str | None = None, shortest_s: float = SHORTEST_S) -> Timeline:
    """Summarize a video: how long each person was visible, and which emotion they showed when.

    ::

        result = mien.timeline("results.parquet")
        for video in result.videos:
            for track in video.tracks:
                print(video.name, track.track_id, track.shares, track.unsure_share)
        result.save("results.html")

    Args:
        table: the result of ``process_video``, or a table of ``mien read VIDEO --out TABLE``: ``.csv``, ``.tsv``,
            ``.xlsx``, ``.jsonl`` or ``.parquet``.
        source: use only this video: its path as in the table, or its file name.
        shortest_s: spans shorter than this, in seconds, are merged into their neighbors, and gaps up to this are ignored;
            0 keeps all.

    Returns:
        One entry per video, in the order of the table, including videos without a face. Photos are left out.

    Raises:
        OptionError: the extension is unknown, ``shortest_s`` is negative, or the table has no such video.
        DataError: the table is missing, damaged, empty, not written by mien, or has only photos.
        MissingExtraError: pyarrow is not installed.
    """
    if not (0 <= shortest_s < np.inf):
        raise OptionError(f"shortest_s: got {shortest_s}, expected 0 or more seconds", hint="0 keeps every flicker.")
    read = _result_rows(table) if isinstance(table, VideoResult) else _table_rows(Path(table).expanduser())
    folder = None if isinstance(table, VideoResult) else Path(table).parent
    rows_of = _grouped(read.source, np.arange(len(read.source)))
    if source is not None:
        number = _chosen(read.sources, source)
        return Timeline((_video(read, number, rows_of[number], shortest_s),), shortest_s, folder)
    videos = tuple(_video(read, number, rows_of[number], shortest_s) for number in range(len(read.sources)))
    without_photos = tuple(video for video in videos if video.tracks or (video.untracked == 0 and video.frames > 1))
    return Timeline(without_photos or videos, shortest_s, folder)


def _chosen(sources: Sequence[str], wanted: str) -> int:
    if wanted in sources:
        return sources.index(wanted)
    named = [number for number, source in enumerate(sources) if file_name(source) == wanted]
    if len(named) != 1:
        raise OptionError(
            f"source: got {wanted!r}, which matches {'several videos' if named else 'no video'} of the table; "
            f"expected one of {join(sources, most=8)}",
            hint="Give the path as it is in the table.",
        )
    return named[0]


@dataclass(frozen=True, eq=False)
class _Rows:
    """The N rows of a table; ``source`` is an index of ``sources``.

    ``seen`` is false where the frame had no face; ``track_id`` is -1 if the face has none. ``unsure``: the reading
    abstained. ``probabilities``: float32 (N, K). ``person``: its name, or empty. ``boxes``: float64 (N, 4), x0 to y1;
    NaN where there is none. ``frame``: float64 (N,), its number.
    """

    emotions: tuple[str, ...]
    sources: tuple[str, ...]
    source: npt.NDArray[np.int64]
    time_s: npt.NDArray[np.float64]
    seen: npt.NDArray[np.bool_]
    track_id: npt.NDArray[np.int64]
    unsure: npt.NDArray[np.bool_]
    probabilities: npt.NDArray[np.float32]
    person: npt.NDArray[np.object_]
    frame: npt.NDArray[np.float64]
    boxes: npt.NDArray[np.float64]


def _video(table: _Rows, number: int, rows: npt.NDArray[np.int64], shortest_s: float) -> VideoTimeline:
    source, emotions = table.sources[number], table.emotions
    frames = np.unique(table.time_s[rows])
    step = float(np.median(np.diff(frames))) if len(frames) > 1 else _ALONE_S
    tracked = rows[table.track_id[rows] >= 0]
    tracks = []
    for track_id, found in sorted(_grouped(table.track_id[tracked], tracked).items()):
        # Broken videos give two frames one time; the first counts
        times, first = np.unique(table.time_s[found], return_index=True)
        probabilities, unsure = table.probabilities[found[first]], table.unsure[found[first]]
        durations, joined = reading_durations(times, frames, step, shortest_s)
        spans = spans_of(emotions, times, durations, joined, probabilities, unsure, shortest_s)
        name = str(table.person[found[0]] or "")
        clearest = _clearest(table, found)
        readings = times, durations, probabilities, unsure, spans
        tracks.append(TrackTimeline(source, track_id, emotions, *readings, name, clearest))
    untracked = int((table.seen[rows] & (table.track_id[rows] < 0)).sum())
    ends_s = float(frames[-1]) + step
    return VideoTimeline(source, emotions, float(frames[0]), ends_s, len(frames), untracked, tuple(tracks))


def _clearest(table: _Rows, rows: npt.NDArray[np.int64]) -> Moment | None:
    boxes = table.boxes[rows]
    height = boxes[:, 3] - boxes[:, 1]
    clear = np.where((height > 0) & (boxes[:, 2] > boxes[:, 0]), height * table.probabilities[rows].max(1), 0.0)
    best = int(clear.argmax())
    if not (clear[best] > 0 and np.isfinite(boxes[best]).all()):
        return None
    frame, time_s = (float(of[rows[best]]) for of in (table.frame, table.time_s))
    return Moment(int(frame), time_s, Box(*boxes[best].tolist())) if np.isfinite(frame) else None


def _grouped(keys: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> dict[int, npt.NDArray[np.int64]]:
    """Key -> its rows, in their order."""
    order = keys.argsort(kind="stable")
    found, starts = np.unique(keys[order], return_index=True)
    return dict(zip(found.tolist(), np.split(rows[order], starts[1:])))


def _table_rows(path: Path) -> _Rows:
    if path.suffix.lower() in (*VIDEO_EXTENSIONS, *IMAGE_EXTENSIONS) and path.is_file():
        table = path.with_suffix(".csv").name
        hint = f"mien read {shlex.quote(str(path))} --out {shlex.quote(table)}\nmien timeline {shlex.quote(table)}"
        raise OptionError(f"{path} is not a table: read it first", hint=hint, field="table", value=str(path))
    if path.suffix.lower() in FORMATS and not path.is_file():
        begun = partial_path(path).is_file()
        raise DataError(
            f"{path} {'is a folder' if path.is_dir() else 'does not exist'}: expected a table that mien has written",
            hint="Its run has not finished: continue it with 'mien read ... --resume'." if begun else _MAKE,
        )
    names = column_names(path)
    emotions = tuple(emotion for emotion in EMOTIONS if emotion in names)
    missing = [name for name in (*_NEEDED, *(EMOTIONS if len(emotions) < 2 else ())) if name not in names]
    if missing:
        raise DataError(
            f"{path} is not a table of mien: it lacks the columns {join(missing)}; it has {join(names, most=12)}",
            hint=_MAKE,
        )
    also = [name for name in (*_PLACE, PERSON) if name in names]
    columns = read_columns(path, (*_NEEDED, *emotions, *also))
    return _checked(str(path), emotions, columns, is_video=f"frame_{emotions[0]}" in names)


def _result_rows(result: VideoResult) -> _Rows:
    if not result.rows:
        raise OptionError(f"{result.source}: the result holds no rows", hint="Call process_video with keep_rows=True.")
    names = (*_NEEDED[1:], *_PLACE, *result.emotions)
    columns = {n: np.array([np.nan if row[n] is None else row[n] for row in result.rows], np.float64) for n in names}
    sources = np.array([row["source"] for row in result.rows], object)
    return _checked(result.source, result.emotions, {"source": sources, **columns}, is_video=True)


def _checked(
    name: str, emotions: Sequence[str], columns: Mapping[str, npt.NDArray[np.float64]], *, is_video: bool
) -> _Rows:
    if not len(columns["source"]):
        raise DataError(f"{name} has no rows: expected at least one", hint=_MAKE)
    probabilities = np.stack([columns[emotion].astype(np.float32) for emotion in emotions], 1)
    seen = np.isfinite(probabilities.sum(1))
    track_id = np.where(np.isnan(columns["track_id"]), -1, columns["track_id"]).astype(np.int64)
    wrong = (
        (~np.isfinite(columns["time_s"]), "its time_s is not a finite number"),
        (seen & ~(abs(probabilities.sum(1) - 1) < _SUM_TOLERANCE), "its probabilities do not sum to 1"),
        ((probabilities < 0).any(1), "a probability is negative"),
        (~seen & (track_id >= 0), "it has a track_id, but not all of its probabilities"),
        (seen & np.isnan(columns["abstained"]), "it has probabilities, but no value for abstained"),
    )
    for rows, why in wrong:
        if rows.any():
            raise DataError(f"{name} is damaged at row {int(rows.argmax()) + 1}: {why}", hint=_MAKE)
    # A video without a face has no tracks either, but its table has the columns of a video
    if not (track_id >= 0).any() and (seen.any() or not is_video):
        raise DataError(
            f"{name} holds photos: none of its {len(track_id):,} rows has a track_id, which a timeline requires",
            hint="Read a video: mien read clip.mp4 --out results.csv",
        )
    numbers: dict[str, int] = {}
    codes = np.array([numbers.setdefault(str(source), len(numbers)) for source in columns["source"]], np.int64)
    unsure = columns["abstained"] == 1
    person = columns.get(PERSON, np.full(len(codes), "", object))
    unknown = np.full(len(codes), np.nan)
    frame, *corners = (columns.get(name, unknown) for name in _PLACE)
    of_face = seen, track_id, unsure, probabilities, person, frame, np.stack(corners, 1)
    return _Rows(tuple(emotions), tuple(numbers), codes, columns["time_s"], *of_face)
