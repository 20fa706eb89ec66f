"""``mien read --engine ray``."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from ..errors import OptionError
from ..io.journal import Mode
from ..options import ReadOptions
from .output import notes_console, resumable


def read_on_cluster(
    sources: Sequence[str],
    out: str | None,
    options: ReadOptions,
    *,
    mode: Mode,
    address: str | None,
    recursive: bool,
    interval_s: float,
    timeout_s: float | None,
) -> None:
    """Read on a Ray cluster with a progress bar, and print where the results are; exit code 3 if files were unreadable."""
    from ..scale import read_dataset

    if out is None:
        raise OptionError("--engine ray requires --out", hint="Add --out FOLDER.", field="out")
    notes = notes_console()
    with resumable(notes, "starting Ray", out) as progress:
        result = read_dataset(
            sources,
            out,
            options,
            mode=mode,
            address=address,
            workers=options.threads or None,
            recursive=recursive,
            interval_s=interval_s,
            timeout_s=timeout_s,
            progress=progress,
        )
    videos = f"{result.videos:,} videos, " if result.videos else ""
    typer.echo(f"{result.images:,} images, {videos}{result.faces:,} faces in {result.partitions:,} partitions")
    if result.resumed:
        notes.print(f"{result.resumed:,} partitions were complete", markup=False)
    notes.print(f"written: {result.out}/rows", markup=False)
    if result.errors:
        notes.print(f"{result.errors:,} files could not be read: {result.out}/errors", style="bold red", markup=False)
        raise typer.Exit(3)
