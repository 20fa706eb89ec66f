"""Read videos of which one person may be seen: everybody is followed first, and the others are covered afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from rich.progress import Progress

from ..clock import clock
from ..concurrency import worker_count
from ..drawing import mark
from ..errors import SourceError
from ..io.annotated_video import video_writer
from ..io.rows import Row
from ..io.track_rows import kept_rows
from ..io.video import Video
from ..options import ReadOptions
from ..redaction import LEAST_MOVING_FACE, VideoHider, hiding_options
from ..types import Frame
from ..video import follow_video, video_reader, video_tracker
from .collecting import Collector
from .video_table import VideoSummary

_NO_IMAGE = np.zeros((1, 1, 3), np.uint8)


class HiddenVideoRun:
    """Reads videos, one after another; nothing of a video is kept before it is known who may be seen.

    So an interrupted video is read from its beginning again.

    Args:
        options: how to read.
        interval_s: a frame each so many seconds; 0 takes every frame.
        marked: gives the path of a video's marked copy, or None.
        collector: takes the rows.
        progress: where a bar is shown.
        keep: numbers of the people who may be seen; empty takes whoever is in sight the longest.
    """

    def __init__(
        self,
        options: ReadOptions,
        interval_s: float,
        marked: Callable[[Path], Path | None],
        collector: Collector,
        progress: Progress,
        keep: Sequence[int] = (),
    ) -> None:
        self._options, self._every_s, self._marked = options, interval_s, marked
        self._collector, self._progress, self._keep = collector, progress, keep

    def read(self, path: Path) -> VideoSummary:
        """Read a video.

        Raises:
            SourceError: it cannot be read at all.
            OutputError: a result cannot be written.
            MissingExtraError: the extra ``video`` is not installed.
        """
        film = Video(path, interval_s=self._every_s, max_megapixels=self._options.max_megapixels)
        hider = self._followed(film, path)
        kept = hider.chosen(self._keep)
        summary = VideoSummary(film, 1 / film.sampled_rate)
        rows: list[Row] = []
        for index, time_s, readings in hider.readings(kept):
            summary.add(time_s, readings)
            # Of a frame the rows know its name, number and time, not its image
            rows += kept_rows(Frame(_NO_IMAGE, film.name, index, time_s), readings, self._collector.emotions)
        target = self._marked(path)
        if target:
            self._write(film, path, target, hider, kept)
        summary.hidden = hider.hidden(kept)
        missing = sorted(set(self._keep) - set(hider.people()))
        unknown = f"{path}: --keep {missing[0]}: there is no such person among {_numbers(hider)}" if missing else ""
        summary.problem = "; ".join(part for part in (film.stopped, unknown) if part)
        if not self._collector.is_done(path):
            self._collector.add(path, rows, note=summary.problem)
        return summary

    def _followed(self, film: Video, path: Path) -> VideoHider:
        looking = hiding_options(self._options, moving=True)
        reader = video_reader(film, looking, LEAST_MOVING_FACE)
        hider = VideoHider(self._options, reader.emotions)
        task = self._progress.add_task(path.name, total=film.facts.duration_s, position="")
        for frame, readings in follow_video(film, reader, video_tracker(film), worker_count(self._options.threads)):
            hider.add(frame, readings)
            self._progress.update(task, completed=frame.time_s, position=clock(frame.time_s, 1))
        self._progress.remove_task(task)
        return hider

    def _write(self, film: Video, path: Path, target: Path, hider: VideoHider, kept: frozenset[int]) -> None:
        task = self._progress.add_task(target.name, total=film.facts.duration_s, position="")
        with video_writer(target, sound_from=path) as marked:
            for place, (frame, (index, _, readings)) in enumerate(zip(film.frames(), hider.readings(kept))):
                if frame.index != index:  # covers would lie beside the faces
                    raise SourceError(
                        f"{path} changed while it was read: got frame {frame.index}, expected {index}",
                        hint="Wait until nothing writes to it, and read it again.",
                    )
                marked.write(mark(hider.cover(place, frame, kept), readings), frame.time_s)
                self._progress.update(task, completed=frame.time_s, position=clock(frame.time_s, 1))
        self._progress.remove_task(task)


def _numbers(hider: VideoHider) -> str:
    return ", ".join(map(str, sorted(hider.people()))) or "nobody"
