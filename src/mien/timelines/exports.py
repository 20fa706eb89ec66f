"""Spans for other programs: tables for statistics and ELAN, subtitles for players."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from ..drawing import percent
from ..errors import OptionError
from ..io.atomic import check_ending
from .figure import FORMATS, figure
from .report import report
from .spans import Span
from .timeline import Timeline, TrackTimeline, VideoTimeline

SPAN_COLUMNS = ("source", "track_id", "start_s", "end_s", "seconds", "emotion", "confidence", "unsure")
#: More faces at a time would cover the video.
_MAX_LINES = 4
_SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
SPAN_FORMATS = tuple(_SEPARATORS)
REPORT_FORMATS = (".html", ".htm", ".md")
SUBTITLE_FORMATS = (".srt",)


def render(timeline: Timeline, path: Path) -> bytes:
    """The content of a file for a timeline, of the kind that its extension selects: see ``Timeline.render``."""
    check_ending(path, (*REPORT_FORMATS, *FORMATS, *SPAN_FORMATS, *SUBTITLE_FORMATS))
    kind, videos = path.suffix.lower(), timeline.videos
    if kind in SPAN_FORMATS:
        return span_table(videos, path)
    if kind in SUBTITLE_FORMATS:
        return subtitles(videos)
    if kind in FORMATS:
        return figure(videos, path)
    document = report(timeline)
    return (document.to_markdown() if kind == ".md" else document.to_html()).encode()


def span_table(videos: Sequence[VideoTimeline], path: Path) -> bytes:
    """All spans as a table in UTF-8: ``SPAN_COLUMNS``, a line a span; times in seconds with 3 decimals."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=_SEPARATORS[path.suffix.lower()], lineterminator="\n")
    writer.writerow(SPAN_COLUMNS)
    for video in videos:
        for track in video.tracks:
            for span in track.spans:
                times = [f"{seconds:.3f}" for seconds in (span.start_s, span.end_s, span.seconds)]
                unsure = "true" if span.unsure else "false"
                writer.writerow([video.source, track.track_id, *times, span.emotion, f"{span.confidence:.4f}", unsure])
    return text.getvalue().encode()


def subtitles(videos: Sequence[VideoTimeline]) -> bytes:
    """The spans of one video as SubRip subtitles (``.srt``), UTF-8: a line a face, a new caption whenever one changes.

    Four faces at a time, those seen longest in the video first. A face that was unsure has a question mark: ``sad?``.

    Raises:
        OptionError: there are several videos.
    """
    if len(videos) != 1:
        raise OptionError(
            f"subtitles: got {len(videos)} videos, expected one",
            hint=f"Choose one with --source, such as --source {videos[0].name!r}." if videos else "Read a video first.",
        )
    (video,) = videos
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
    who = f"{track.track_id}: " if track else ""
    return f"{who}{span.emotion}{'?' if span.unsure else ''} {percent(span.confidence)}"


def _timecode(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},{ms:03}"
