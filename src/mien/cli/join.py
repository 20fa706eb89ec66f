"""``mien timeline join``: join, split and name the tracks of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options as opt


def join(
    table: opt.VideoTable,
    tracks: Annotated[
        list[str] | None, typer.Argument(metavar="TRACKS...", help="Tracks of a person: 3+7+9, or 3+7+9=P01.")
    ] = None,
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the person, for tracks without one.")] = "",
    mapping: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Columns track_id, person; optional: start, end, source. Splits tracks."),
    ] = None,
    out: Annotated[
        Path | None,
        opt.option(opt.OUTPUT, "Write this table. Default: TABLE-named.", metavar="FILE", dir_okay=False),
    ] = None,
    overwrite: opt.Overwrite = False,
) -> None:
    """Join tracks of one person, split tracks, and name people.

    Timelines, spans and studies then show the names. Rows of other tracks stay as they are.

    Examples:
      mien timeline join clip.csv 3+7+9 --name P01
      mien timeline join clip.csv 3+7+9=P01 1+4=P02 --out named.csv
      mien timeline join clip.csv --mapping people.csv
    """
    from ..coding.tracks import join_tracks, parse_tracks, read_mapping
    from ..io.atomic import check_new

    parts = [part for text in tracks or () for part in parse_tracks(text, name)]
    parts += read_mapping(mapping) if mapping else ()
    path = out or table.with_name(f"{table.stem}-named{table.suffix}")
    check_new(path, overwrite=overwrite)
    result = join_tracks(table, parts, path)
    for person, numbers in result.people.items():
        typer.echo(f"{person}: {'+'.join(map(str, numbers))}")
    typer.echo(f"written: {path}, {result.rows:,} rows with a name", err=True)
