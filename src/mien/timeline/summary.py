"""From a table of readings to timelines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import OptionError
from .spans import spans_of
from .standing import standing, usual_step
from .table import VideoTable, video_table
from .values import TrackTimeline, VideoTimeline

#: Spans shorter than this are flickers, in seconds.
SHORTEST_S = 0.3


def timeline_of(
    path: Path | str, *, source: str | None = None, shortest_s: float = SHORTEST_S
) -> tuple[VideoTimeline, ...]:
    """Sum up the table that ``mien read VIDEO --out TABLE`` has written.

    ::

        for video in timeline_of("results.parquet"):
            for track in video.tracks:
                print(video.name, track.track, track.shares, track.unsure_share)

    Args:
        path: the table, ``.csv``, ``.jsonl`` or ``.parquet``.
        source: take this video only: its path as the table has it, or its file's name.
        shortest_s: spans shorter than this, in seconds, are given to their neighbors, and a face that is missed for no
            longer has no gap; 0 keeps every flicker.

    Returns:
        One value a video, in the table's order, videos without a face too; photos in the table are left out.

    Raises:
        OptionError: the extension is unknown, ``shortest_s`` is negative, or the table has no such video.
        DataError: there is no such table, it is damaged, has no rows, is not one of mien's, or holds photos only.
        MissingExtraError: it is parquet, and pyarrow is not installed.
    """
    if not (0 <= shortest_s < np.inf):
        raise OptionError(
            f"shortest_s: got {shortest_s}, expected 0 or more seconds", hint="0.3 leaves out what nobody would notice."
        )
    table = video_table(Path(path))
    chosen = range(len(table.sources)) if source is None else [_chosen(table.sources, source)]
    rows_of = _grouped(table.source, np.arange(len(table.source)))
    videos = tuple(_video(table, number, rows_of[number], shortest_s) for number in chosen)
    return videos if source is not None else tuple(video for video in videos if not _photo(video)) or videos


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
    tracked = rows[table.track[rows] >= 0]
    tracks = []
    for track, found in sorted(_grouped(table.track[tracked], tracked).items()):
        # Broken videos give two frames one time; the first counts
        times, first = np.unique(table.time_s[found], return_index=True)
        probabilities, unsure = table.probabilities[found[first]], table.unsure[found[first]]
        durations, joined = standing(times, frames, step, shortest_s)
        spans = spans_of(table.emotions, times, durations, joined, probabilities, unsure, shortest_s)
        tracks.append(
            TrackTimeline(table.sources[number], track, table.emotions, times, durations, probabilities, unsure, spans)
        )
    return VideoTimeline(
        source=table.sources[number],
        emotions=table.emotions,
        start_s=float(frames[0]),
        end_s=float(frames[-1]) + step,
        frames=len(frames),
        step_s=step,
        untracked=int((table.seen[rows] & (table.track[rows] < 0)).sum()),
        tracks=tuple(tracks),
    )


def _photo(video: VideoTimeline) -> bool:
    return not video.tracks and (video.untracked > 0 or video.frames == 1)


def _grouped(keys: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> dict[int, npt.NDArray[np.int64]]:
    """Key -> its rows, in their order."""
    order = keys.argsort(kind="stable")
    found, starts = np.unique(keys[order], return_index=True)
    return dict(zip(found.tolist(), np.split(rows[order], starts[1:])))
