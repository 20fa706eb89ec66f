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
    baseline: opt.Baseline = None,
    events: Annotated[Path | None, opt.events_option("Events, for a --baseline that names one")] = None,
    out: opt.OutFolder = Path("study"),
    resume: Annotated[bool, opt.option(opt.OUTPUT, "Continue an interrupted study.", "--resume")] = False,
    overwrite: Annotated[bool, opt.option(opt.OUTPUT, "Replace an earlier study.", "--overwrite")] = False,
    as_json: opt.AsJson = False,
    interval: opt.Interval = None,
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
      mien timeline study tables/ --events stimuli.tsv --baseline fixation
      mien timeline study videos/ --manifest study.csv --resume
    """
    import json

    from ..coding.study import REPORT, TABLE, code_study
    from ..coding.study_report import overview
    from ..errors import OptionError
    from ..options import ReadOptions
    from .output import notes_console, resumable, show_report

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
    notes = notes_console()
    with resumable(notes, "measuring", out) as progress:
        result = code_study(
            sources or [],
            out,
            manifest=manifest,
            baseline=baseline,
            events=events or (),
            options=options,
            interval_s=opt.seconds(interval, "--interval") if interval else 0.0,
            resume=resume,
            overwrite=overwrite,
            progress=progress,
        )
    text = json.dumps(result.rows(), indent=1, allow_nan=False) + "\n" if as_json else ""
    show_report(overview(result), [out / TABLE, out / REPORT], json=text)
    if result.failures:
        notes.print(f"{len(result.failures)} could not be measured:", style="bold red")
        for failure in result.failures:
            notes.print(f"  {failure.participant} {failure.condition}: {failure.message}", markup=False)
        raise typer.Exit(3)
