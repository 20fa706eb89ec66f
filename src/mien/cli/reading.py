"""The run behind ``mien read``: pictures through the reader into every output asked for, with nothing lost on the way."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .. import __version__
from ..draw.overlay import mark
from ..errors import OutputError, SourceError
from ..reader import Reader
from ..sinks.journal import Journal, Mode, partial_path
from ..sinks.json_lines import json_array
from ..sinks.rows import Row, columns, rows
from ..sinks.stills import StillWriter
from ..sinks.tables import check_format
from ..sources.finding import find_pictures
from ..sources.still import read_still
from ..values.frame import Frame
from ..values.options import ReadOptions
from ..values.reading import Reading
from .preview import preview
from .table import ReadingTable


@dataclass(frozen=True)
class Outputs:
    """Where the readings go.

    Attributes:
        as_json: a JSON array to standard output, in place of the table.
        out: a table file, or None.
        annotate: a folder for marked copies, or None.
        mode: what to do about an earlier run with the same ``out``.
    """

    as_json: bool
    out: Path | None
    annotate: Path | None
    mode: Mode


class _Run:
    """Keeps what is collected while the pictures go by."""

    def __init__(self, reader: Reader, options: ReadOptions, outputs: Outputs, paths: Sequence[Path]) -> None:
        self.failures: list[str] = []
        self.table = ReadingTable(Console())
        self.json_rows: list[Row] = []
        self.last: tuple[Frame, list[Reading]] | None = None
        self._reader, self._options, self._outputs, self._paths = reader, options, outputs, paths
        self._root = _common_folder(paths)
        if outputs.annotate:
            _check_apart(outputs.annotate, paths)
        self._stills = StillWriter(outputs.annotate, self._root) if outputs.annotate else None

    def go(self, journal: Journal | None, progress: Progress) -> None:
        """Read every picture that the journal does not hold yet."""
        left = [path for path in self._paths if journal is None or _key(path) not in journal.done]
        if journal and self._outputs.as_json:
            self.json_rows += journal.rows()
        task = progress.add_task("reading", total=len(self._paths), completed=len(self._paths) - len(left))
        for frame, readings in self._reader.read_frames(self._frames(left, progress)):
            if self._stills:
                self._stills.write(frame.name, mark(frame, readings))
            made = rows(frame, readings, self._reader.emotions)
            if journal:
                journal.write([(_key(frame.name), made)])
            if self._outputs.as_json:
                self.json_rows += made
            self.table.add(_short(frame.name, self._root), readings)
            self.last = frame, readings
            progress.advance(task)

    def _frames(self, paths: Sequence[Path], progress: Progress) -> Iterator[Frame]:
        for path in paths:
            try:
                yield read_still(path, max_megapixels=self._options.max_megapixels)
            except SourceError as error:
                self.failures.append(str(error))  # only its words: the error holds on to the half-read picture
                progress.advance(progress.task_ids[0])


def run(sources: Sequence[str], options: ReadOptions, outputs: Outputs, *, recursive: bool) -> list[str]:
    """Read pictures, write and show what was asked for.

    Args:
        sources: files, folders and patterns.
        options: how to read.
        outputs: where the readings go.
        recursive: take sub-folders too.

    Returns:
        What could not be read, in words; already shown.

    Raises:
        MienError: something that concerns the whole run and not one picture.
    """
    if outputs.out:
        check_format(outputs.out)  # before the pictures, which may take hours
    paths, missing = _find(sources, recursive)
    reader = Reader(options)
    work = _Run(reader, options, outputs, paths)
    work.failures += missing
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        with ExitStack() as stack:
            journal = _journal(stack, reader, options, outputs)
            if journal and journal.finished:
                notes.print(f"{outputs.out} is there and no run of it is unfinished: nothing to resume", markup=False)
                notes.print("--overwrite reads everything anew")
            else:
                work.go(journal, stack.enter_context(_progress(notes)))
    except KeyboardInterrupt:
        if outputs.out and partial_path(outputs.out).exists():
            notes.print(f"What was read is kept: add --resume to go on with {outputs.out}", markup=False)
        else:
            notes.print("Interrupted. With --out FILE, what was read would have been kept for --resume.")
        raise
    _show(work, outputs, notes)
    return work.failures


def _find(sources: Sequence[str], recursive: bool) -> tuple[list[Path], list[str]]:
    """The pictures, and in words which sources are none; an error only where there is nothing to read at all."""
    found: list[Path] = []
    errors: list[SourceError] = []
    for source in sources:
        try:
            found += find_pictures([source], recursive=recursive)
        except SourceError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return list({_key(path): path for path in reversed(found)}.values())[::-1], [str(error) for error in errors]


def _journal(stack: ExitStack, reader: Reader, options: ReadOptions, outputs: Outputs) -> Journal | None:
    if outputs.out is None:
        return None
    # What the rows depend on; how many threads were used changes none of them.
    settings = {name: value for name, value in asdict(options).items() if name not in {"threads", "model"}}
    settings |= {"model": reader.card.sha256, "version": __version__, "detector_file": str(options.detector_file)}
    return stack.enter_context(Journal.open(outputs.out, columns(reader.emotions), settings, outputs.mode))


def _show(work: _Run, outputs: Outputs, notes: Console) -> None:
    if outputs.as_json:
        sys.stdout.write(json_array(work.json_rows) + "\n")
    elif work.table.pictures:
        console = Console()
        if console.color_system in ("256", "truecolor") and work.table.pictures == 1 and work.last:
            console.print(preview(*work.last, width=min(console.width, 64), lines=max(8, console.height - 8)))
        console.print(work.table.table())
        console.print(work.table.summary(), style="dim", highlight=False)
        for place in (outputs.out, outputs.annotate):
            if place:
                notes.print(f"written: {place}", markup=False)
    if work.failures:
        notes.print(f"{len(work.failures)} could not be read:", style="bold red")
        for failure in work.failures:
            notes.print(f"  {failure}", markup=False)


def _progress(console: Console) -> Progress:
    shape = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*shape, console=console, transient=True, disable=not console.is_terminal)


def _key(path: Path | str) -> str:
    """What a picture is known by in the journal, however its path was typed."""
    return os.path.abspath(path)  # noqa: PTH100  # resolve() would take a link and what it points to for one picture


def _common_folder(paths: Sequence[Path]) -> Path:
    try:
        return Path(os.path.commonpath([path.absolute().parent for path in paths]))
    except ValueError:  # on two drives
        return Path.cwd()


def _short(name: str, root: Path) -> str:
    try:
        return os.path.relpath(name, root)
    except ValueError:  # on another drive
        return name


def _check_apart(annotate: Path, paths: Sequence[Path]) -> None:
    """Marked copies mirror the folders of their sources, so above or beside the sources they could replace originals."""
    for path in paths:
        if path.absolute().is_relative_to(annotate.absolute()):
            raise OutputError(
                f"--annotate {annotate} holds pictures to be read, such as {path}: marked copies could replace originals",
                hint="Give a folder of its own, such as --annotate marked.",
            )
