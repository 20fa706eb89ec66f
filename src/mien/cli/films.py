"""Read films into every output asked for; what is read is kept each second, so that nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rich.progress import Progress

from ..draw.overlay import mark
from ..filming import film_follower, film_reader, follow_film
from ..follow.people import Follower
from ..overlap import worker_count
from ..sinks.film import FilmWriter, film_writer
from ..sinks.followed import kept_rows, restored
from ..sinks.rows import Row
from ..sources.film import Film
from ..values.clock import clock
from ..values.frame import Frame
from ..values.options import ReadOptions
from ..values.reading import Reading
from .collecting import Collector
from .film_table import FilmSummary

#: The journal is written this often, in seconds of work.
_KEPT_EACH_S = 1.0


class FilmRun:
    """Reads films, one after another.

    Args:
        options: how to read.
        every_s: a frame each so many seconds; 0 takes every frame.
        marked: gives the path of a film's marked copy, or None.
        collector: takes the rows.
        progress: where a bar is shown.
    """

    def __init__(
        self,
        options: ReadOptions,
        every_s: float,
        marked: Callable[[Path], Path | None],
        collector: Collector,
        progress: Progress,
    ) -> None:
        self._options, self._every_s, self._marked = options, every_s, marked
        self._collector, self._progress = collector, progress

    def read(self, path: Path) -> FilmSummary:
        """Read a film, or the rest of it where an earlier run has read its beginning.

        Raises:
            SourceError: it cannot be read at all.
            OutputError: a result cannot be written.
            MissingExtraError: the extra ``video`` is not installed.
        """
        film = Film(path, every_s=self._every_s, max_megapixels=self._options.max_megapixels)
        reader, follower = film_reader(film, self._options), film_follower(film)
        summary = FilmSummary(film, 1 / film.sampled_rate)
        task = self._progress.add_task(path.name, total=film.facts.duration_s, position="")
        problem = self._collector.note(path)
        with ExitStack() as stack:
            target = self._marked(path)
            marked = stack.enter_context(film_writer(target, sound_from=path)) if target else None
            after = self._go_on(film, path, follower, summary, marked)
            kept = stack.enter_context(_Kept(self._collector, film, problem))
            started, before = time.monotonic(), summary.frames
            for frame, readings in follow_film(film, reader, follower, worker_count(self._options.threads), after):
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
        self, film: Film, path: Path, follower: Follower, summary: FilmSummary, marked: FilmWriter | None
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

    def __init__(self, collector: Collector, film: Film, problem: str) -> None:
        self._collector, self._film, self._problem = collector, film, problem
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
            note = _joined(self._problem, self._film.stopped)
            self._collector.add(self._film.name, rows, part=int(str(rows[0]["frame"])), note=note)
        self._written = time.monotonic()


def _joined(before: str, now: str) -> str:
    """What an earlier run and this one have found wrong, each said once."""
    return before if now in before else f"{before}; {now}" if before else now
