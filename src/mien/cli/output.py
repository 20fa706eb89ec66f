"""What commands show: a progress bar, a report, and the files written."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from .. import progress

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..io.tables import Row
    from ..report import Document


def notes_console() -> Console:
    """The console of standard error, for notes and progress: file names stay whole and without colors."""
    return Console(stderr=True, soft_wrap=True, highlight=False)


@contextmanager
def progress_bar(notes: Console, description: str = "", *, disable: bool = False) -> Iterator[progress.Progress]:
    """Show a bar on ``notes``, the console of standard error, while the context lasts; on a terminal only."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=notes, transient=True, disable=disable or not notes.is_terminal) as bar:
        task = bar.add_task(description, total=None)

        def report(done: int, total: int | None, note: str = "") -> None:
            bar.update(task, completed=done, total=total, description=note or None)

        yield report


@contextmanager
def resumable(notes: Console, description: str, out: Path | str) -> Iterator[progress.Progress]:
    """As ``progress_bar``; where the run is interrupted, say how to continue it."""
    try:
        with progress_bar(notes, description) as report:
            yield report
    except KeyboardInterrupt:
        notes.print(f"Interrupted. Add --resume to continue {out}.", markup=False)
        raise


def read_data(
    path: Path,
    size: int,
    color: str = "gray",
    *,
    manifest: Path | None = None,
    detect_faces: bool = False,
    label_names: str | None = None,
) -> Dataset:
    """Load a dataset with a progress bar, and print each image that is left out; ``label_names`` are joined by commas."""
    from ..data import load

    notes = notes_console()
    with progress_bar(notes, "reading data") as progress:
        return load(
            path,
            size,
            color=color,
            manifest=manifest,
            detect_faces=detect_faces,
            label_names=tuple(name.strip() for name in label_names.split(",")) if label_names else (),
            progress=progress,
            on_damaged=lambda _file, why: notes.print(f"left out: {why}", markup=False),  # why begins with the file
            notes=lambda text: notes.print(text, markup=False),
        )


def data_words(path: Path, manifest: Path | None, detect_faces: bool) -> str:
    """The options about data as the user gave them, for hints."""
    words = ["--data", str(path), *(["--manifest", str(manifest)] if manifest else [])]
    return shlex.join([*words, "--detect-faces"] if detect_faces else words)


def show_report(document: Document, written: Sequence[Path] = (), *, json: str = "", min_width: int = 0) -> None:
    """Print a report, or its JSON text if given, and name the files written on standard error.

    ``min_width`` is for wide tables: in a narrow terminal or a pipe, long lines are better than cut-off numbers.
    """
    if json:
        typer.echo(json, nl=False)
    else:
        console = Console(highlight=False)
        console = Console(highlight=False, width=max(console.width, min_width))
        console.print(document.to_terminal(console.width))
    for path in written:
        typer.echo(f"written: {path}", err=True)


class JsonArray:
    """Writes rows as one JSON array of ASCII, as they come; an error before any row leaves nothing written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._begun = stream, False

    def add(self, rows: Iterable[Row]) -> None:
        """Write rows."""
        for row in rows:
            line = json.dumps(row, allow_nan=False)
            self._stream.write(f"{',' if self._begun else '['}\n  {line}")
            self._begun = True

    def __enter__(self) -> JsonArray:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._begun:
            self._stream.write("\n]\n")
        elif kind is None:
            self._stream.write("[]\n")
