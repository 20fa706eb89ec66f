"""``mien timeline events``: responses to stimuli."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options as opt

#: Columns that the table of six measures takes with their intervals.
_WIDTH = 130


def events(
    tables: Annotated[list[Path], typer.Argument(metavar="TABLE...", help="Tables of 'mien read'.")],
    *,
    events: Annotated[Path, opt.events_option()],
    baseline: opt.Baseline = None,
    window: Annotated[
        str | None, typer.Option(metavar="TIME", help="Measure this long from the onset. Default: until the end.")
    ] = None,
    before: Annotated[str, typer.Option(metavar="TIME", help="Average from this long before the onset.")] = "1s",
    after: Annotated[str, typer.Option(metavar="TIME", help="Average until this long after the onset.")] = "3s",
    out: opt.OutFolder = Path("responses"),
    figure: Annotated[
        Path | None,
        opt.option(opt.OUTPUT, "Draw the average around onsets: .png, .svg or .pdf.", metavar="FILE", dir_okay=False),
    ] = None,
    overwrite: opt.OverwriteFiles = False,
) -> None:
    """Measure responses to events: means, peaks, latencies and areas.

    Writes responses.csv (a row per participant, event and emotion), summary.csv (means with 95% bootstrap intervals over
    participants), curves.csv (averages around the onsets) and report.html.

    Examples:
      mien timeline events p*.csv --events stimuli_events.tsv
      mien timeline events p*.csv --events clips.eaf --baseline 0:00-0:30
      mien timeline events p*.csv --events beeps.csv --window 5s --figure beeps.svg
    """
    from ..coding.responses import REPORT, SUMMARY, event_responses
    from ..coding.responses_report import responses_overview
    from ..extras import check_installed
    from ..io.atomic import check_ending, check_new, write_atomically
    from ..timelines.exports import FIGURE_FORMATS
    from .output import show_report

    if figure:
        check_ending(figure, FIGURE_FORMATS)
        check_new(figure, overwrite=overwrite)
    check_installed(["matplotlib", "pyarrow", "scipy", "statsmodels"], "study")
    result = event_responses(
        tables,
        events,
        baseline=baseline,
        window_s=opt.seconds(window, "--window") if window else None,
        before_s=opt.seconds(before, "--before"),
        after_s=opt.seconds(after, "--after"),
    )
    result.save(out, overwrite=overwrite)
    if figure:
        write_atomically(figure, result.figure(figure.suffix.lower().removeprefix(".")))
    written = [out / SUMMARY, out / REPORT, *([figure] if figure else [])]
    show_report(responses_overview(result), written, min_width=_WIDTH)
