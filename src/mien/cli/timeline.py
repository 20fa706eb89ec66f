"""``mien timeline``: who expressed what, when, and how surely, from the table of a video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..timelines.timeline import Timeline

_OUTPUT = "Output"


def timeline(
    table: Annotated[
        Path,
        typer.Argument(metavar="TABLE", help="What 'mien read VIDEO --out TABLE' wrote: .csv, .jsonl or .parquet."),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html", dir_okay=False, help="Write a report: one HTML page.", rich_help_panel=_OUTPUT
        ),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Draw the probabilities over time: .png, .svg or .pdf.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    spans: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Write one row a span: .csv, or .tsv, which ELAN imports.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    srt: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.srt", dir_okay=False, help="Write subtitles for the video.", rich_help_panel=_OUTPUT
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, spans included, and nothing else.", rich_help_panel=_OUTPUT)
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that exist.", rich_help_panel=_OUTPUT)
    ] = False,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Take this video only, of a table that holds several.")
    ] = None,
    shortest: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0,
            max=3600,
            help="Shorter spans are flickers: they are given to their neighbors. 0 keeps all.",
        ),
    ] = 0.3,
) -> None:
    """Sum up a video: for each face how long it was seen, what it expressed when, and where that is unsure.

    [bold]Examples[/bold]

      mien read talk.mp4 --out talk.parquet
      mien timeline talk.parquet
      mien timeline talk.parquet --out talk.html --figure talk.png
      mien timeline talk.parquet --srt talk.srt --spans talk.tsv
    """
    from .. import timeline as summarize
    from ..extras import check_installed
    from ..io.atomic import write_atomically
    from ..timelines.exports import REPORT_FORMATS, SPAN_FORMATS, SUBTITLE_FORMATS
    from ..timelines.figure import FORMATS

    wanted = (
        ("--out", out, REPORT_FORMATS),
        ("--figure", figure, FORMATS),
        ("--spans", spans, SPAN_FORMATS),
        ("--srt", srt, SUBTITLE_FORMATS),
    )
    _check_outputs(table, wanted, overwrite=overwrite)
    check_installed([*(["jinja2"] if out else []), *(["matplotlib"] if figure else [])], "video")
    result = summarize(table, source=source, shortest_s=shortest)
    # All are made before any is written: a failure leaves nothing half done
    made = [(path, result.render(path)) for _, path, _ in wanted if path]
    for path, content in made:
        write_atomically(path, content)
    _show(result, as_json=as_json)
    for path, _ in made:
        typer.echo(f"written: {path}", err=True)


def _check_outputs(table: Path, wanted: Sequence[tuple[str, Path | None, tuple[str, ...]]], *, overwrite: bool) -> None:
    """Find what would go wrong before any work is done."""
    from ..errors import OptionError, OutputError

    taken = {table.resolve(): "the table itself"}
    for option, path, endings in wanted:
        if path is None:
            continue
        if path.suffix.lower() not in endings:
            raise OptionError(
                f"{option}: got {path.name!r}, expected a name that ends in {', '.join(endings)}",
                hint=f"Rename the output, for example to {table.stem}{endings[0]}.",
            )
        if path.resolve() in taken:
            raise OptionError(
                f"{option}: got {path}, which is {taken[path.resolve()]}", hint="Give each output a file of its own."
            )
        taken[path.resolve()] = f"that of {option}"
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists", hint="Use --overwrite to replace it, or write elsewhere.")


def _show(result: Timeline, *, as_json: bool) -> None:
    import json

    from rich.console import Console

    from ..timelines.terminal import shown

    if as_json:
        typer.echo(json.dumps([video.to_dict() for video in result.videos], indent=1, allow_nan=False))
        return
    console = Console(highlight=False)
    for part in shown(result.videos, console):
        console.print(part)
