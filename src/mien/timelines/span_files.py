"""Spans of a timeline as files for statistics, annotation tools and players."""

from __future__ import annotations

import io
import shlex
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

from ..drawing import percent as probability
from ..errors import OptionError
from ..extras import require
from ..io.elan import write_eaf
from ..io.tables import Row, write_csv, write_excel, write_excel_csv
from ..io.textgrid import write_textgrid
from .spans import Span
from .timeline import TrackTimeline, VideoTimeline

SPAN_COLUMNS = ("source", "track_id", "start_s", "end_s", "seconds", "emotion", "confidence", "unsure", "person")
#: Columns of BORIS' aggregated events.
BORIS_COLUMNS = (
    *("Observation id", "Media file name", "FPS (frame/s)", "Subject", "Behavior", "Behavioral category", "Modifiers"),
    *("Behavior type", "Start (s)", "Stop (s)", "Duration (s)", "Comment start", "Comment stop"),
)
#: CSV files: ``comma`` and ``semicolon`` for Excel, ``boris`` with the columns of BORIS' aggregated events.
SpanLayout = Literal["mien", "comma", "semicolon", "boris"]
#: More faces at a time would cover the video.
_MAX_LINES = 4
_SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
SPAN_FORMATS = (*_SEPARATORS, ".xlsx", ".sav", ".eaf", ".textgrid")
SUBTITLE_FORMATS = (".srt",)
_SAV_LABELS = {
    "source": "Video",
    "track_id": "Number of the track",
    "start_s": "Start in seconds",
    "end_s": "End in seconds",
    "seconds": "Duration in seconds",
    "emotion": "Likeliest emotion",
    "confidence": "Mean probability of the emotion",
    "unsure": "Readings abstained",
    "person": "Name of the person",
}
_TEXTS = ("source", "emotion", "person")


def span_file(videos: Sequence[VideoTimeline], path: Path, layout: SpanLayout = "mien") -> bytes:
    """All spans as a file of the format that the extension selects: ``SPAN_COLUMNS``, a row per span, or a tier per person.

    Times are seconds with 3 decimals; ``.csv`` is UTF-8. ``.eaf`` and ``.TextGrid`` hold one video.

    Raises:
        OptionError: the layout is for CSV only, or there are several videos for a file that holds one.
        MissingExtraError: a package is not installed.
    """
    kind = path.suffix.lower()
    if layout != "mien" and kind != ".csv":
        raise OptionError(f"layout {layout}: got {path.name!r}, expected a name that ends in .csv", path=path)
    if kind in (".eaf", ".textgrid"):
        return _tiers(_only(videos, f"{path.suffix} file"), kind)
    make = _boris_row if layout == "boris" else _row
    rows = [make(video, track, span) for video in videos for track in video.tracks for span in track.spans]
    if kind == ".sav":
        return _sav(rows)
    file, columns = io.BytesIO(), BORIS_COLUMNS if layout == "boris" else SPAN_COLUMNS
    if kind == ".xlsx":
        write_excel(file, columns, rows)
    elif layout in ("comma", "semicolon"):
        write_excel_csv(file, columns, rows, "," if layout == "comma" else ";")
    else:
        write_csv(file, columns, (_with_decimals(row) for row in rows), _SEPARATORS[kind])
    return file.getvalue()


def _row(video: VideoTimeline, track: TrackTimeline, span: Span) -> Row:
    return {
        "source": video.source,
        "track_id": track.track_id,
        "start_s": round(span.start_s, 3),
        "end_s": round(span.end_s, 3),
        "seconds": round(span.seconds, 3),
        "emotion": span.emotion,
        "confidence": round(span.confidence, 4),
        "unsure": span.unsure,
        "person": track.name,
    }


