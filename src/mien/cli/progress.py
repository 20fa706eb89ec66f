"""A progress bar on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from .. import progress


@contextmanager
def progress_bar(notes: Console, description: str = "", *, disable: bool = False) -> Iterator[progress.Progress]:
    """Show a bar on ``notes`` while the context lasts; on a terminal only.

    Args:
        notes: the console of standard error.
        description: shown before the bar until a call gives a note.
        disable: show nothing.
    """
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
