"""Read many images and videos into one table, with annotated copies; an interrupted run can be resumed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from .drawing import annotate as draw
from .errors import MissingExtraError, OptionError, SourceError
from .io.annotated_copies import AnnotatedCopies
from .io.discovery import IMAGE_EXTENSIONS, find_images
from .io.journal import Journal, Mode
from .io.limits import DECODE_S
from .io.tables import ListSeparator, Row, check_format, columns, rows
from .io.video import VIDEO_EXTENSIONS, Video, is_video
from .io.video_sinks import JournalSink, VideoFile
from .options import ReadOptions
from .progress import Progress, no_progress
from .reader import Reader, read_images, worker_count
from .redaction import PhotoMasker, Privacy, masking_options
from .types import Reading
from .video import VideoResult, process_video, read_settings


@dataclass(frozen=True)
class Failure:
    """A source that could not be read completely: its path, pattern or folder as given, the reason, and a hint."""

    source: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class BatchResult:
    """The result of ``read_files``.

    Attributes:
        images, faces: number of images read in this run, and of faces in them.
        failures: what could not be read, in this run and in those that it resumed.
        already_complete: ``mode="resume"`` found a complete table, and nothing was read.
    """

    images: int = 0
    faces: int = 0
    videos: tuple[VideoResult, ...] = ()
    failures: tuple[Failure, ...] = ()
    already_complete: bool = False


def read_files(
    sources: str | Path | Sequence[str | Path],
    options: ReadOptions | None = None,
    *,
    out: str | Path | None = None,
    mode: Mode = "new",
    excel: ListSeparator | None = None,
    annotate: str | Path | None = None,
    redact: Privacy | None = None,
    recursive: bool = False,
    interval_s: float = 0.0,
    timeout_s: float | None = None,
    on_image: Callable[[str, Sequence[Reading]], object] | None = None,
    on_rows: Callable[[Sequence[Row]], object] | None = None,
    progress: Progress = no_progress,
) -> BatchResult:
    """Read images and videos, and write a table and annotated copies. Unreadable files are skipped.

    ::

        result = mien.read_files("holiday", out="faces.csv", mode="resume")
        print(result.images, result.failures)

    Args:
        sources: files, folders and patterns.
        options: how to read.
        out: a table with one row per face: ``.csv``, ``.tsv``, ``.xlsx``, ``.jsonl`` or ``.parquet``. It is named
            ``<out>.partial`` until it is complete.
        mode: ``new``, ``overwrite`` or ``resume`` a run with the same ``out``; see ``Journal.open``.
        excel: write ``out``, a ``.csv``, for Excel, with a byte order mark: ``","``, or ``";"`` with decimal commas.
        annotate: a folder for annotated copies; for one video, the name of its copy.
        redact: mask people, and keep no reading of them.
        recursive: include sub-folders.
        interval_s: in videos, sample one frame per interval, in seconds; 0 reads every frame.
        timeout_s: stop decoding an image, or reading a video, after this time in seconds; it becomes one of the
            ``failures``, and rows read so far are kept. None gives up on an image after 60, on a video never.
        on_image: called with the name of each image and its readings.
        on_rows: called with new rows, and first with those of the resumed run.
        progress: called with the number of images done, and in each video of frames done.

    Raises:
        SourceError: there is nothing to read; or the only source, a video, cannot be read.
        OptionError: options contradict each other, or differ from those of the run to resume.
        OutputError: a result cannot be written.
        MissingExtraError: a format needs a package that is not installed.
    """
    options, redact = options or ReadOptions(), redact or Privacy()
    out, annotate = Path(out) if out else None, Path(annotate) if annotate else None
    redact.refuse_images({"--annotate": annotate})
    if out:
        check_format(out, excel=excel)  # before the images, which may take hours
    paths, failures = _find([sources] if isinstance(sources, (str, Path)) else sources, recursive)
    kinds = [(path, is_video(path)) for path in paths]  # opens each file
    images, videos = ([path for path, moving in kinds if moving == wanted] for wanted in (False, True))
    if redact.show_people and len(videos) != 1:
        message = f"show_people: got person {redact.show_people[0]} and {len(videos)} videos, expected one video"
        hint = "Read one video at a time; in images the widest face stays visible."
        raise OptionError(message, hint=hint, field="show_people", value=redact.show_people)
    copies = AnnotatedCopies(annotate, paths, replace=mode != "new")
    workers = worker_count(options.threads) if len(paths) > 1 else 1
    reading = masking_options(options) if redact.mask_others else options
    reader = Reader(reading)
    names = columns(reader.emotions, video=bool(videos))
    settings = read_settings(options, reader, interval_s, redact)
    with Journal.open(out, names, settings, mode, excel=excel) if out else nullcontext() as journal:
        if journal and journal.finished:
            return BatchResult(failures=tuple(failures), already_complete=True)
        run = _Run(reader, workers, options, redact, copies, journal, names, on_rows, progress, failures, timeout_s)
        run.show([row for _, kept, _ in journal.entries() for row in kept] if journal else ())
        run.images(images, bool(videos), on_image)
        for path in videos:
            run.video(path, interval_s, alone=len(paths) == 1)
        return BatchResult(run.n_images, run.n_faces, tuple(run.results), tuple(failures))


@dataclass
class _Run:
    """One run of ``read_files`` after its checks."""

    reader: Reader
    workers: int
    options: ReadOptions
    redact: Privacy
    copies: AnnotatedCopies
    journal: Journal | None
    names: tuple[str, ...]
    on_rows: Callable[[Sequence[Row]], object] | None
    progress: Progress
    failures: list[Failure]
    timeout_s: float | None
    n_images: int = 0
    n_faces: int = 0
    results: list[VideoResult] = field(default_factory=list)

    def show(self, added: Sequence[Row]) -> None:
        """Pass rows on to the caller."""
        if self.on_rows and added:
            self.on_rows([{name: row[name] for name in self.names} for row in added])

    def images(
        self, paths: Sequence[Path], has_videos: bool, on_image: Callable[[str, Sequence[Reading]], object] | None
    ) -> None:
        """Read every image that no earlier run has read."""
        masker = PhotoMasker(self.options) if self.redact.mask_others else None
        left = [path for path in paths if not self._is_done(path)]
        before, failed = len(paths) - len(left), len(self.failures)
        # Only the message of an error is kept: the error itself would keep the image in memory
        limit = self.options.max_megapixels
        frames = read_images(
            left,
            lambda path, error: self._fail(path, str(error), hint=error.hint),
            max_megapixels=limit,
            timeout_s=DECODE_S if self.timeout_s is None else self.timeout_s,
            reduced=self.reader.reduces and masker is None and self.copies.folder is None,
        )
        for seen, found in self.reader.read_frames(frames, self.workers):
            frame, readings = masker.mask(seen, found) if masker else (seen, found)
            if self.copies.place(frame.name):
                self.copies.write(frame.name, draw(frame, readings))
            added = rows(frame, readings, self.reader.emotions, video=has_videos)
            if self.journal:
                self.journal.write([(_key(frame.name), added)])
            self.show(added)
            self.n_images += 1
            self.n_faces += len(readings)
            if on_image:
                on_image(frame.name, readings)
            self.progress(before + self.n_images + len(self.failures) - failed, len(paths), "images")

    def video(self, path: Path, interval_s: float, *, alone: bool) -> None:
        """Read a video, or what an earlier run has left of it; raise its error if it is the only source."""
        table = JournalSink(self.journal, _key(path), self.show)
        if self._is_done(path) and not self.copies.lacks(path):
            self._fail(path, *table.problems())
            return
        target = self.copies.place(path)
        try:
            limit = self.options.max_megapixels
            video = Video(path, interval_s=interval_s, max_megapixels=limit, timeout_s=self.timeout_s)
            result = process_video(
                video,
                self.options,
                sinks=[table, VideoFile(target, overwrite=True)] if target else [table],  # the target was checked
                redact=self.redact,
                resume=True,
                progress=lambda done, total, note="": self.progress(done, total, f"{path.name} {note}"),
                keep_rows=False,
            )
        except (SourceError, MissingExtraError) as error:
            if alone:
                raise
            self._fail(path, str(error) if isinstance(error, SourceError) else f"{path}: {error}", hint=error.hint)
            return
        self.results.append(result)
        self._fail(path, *result.problems)

    def _is_done(self, path: Path) -> bool:
        return self.journal is not None and _key(path) in self.journal.done

    def _fail(self, path: object, *problems: str, hint: str = "") -> None:
        self.failures += [Failure(str(path), problem, hint) for problem in problems]


def _find(sources: Sequence[str | Path], recursive: bool) -> tuple[list[Path], list[Failure]]:
    """Find what there is to read and which sources cannot be read; raise only if there is nothing to read."""
    found: dict[str, Path] = {}
    errors: list[tuple[str, SourceError]] = []
    for source in sources:
        try:
            paths = find_images([source], recursive=recursive, extensions=(*IMAGE_EXTENSIONS, *VIDEO_EXTENSIONS))
        except SourceError as error:
            errors.append((str(source), error))
            continue
        for path in paths:
            if path.suffix.lower() != ".ts" or is_video(path) or Path(source) == path:  # else a program in a folder
                found.setdefault(_key(path), path)
    if not found:
        raise errors[0][1] if errors else OptionError("sources: got none, expected at least one")
    return list(found.values()), [Failure(source, str(error), error.hint) for source, error in errors]


def _key(path: Path | str) -> str:
    """Identify a source, however its path was typed."""
    return os.path.abspath(path)  # noqa: PTH100 - resolve() would take a link and its target for one source
