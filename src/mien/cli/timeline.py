"""``mien timeline``: who expressed what, when, and how surely, from the table of a video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .options import (
    OUTPUT,
    AsJson,
    NoImageOutput,
    OneVideo,
    OverwriteFiles,
    Separator,
    VideoTable,
    excel_separator,
    option,
)


def _file(help_text: str) -> Any:
    """An option that names a file to write."""
    return option(OUTPUT, help_text, metavar="FILE", dir_okay=False)


def timeline(
    table: VideoTable,
    *,
    source: OneVideo = None,
    shortest: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, max=3600, help="Merge shorter spans into their neighbors.")
    ] = 0.3,
    out: Annotated[Path | None, _file("Write a report: .html or .md.")] = None,
    figure: Annotated[Path | None, _file("Draw probabilities over time: .png, .svg or .pdf.")] = None,
    spans: Annotated[Path | None, _file("Write spans: .csv, .tsv, .xlsx, .sav, .eaf or .TextGrid.")] = None,
    boris: Annotated[Path | None, _file("Write spans as aggregated events of BORIS: .csv.")] = None,
    srt: Annotated[Path | None, _file("Write subtitles for the video: .srt.")] = None,
    excel: Annotated[
        bool, option(OUTPUT, "Write --spans .csv for Excel, separated as in your locale.", "--excel")
    ] = False,
    list_separator: Separator = None,
    no_image_output: NoImageOutput = False,
    as_json: AsJson = False,
    overwrite: OverwriteFiles = False,
) -> None:
    """Summarize a video: who expressed what, when, and how surely.

    Examples:
      mien read talk.mp4 --out talk.parquet
      mien timeline talk.parquet
      mien timeline talk.parquet --out talk.html --figure talk.png
      mien timeline talk.parquet --srt talk.srt --spans talk.eaf
    """
    import json

    from rich.console import Console

    from .. import timeline as summarize
    from ..extras import check_installed
    from ..io.atomic import write_atomically
    from ..timelines.exports import FIGURE_FORMATS, REPORT_FORMATS
    from ..timelines.report import shown
    from ..timelines.span_files import SPAN_FORMATS, SUBTITLE_FORMATS, SpanLayout

    separator = excel_separator(excel, list_separator)
    given = {"--out": out, "--figure": figure, "--spans": spans, "--boris": boris, "--srt": srt}
    wanted = {option: path for option, path in given.items() if path}
    csv_only = (".csv",)
    formats = dict(
        zip(
            given, (REPORT_FORMATS, FIGURE_FORMATS, csv_only if separator else SPAN_FORMATS, csv_only, SUBTITLE_FORMATS)
        )
    )
    _check_outputs(table, wanted, formats, overwrite=overwrite)
    check_installed(["matplotlib"] if figure else [], "video")
    check_installed(["pyreadstat"] if spans and spans.suffix.lower() == ".sav" else [], "study")
    result = summarize(table, source=source, shortest_s=shortest)
    # All are made before any is written: a failure leaves nothing half done
    layouts: dict[str, SpanLayout] = {"--boris": "boris"}
    if separator:
        layouts["--spans"] = "comma" if separator == "," else "semicolon"
    contents = {
        path: result.render(path, layouts.get(name, "mien"), no_image_output=no_image_output)
        for name, path in wanted.items()
    }
    for path, content in contents.items():
        write_atomically(path, content)
    if as_json:
        typer.echo(json.dumps([video.to_dict() for video in result.videos], indent=1, allow_nan=False))
    else:
        console = Console(highlight=False)
        for part in shown(result.videos, console):
            console.print(part)
    for path in wanted.values():
        typer.echo(f"written: {path}", err=True)


def _check_outputs(
    table: Path, wanted: dict[str, Path], formats: dict[str, tuple[str, ...]], *, overwrite: bool
) -> None:
    """Raise before any work is done where an output cannot be written."""
    from ..errors import OptionError
    from ..io.atomic import check_ending, check_new

    taken = {table.resolve()}
    for name, path in wanted.items():
        check_ending(path, formats[name])
        if path.resolve() in taken:
            raise OptionError(f"{name}: {path} is the table or another output", hint="Give each a file of its own.")
        taken.add(path.resolve())
        check_new(path, overwrite=overwrite)
