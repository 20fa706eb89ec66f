"""Read videos into every output asked for; what is read is kept each second, so that nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rich.progress import Progress

from ..clock import clock
from ..concurrency import worker_count
from ..drawing import mark
from ..io.annotated_video import VideoWriter, video_writer
from ..io.rows import Row
from ..io.track_rows import kept_rows, restored
from ..io.video import Video
from ..options import ReadOptions
from ..tracking.tracker import Tracker
from ..types import Frame, Reading
from ..video import follow_video, video_reader, video_tracker
from .collecting import Collector
from .video_table import VideoSummary

#: The journal is written this often, in seconds of work.
_KEPT_EACH_S = 1.0


class VideoRun:
    """Reads videos, one after another.

    Args:
        options: how to read.
        interval_s: a frame each so many seconds; 0 takes every frame.
        marked: gives the path of a video's marked copy, or None.
        collector: takes the rows.
        progress: where a bar is shown.
    """

    def __init__(
        self,
        options: ReadOptions,
        interval_s: float,
        marked: Callable[[Path], Path | None],
        collector: Collector,
        progress: Progress,
    ) -> None:
        self._options, self._every_s, self._marked = options, interval_s, marked
        self._collector, self._progress = collector, progress

    def read(self, path: Path) -> VideoSummary:
        """Read a video, or the rest of it where an earlier run has read its beginning.

        Raises:
            SourceError: it cannot be read at all.
            OutputError: a result cannot be written.
            MissingExtraError: the extra ``video`` is not installed.
        """
        film = Video(path, interval_s=self._every_s, max_megapixels=self._options.max_megapixels)
        reader, follower = video_reader(film, self._options), video_tracker(film)
        summary = VideoSummary(film, 1 / film.sampled_rate)
        task = self._progress.add_task(path.name, total=film.facts.duration_s, position="")
        problem = self._collector.note(path)
        with ExitStack() as stack:
            target = self._marked(path)
            marked = stack.enter_context(video_writer(target, sound_from=path)) if target else None
            after = self._go_on(film, path, follower, summary, marked)
            kept = stack.enter_context(_Kept(self._collector, film, problem))
            started, before = time.monotonic(), summary.frames
            for frame, readings in follow_video(film, reader, follower, worker_count(self._options.threads), after):
                kept.add(frame, readings)
                summary.add(frame.time_s, readings)
                if marked:
                    marked.write(mark(frame, readings), frame.time_s)
                rate = (summary.frames - before) / max(1e-3, time.monotonic() - started)
                position = f"{clock(frame.time_s, 1)}  {rate:.0f} frames/s"
                self._progress.update(task, completed=frame.time_s, position=position)
        self._progress.remove_task(task)
        summary.problem = _joined(problem, film.stopped)
        self._collector.add(path, [], note=summary.problem)
        return summary

    def _go_on(
        self, film: Video, path: Path, follower: Tracker, summary: VideoSummary, marked: VideoWriter | None
    ) -> tuple[int, float] | None:
        """Bring everything to where an earlier run has stopped; the number and time of the last frame that it kept."""
        before: tuple[int, float] | None = None
        last: tuple[int, float, list[Reading]] | None = None
        frames = film.frames() if marked else None
        for index, time_s, readings in restored(self._collector.parts(path), self._collector.emotions):
            if last:
                follower.replay(last[1], last[2])
                before = last[0], last[1]
            last = index, time_s, readings
            summary.add(time_s, readings)
            frame = next(frames, None) if frames else None
            if frame and marked:
                marked.write(mark(frame, readings), frame.time_s)
        if last is None:
            return None
        picture = next(film.frames(before), None)  # to see whether a cut follows it
        follower.replay(last[1], last[2], picture.image if picture else None)
        return last[0], last[1]


class _Kept:
    """Collects the rows of frames, and hands them on each second and at the end, be it an early one."""

    def __init__(self, collector: Collector, film: Video, problem: str) -> None:
        self._collector, self._video, self._problem = collector, film, problem
        self._rows: list[Row] = []
        self._written = time.monotonic()

    def add(self, frame: Frame, readings: list[Reading]) -> None:
        self._rows += kept_rows(frame, readings, self._collector.emotions)
        if time.monotonic() - self._written >= _KEPT_EACH_S:
            self._hand_on()

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._hand_on()

    def _hand_on(self) -> None:
        if self._rows:
            rows, self._rows = self._rows, []
            note = _joined(self._problem, self._video.stopped)
            self._collector.add(self._video.name, rows, part=int(str(rows[0]["frame"])), note=note)
        self._written = time.monotonic()


def _joined(before: str, now: str) -> str:
    """What an earlier run and this one have found wrong, each said once."""
    return before if now in before else f"{before}; {now}" if before else now
