"""The video half of ``mien read``: ``process_video`` with the outputs of a run that reads many sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import Progress

from ..io.rows import Row
from ..io.video_sinks import OpenSink, RowSink, SinkContext, VideoFile, VideoSink
from ..options import ReadOptions
from ..redaction import Privacy
from ..video import VideoResult, process_video
from .collecting import Collector


class VideoRun:
    """Reads videos, one after another.

    Args:
        options: how to read.
        interval_s: sample one frame per interval; 0 takes every frame.
        annotated: gives the path of a video's annotated copy, or None.
        collector: takes the rows.
        progress: where a bar is shown.
        privacy: who may be seen.
    """

    def __init__(
        self,
        options: ReadOptions,
        interval_s: float,
        annotated: Callable[[Path], Path | None],
        collector: Collector,
        progress: Progress,
        privacy: Privacy,
    ) -> None:
        self._options, self._interval_s, self._annotated = options, interval_s, annotated
        self._collector, self._progress, self._privacy = collector, progress, privacy

    def read(self, path: Path) -> VideoResult:
        """Read a video, or the rest of it where an earlier run has read its beginning.

        Raises:
            SourceError: it cannot be read at all.
            OutputError: a result cannot be written.
            MissingExtraError: the extra ``video`` is not installed.
        """
        target = self._annotated(path)
        sinks: list[VideoSink] = [CollectorSink(self._collector, path)]
        if target:
            sinks.append(VideoFile(target, overwrite=True))  # ``AnnotatedCopies`` has checked what is there
        task = self._progress.add_task(path.name, total=None, position="")
        try:
            return process_video(
                path,
                self._options,
                sinks=sinks,
                redact=self._privacy,
                resume=True,
                interval_s=self._interval_s,
                progress=lambda done, total, note="": self._progress.update(
                    task, completed=done, total=total, position=note
                ),
                keep_rows=False,
            )
        finally:
            self._progress.remove_task(task)


class CollectorSink(RowSink):
    """Hands the rows of a video to the run's collector, and gives back those that an earlier run has kept."""

    def __init__(self, collector: Collector, path: Path) -> None:
        self._collector, self._path = collector, path

    @contextmanager
    def open(self, context: SinkContext) -> Iterator[OpenSink]:
        """Keep the rows; at the end the video is marked as done."""
        before = tuple(self._collector.note(self._path).splitlines())

        def note() -> str:
            return "\n".join(dict.fromkeys((*before, *(context.video.problems if context.video else ()))))

        def keep(batch: list[Row]) -> None:
            self._collector.add(self._path, batch, part=int(str(batch[0]["frame"])), note=note())

        if context.redacted and self._collector.is_done(self._path):  # only the annotated copy is missing
            yield OpenSink(lambda _frame, _readings: None)
            return
        with self.batches(context, keep) as write:
            yield OpenSink(write, () if context.redacted else self._collector.parts(self._path), before)
        self._collector.add(self._path, [], note=note())
