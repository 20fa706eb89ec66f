"""``mien timeline relink``: suggest which tracks are one person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options as opt


def relink(
    table: opt.VideoTable,
    *,
    video: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The video. Default: as in the table.", dir_okay=False)
    ] = None,
    max_gap: Annotated[
        str, typer.Option(metavar="TIME", help="Longest time out of sight between two tracks of a person.")
    ] = "30s",
    out: Annotated[
        Path | None,
        opt.option(opt.OUTPUT, "Mapping to write. Default: TABLE-people.csv.", metavar="FILE", dir_okay=False),
    ] = None,
    overwrite: opt.Overwrite = False,
) -> None:
    """Suggest which tracks are one person, by clothes and place.

    Faces are not compared. Writes a mapping, to be checked and edited before 'mien timeline join' applies it.

    Examples:
      mien timeline relink clip.csv --out people.csv
      mien timeline join clip.csv --mapping people.csv
    """
    from ..coding.relinking import suggest_links, write_mapping
    from ..io.atomic import check_ending, check_new
    from ..report import count, decimal, seconds
    from .output import notes_console, progress_bar

    path = out or table.with_name(f"{table.stem}-people.csv")
    check_ending(path, (".csv",))
    check_new(path, overwrite=overwrite)
    with progress_bar(notes_console(), "looking at clothes") as progress:
        links = suggest_links(table, video, max_gap_s=opt.seconds(max_gap, "--max-gap"), progress=progress)
    for link in links:
        apart = f"{seconds(link.gap_s)} apart, likeness {decimal(link.likeness)}"
        typer.echo(f"{link.first} and {link.second}: {apart}")
    typer.echo(count(len(links), "link"))
    if links:
        write_mapping(links, path)
        typer.echo(f"written: {path}; check it, then: mien timeline join {table} --mapping {path}", err=True)