def _boris_row(video: VideoTimeline, track: TrackTimeline, span: Span) -> Row:
    return {
        **dict.fromkeys(BORIS_COLUMNS, ""),
        "Observation id": video.name,
        "Media file name": video.source,
        "Subject": track.person,
        "Behavior": span.emotion,
        "Behavioral category": "unsure" if span.unsure else "",
        "Behavior type": "STATE",
        "Start (s)": round(span.start_s, 3),
        "Stop (s)": round(span.end_s, 3),
        "Duration (s)": round(span.seconds, 3),
    }


def _with_decimals(row: Row) -> Row:
    """Times with 3 decimals and confidences with 4, also where these are zeros."""
    return {
        name: f"{value:.{4 if name == 'confidence' else 3}f}" if isinstance(value, float) else value
        for name, value in row.items()
    }


def _sav(rows: Sequence[Row]) -> bytes:
    """SPSS: labels for variables and for the values of ``unsure``; texts in UTF-8."""
    pyreadstat, pandas = require("pyreadstat", "study"), require("pandas", "study")
    frame = pandas.DataFrame(rows, columns=list(SPAN_COLUMNS))
    frame = frame.astype({name: object if name in _TEXTS else float for name in SPAN_COLUMNS})
    formats = {"track_id": "F8.0", "unsure": "F1.0", **dict.fromkeys(("start_s", "end_s", "seconds"), "F12.3")}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spans.sav"
        pyreadstat.write_sav(
            frame,
            str(path),
            column_labels=_SAV_LABELS,
            variable_value_labels={"unsure": {0.0: "sure", 1.0: "unsure"}},
            variable_format=formats,
        )
        return path.read_bytes()


def _tiers(video: VideoTimeline, kind: str) -> bytes:
    tiers: dict[str, list[tuple[float, float, str]]] = {track.person: [] for track in video.tracks}
    for track in video.tracks:
        tiers[track.person] += [(span.start_s, span.end_s, _word(span)) for span in track.spans]
    return write_eaf(tiers, video.source) if kind == ".eaf" else write_textgrid(tiers, 0.0, video.end_s)


def _word(span: Span) -> str:
    return f"{span.emotion}{'?' if span.unsure else ''}"


def _only(videos: Sequence[VideoTimeline], what: str) -> VideoTimeline:
    if len(videos) != 1:
        raise OptionError(
            f"{what}: got {len(videos)} videos, expected one",
            hint=f"Choose one with --source, such as --source {shlex.quote(videos[0].name)}."
            if videos
            else "Read a video first.",
        )
    return videos[0]


def subtitles(videos: Sequence[VideoTimeline]) -> bytes:
    """The spans of one video as SubRip subtitles (``.srt``), UTF-8: one line per face, and a new caption at each change.

    Four faces at a time, those seen longest in the video first. A face that was unsure has a question mark: ``sad?``.

    Raises:
        OptionError: there are several videos.
    """
    video = _only(videos, "subtitles")
    entries = [
        (round(1000 * span.start_s), round(1000 * span.end_s), _line(track if len(video.tracks) > 1 else None, span))
        for track in video.ranked
        for span in track.spans
    ]
    changes = sorted({at for start, end, _ in entries for at in (start, end)})
    captions: list[str] = []
    for start, end in pairwise(changes):  # players show captions that overlap in time on top of each other
        lines = [line for first, last, line in entries if first <= start < last]
        if len(lines) > _MAX_LINES:
            lines[_MAX_LINES:] = [f"and {len(lines) - _MAX_LINES} more"]
        if lines:
            times = f"{_timecode(start)} --> {_timecode(end)}"
            captions.append("\n".join([str(len(captions) + 1), times, *lines, "", ""]))
    return "".join(captions).encode()


def _line(track: TrackTimeline | None, span: Span) -> str:
    who = f"{track.name or track.track_id}: " if track else ""
    return f"{who}{_word(span)} {probability(span.confidence)}"


def _timecode(ms: int) -> str:
    whole, ms = divmod(ms, 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02},{ms:03}"
