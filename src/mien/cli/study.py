"""``mien timeline study``: many videos or tables, participants and conditions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options as opt


def study(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(metavar="SOURCE...", help="Videos, tables of 'mien read', and folders of these."),
    ] = None,
    *,
    manifest: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Columns participant, file; optional: condition, start, end, person."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Usual face: a window (0:00-0:30), calmest, or a condition of the manifest."),
    ] = None,
    out: Annotated[
        Path, opt.option(opt.OUTPUT, "Folder for tables and the report.", metavar="DIR", file_okay=False)
    ] = Path("study"),
    resume: Annotated[bool, opt.option(opt.OUTPUT, "Continue an interrupted study.", "--resume")] = False,
    overwrite: Annotated[bool, opt.option(opt.OUTPUT, "Replace an earlier study.", "--overwrite")] = False,
    as_json: opt.AsJson = False,
    interval: Annotated[
        str | None, typer.Option(metavar="TIME", help="Sample one frame per interval, e.g. 0.2s. Default: every frame.")
    ] = None,
    emotions: opt.Emotions = None,
    model: opt.Model = "default",
    min_confidence: opt.MinConfidence = 0.5,
    min_face: opt.MinFace = None,
    device: opt.Device = "cpu",
    threads: opt.Threads = 0,
) -> None:
    """Measure the participants of a study under each condition.

    Videos are read first. Writes participants.csv (a row per participant and condition), long.csv (a row per emotion) and
    report.html.

    Examples:
      mien timeline videos/ --manifest study.csv --out results
      mien timeline study tables/ --manifest study.csv --baseline rest
      mien timeline study videos/ --manifest study.csv --resume
    """
    import json

    from rich.console import Console

    from ..coding.study import REPORT, TABLE, code_study
    from ..errors import OptionError
    from ..options import ReadOptions
    from .output import progress_bar

    if resume and overwrite:
        raise OptionError("--resume and --overwrite contradict each other", hint="Give one of them.")
    if not sources and manifest is None:
        raise OptionError("a study requires sources or --manifest", hint="Give videos, tables, or folders of these.")
    options = ReadOptions(
        emotions=emotions,
        model=model,
        min_confidence=min_confidence,
        min_face=min_face,
        device=device,
        threads=threads,
    )
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        with progress_bar(notes, "measuring") as progress:
            result = code_study(
                sources or [],
                out,
                manifest=manifest,
                baseline=baseline,
                options=options,
                interval_s=opt.seconds(interval, "--interval") if interval else 0.0,
                resume=resume,
                overwrite=overwrite,
                progress=progress,
            )
    except KeyboardInterrupt:
        notes.print(f"Interrupted. Add --resume to continue {out}.", markup=False)
        raise
    if as_json:
        typer.echo(json.dumps(result.rows(), indent=1, allow_nan=False))
    else:
        from ..coding.study_report import overview

        console = Console(highlight=False)
        console.print(overview(result).to_terminal(console.width))
    notes.print(f"written: {out / TABLE}, {out / REPORT}", markup=False)
    if result.failures:
        notes.print(f"{len(result.failures)} could not be measured:", style="bold red")
        for failure in result.failures:
            notes.print(f"  {failure.participant} {failure.condition}: {failure.message}", markup=False)
        raise typer.Exit(3)
