"""Read images into every output asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.progress import Progress, TaskID

from ..drawing import annotate
from ..errors import SourceError
from ..io.annotated_images import StillWriter
from ..io.images import read_image
from ..io.rows import rows
from ..reader import Reader
from ..redaction import PhotoMasker
from ..types import Frame, Reading
from .collecting import Collector
from .table import ReadingTable


class ImageRun:
    """Reads images; one that cannot be read stops nothing.

    Args:
        reader: reads them.
        workers: images in which faces are looked for at the same time.
        max_megapixels: refuse images that unpack to more.
        collector: takes the rows.
        stills: writes marked copies, or None.
        table: takes what is shown at the end.
        short: a name for people to read.
        hider: covers the faces that nobody asked for, or None.

    Attributes:
        failures: what could not be read, in words.
        last: the last image and its readings.
    """

    def __init__(
        self,
        reader: Reader,
        workers: int,
        max_megapixels: float,
        collector: Collector,
        stills: StillWriter | None,
        table: ReadingTable,
        short: Callable[[str], str],
        hider: PhotoMasker | None = None,
    ) -> None:
        self.failures: list[str] = []
        self.last: tuple[Frame, list[Reading]] | None = None
        self._reader, self._workers, self._max_megapixels, self._collector = reader, workers, max_megapixels, collector
        self._stills, self._table, self._short, self._hider = stills, table, short, hider

    def read(self, paths: Sequence[Path], progress: Progress) -> None:
        """Read every image that no earlier run has read."""
        left = [path for path in paths if not self._collector.is_done(path)]
        done = len(paths) - len(left)
        task = progress.add_task("reading", total=len(paths), completed=done, position=f"{done}/{len(paths)}")
        for seen, found in self._reader.read_frames(self._frames(left, progress, task), self._workers):
            frame, readings = self._hider.mask(seen, found) if self._hider else (seen, found)
            if self._stills:
                self._stills.write(frame.name, annotate(frame, readings))
            made = rows(frame, readings, self._collector.emotions, video=self._collector.video)
            self._collector.add(frame.name, made)
            self._table.add(self._short(frame.name), readings)
            self.last = frame, readings
            _step(progress, task)

    def _frames(self, paths: Sequence[Path], progress: Progress, task: TaskID) -> Iterator[Frame]:
        for path in paths:
            try:
                yield read_image(path, max_megapixels=self._max_megapixels)
            except SourceError as error:
                self.failures.append(str(error))  # only its words: the error holds on to the half-read image
                _step(progress, task)


def _step(progress: Progress, task: TaskID) -> None:
    progress.advance(task)
    shown = progress.tasks[progress.task_ids.index(task)]
    progress.update(task, position=f"{shown.completed:.0f}/{shown.total:.0f}")
