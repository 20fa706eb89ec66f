"""Timelines: who showed which emotion when, and how certain that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import OptionError
from ..io.atomic import write_atomically
from ..video import VideoResult
from .exports import render
from .spans import reading_durations, spans_of, usual_step
from .table import VideoTable, read_table, table_of_rows
from .tracks import TrackTimeline, VideoTimeline

#: Spans shorter than this are flickers, in seconds.
SHORTEST_S = 0.3


@dataclass(frozen=True, eq=False)
class Timeline:
    """Videos over time.

    Attributes:
        videos: one entry per video, in the order of the table.
        shortest_s: shorter spans were given to their neighbors, in seconds.
    """

    videos: tuple[VideoTimeline, ...]
    shortest_s: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"shortest_s": self.shortest_s, "videos": [video.to_dict() for video in self.videos]}

    def render(self, path: Path | str) -> bytes:
        """The content of a file for the timeline; its extension selects the kind.

        ``.html`` is a report; ``.png``, ``.svg`` and ``.pdf`` a figure; ``.csv``, ``.tsv`` and ``.txt`` a table with one row
        per span (the latter two as ELAN imports them); ``.srt`` subtitles.

        Raises:
            OptionError: the extension is unknown, or subtitles were asked for and there are several videos.
            MissingExtraError: a report needs Jinja2, or a figure matplotlib.
        """
        return render(self.videos, Path(path), shortest_s=self.shortest_s)

    def save(self, path: Path | str) -> None:
        """Write the timeline to a file: see ``render``.

        Raises:
            OutputError: the file cannot be written.
        """
        write_atomically(Path(path), self.render(path))


def timeline(table: Path | str | VideoResult, *, source: str | None = None, shortest_s: float = SHORTEST_S) -> Timeline:
    """Sum up a video: for each person how long they were seen, and which emotion was read when.

    ::

        result = mien.timeline("results.parquet")
        for video in result.videos:
            for track in video.tracks:
                print(video.name, track.track_id, track.shares, track.unsure_share)
        result.save("results.html")

    Args:
        table: what ``process_video`` returned; or a table that ``mien read VIDEO --out TABLE`` has written: ``.csv``,
            ``.jsonl`` or ``.parquet``.
        source: take this video only: its path as the table has it, or its file's name.
        shortest_s: spans shorter than this, in seconds, are given to their neighbors, and a face that is missed for no
            longer has no gap; 0 keeps every flicker.

    Returns:
        One entry per video, in the table's order, videos without a face too; photos in the table are left out.

    Raises:
        OptionError: the extension is unknown, ``shortest_s`` is negative, or the table has no such video.
        DataError: there is no such table, it is damaged, has no rows, is not one of mien's, or holds photos only.
        MissingExtraError: pyarrow is not installed, which reads tables.
    """
    if not (0 <= shortest_s < np.inf):
        raise OptionError(
            f"shortest_s: got {shortest_s}, expected 0 or more seconds", hint="0.3 leaves out what nobody would notice."
        )
    if isinstance(table, VideoResult):
        read = table_of_rows(table.rows, table.emotions, table.source)
    else:
        read = read_table(Path(table))
    chosen = range(len(read.sources)) if source is None else [_chosen(read.sources, source)]
    rows_of = _grouped(read.source, np.arange(len(read.source)))
    videos = tuple(_video(read, number, rows_of[number], shortest_s) for number in chosen)
    if source is None:
        videos = tuple(video for video in videos if not _is_photo(video)) or videos
    return Timeline(videos, shortest_s)


def _chosen(sources: Sequence[str], wanted: str) -> int:
    if wanted in sources:
        return sources.index(wanted)
    named = [i for i, source in enumerate(sources) if source.replace("\\", "/").rpartition("/")[2] == wanted]
    if len(named) != 1:
        listed = ", ".join(sources[:8]) + (f" and {len(sources) - 8} more" if len(sources) > 8 else "")
        raise OptionError(
            f"source: got {wanted!r}, which is {'the name of several videos' if named else 'no video of the table'}; "
            f"expected one of {listed}",
            hint="Give its path as the table has it.",
        )
    return named[0]


def _video(table: VideoTable, number: int, rows: npt.NDArray[np.int64], shortest_s: float) -> VideoTimeline:
    frames = np.unique(table.time_s[rows])
    step = usual_step(frames)
    tracked = rows[table.track_id[rows] >= 0]
    tracks = []
    for track_id, found in sorted(_grouped(table.track_id[tracked], tracked).items()):
        # Broken videos give two frames one time; the first counts
        times, first = np.unique(table.time_s[found], return_index=True)
        probabilities, unsure = table.probabilities[found[first]], table.unsure[found[first]]
        durations, joined = reading_durations(times, frames, step, shortest_s)
        spans = spans_of(table.emotions, times, durations, joined, probabilities, unsure, shortest_s)
        tracks.append(
            TrackTimeline(
                table.sources[number], track_id, table.emotions, times, durations, probabilities, unsure, spans
            )
        )
    return VideoTimeline(
        source=table.sources[number],
        emotions=table.emotions,
        start_s=float(frames[0]),
        end_s=float(frames[-1]) + step,
        frames=len(frames),
        step_s=step,
        untracked=int((table.seen[rows] & (table.track_id[rows] < 0)).sum()),
        tracks=tuple(tracks),
    )


def _is_photo(video: VideoTimeline) -> bool:
    return not video.tracks and (video.untracked > 0 or video.frames == 1)


def _grouped(keys: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> dict[int, npt.NDArray[np.int64]]:
    """Key -> its rows, in their order."""
    order = keys.argsort(kind="stable")
    found, starts = np.unique(keys[order], return_index=True)
    return dict(zip(found.tolist(), np.split(rows[order], starts[1:])))
