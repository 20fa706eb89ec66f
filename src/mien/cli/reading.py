"""The run behind ``mien read``: images and videos through the reader into every output, with nothing lost on the way."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from .. import __version__
from ..concurrency import worker_count
from ..errors import MissingExtraError, OptionError, SourceError
from ..io.discovery import IMAGE_EXTENSIONS, find_images
from ..io.journal import Journal, partial_path
from ..io.rows import columns
from ..io.tables import JsonArray, check_format
from ..io.video import VIDEO_EXTENSIONS, is_video
from ..options import ReadOptions
from ..reader import Reader
from ..redaction import PhotoHider, Privacy, hiding_options
from .collecting import Collector, Outputs, key
from .copies import MarkedCopies
from .hidden_videos import HiddenVideoRun
from .images import ImageRun
from .preview import preview
from .table import ReadingTable
from .video_table import VideoSummary
from .videos import VideoRun


def run(
    sources: Sequence[str], options: ReadOptions, outputs: Outputs, *, recursive: bool, interval_s: float = 0.0
) -> list[str]:
    """Read images and videos, write and show what was asked for.

    Args:
        sources: files, folders and patterns.
        options: how to read.
        outputs: where the readings go.
        recursive: take sub-folders too.
        interval_s: of videos, read a frame each so many seconds; 0 reads every frame.

    Returns:
        What could not be read, in words; already shown.

    Raises:
        MienError: something that concerns the whole run and not one image.
    """
    if outputs.out:
        check_format(outputs.out)  # before the images, which may take hours
    paths, missing = _find(sources, recursive)
    _check_keep(outputs.privacy, paths)
    looking = hiding_options(options) if outputs.privacy.mask_others else options
    copies = MarkedCopies(outputs.annotate, paths, replace=outputs.mode != "new")
    # Several images at once, each on one thread, are read faster than one after the other on all threads.
    at_once = worker_count(options.threads) if len(paths) > 1 else 1
    reader = Reader(replace(looking, threads=1) if at_once > 1 else looking)
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    work = _Run(reader, at_once, options, copies, paths, outputs.privacy)
    try:
        with ExitStack() as stack:
            journal = _journal(stack, reader, options, outputs, interval_s, work.has_videos)
            table_columns = columns(reader.emotions, video=work.has_videos)
            array = stack.enter_context(JsonArray(sys.stdout, table_columns)) if outputs.as_json else None
            if journal and journal.finished:
                notes.print(f"{outputs.out} is there and no run of it is unfinished: nothing to resume", markup=False)
                notes.print("--overwrite reads everything anew")
                return missing
            collector = Collector(reader.emotions, work.has_videos, journal, array)
            work.go(collector, interval_s, stack.enter_context(_progress(notes)))
    except KeyboardInterrupt:
        if outputs.out and partial_path(outputs.out).exists():
            anew = (
                " A video with covered people begins anew." if outputs.privacy.mask_others and work.has_videos else ""
            )
            notes.print(f"What was read is kept: add --resume to go on with {outputs.out}.{anew}", markup=False)
        else:
            notes.print("Interrupted. With --out FILE, what was read would have been kept for --resume.")
        raise
    work.show(outputs, notes)
    failures = [*missing, *work.failures]
    if failures:
        notes.print(f"{len(failures)} could not be read, or not wholly:", style="bold red")
        for failure in failures:
            notes.print(f"  {failure}", markup=False)
    return failures


class _Run:
    """The images and videos of one run."""

    def __init__(
        self,
        reader: Reader,
        at_once: int,
        options: ReadOptions,
        copies: MarkedCopies,
        paths: Sequence[Path],
        privacy: Privacy,
    ) -> None:
        self.failures: list[str] = []
        self._reader, self._at_once, self._options, self._copies = reader, at_once, options, copies
        self._images = [path for path in paths if not is_video(path)]
        self._videos = [path for path in paths if is_video(path)]
        self.has_videos = bool(self._videos)
        self._privacy = privacy
        self._table = ReadingTable(Console())
        self._summaries: list[VideoSummary] = []
        self._of_images: ImageRun | None = None

    def go(self, collector: Collector, interval_s: float, progress: Progress) -> None:
        """Read everything that no earlier run has read."""
        if self._images:
            self._of_images = ImageRun(
                self._reader,
                self._at_once,
                self._options.max_megapixels,
                collector,
                self._copies.stills,
                self._table,
                self._copies.short,
                PhotoHider(self._options) if self._privacy.mask_others else None,
            )
            self._of_images.read(self._images, progress)
            self.failures += self._of_images.failures
        videos: VideoRun | HiddenVideoRun = VideoRun(self._options, interval_s, self._copies.video, collector, progress)
        if self._privacy.mask_others:
            videos = HiddenVideoRun(
                self._options, interval_s, self._copies.video, collector, progress, self._privacy.keep
            )
        for path in self._videos:
            if collector.is_done(path) and not self._copies.lacks(path):
                self.failures += [note] if (note := collector.note(path)) else []
                continue
            try:
                summary = videos.read(path)
            except (SourceError, MissingExtraError) as error:
                if len(self._videos) + len(self._images) == 1:
                    raise
                self.failures.append(f"{path}: {error}" if isinstance(error, MissingExtraError) else str(error))
                continue
            self._summaries.append(summary)
            if summary.problem:
                self.failures.append(summary.problem)

    def show(self, outputs: Outputs, notes: Console) -> None:
        """Show what was read, unless it went to standard output already, and say where it was written."""
        if not outputs.as_json:
            console = Console()
            last = self._of_images.last if self._of_images else None
            colored = console.color_system in ("256", "truecolor") and not self._privacy.no_image_output
            if colored and self._table.images == 1 and last and not self._videos:
                console.print(preview(*last, width=min(console.width, 64), lines=max(8, console.height - 8)))
            if self._table.images:
                console.print(self._table.table())
                console.print(self._table.summary(), style="dim", highlight=False)
            for summary in self._summaries:
                console.print(summary.shown(self._copies.short(summary.video.name)))
        for place in (outputs.out, outputs.annotate):
            if place and (self._table.images or self._summaries):
                notes.print(f"written: {place}", markup=False)


def _check_keep(privacy: Privacy, paths: Sequence[Path]) -> None:
    if privacy.keep and sum(map(is_video, paths)) != 1:
        raise OptionError(
            f"--keep {privacy.keep[0]} names a person of one video: got {sum(map(is_video, paths))} videos",
            hint="Read one video at a time; in photos the widest face stays visible.",
        )


def _find(sources: Sequence[str], recursive: bool) -> tuple[list[Path], list[str]]:
    """What there is to read, and in words which sources are not; an error only where there is nothing to read at all."""
    found: list[Path] = []
    errors: list[SourceError] = []
    for source in sources:
        try:
            found += find_images([source], recursive=recursive, extensions=(*IMAGE_EXTENSIONS, *VIDEO_EXTENSIONS))
        except SourceError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return list({key(path): path for path in reversed(found)}.values())[::-1], [str(error) for error in errors]


def _journal(
    stack: ExitStack, reader: Reader, options: ReadOptions, outputs: Outputs, interval_s: float, has_videos: bool
) -> Journal | None:
    if outputs.out is None:
        return None
    # What the rows depend on; how many threads were used changes none of them.
    settings = {name: value for name, value in asdict(options).items() if name not in {"threads", "model"}}
    settings |= {"model": reader.card.sha256, "version": __version__, "detector_file": str(options.detector_file)}
    settings |= {"interval_s": interval_s}
    if outputs.privacy.mask_others:
        settings |= {"mask_others": True, "keep": sorted(outputs.privacy.keep)}
    names = columns(reader.emotions, video=has_videos)
    return stack.enter_context(Journal.open(outputs.out, names, settings, outputs.mode))


def _progress(console: Console) -> Progress:
    shape = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[position]}"),
        TimeRemainingColumn(),
    )
    return Progress(*shape, console=console, transient=True, disable=not console.is_terminal)
