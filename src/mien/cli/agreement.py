"""``mien timeline agreement``: compare a table with the annotations of a human coder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options as opt


def agreement(
    table: opt.VideoTable,
    annotations: Annotated[
        Path, typer.Argument(metavar="CODES", help="Annotations: .eaf, .TextGrid, .boris, .csv, .tsv, .txt or .xlsx.")
    ],
    *,
    source: opt.OneVideo = None,
    person: Annotated[
        str | None, typer.Option(metavar="PERSON", help="Number or name. Default: from the tiers, or visible longest.")
    ] = None,
    tier: Annotated[str | None, typer.Option(metavar="NAME", help="Use this tier or subject of CODES only.")] = None,
    gaps: Annotated[
        str | None, typer.Option(metavar="EMOTION", help="Label of time that was not coded, such as neutral.")
    ] = None,
    step: Annotated[str, typer.Option(metavar="TIME", help="Length of the compared units.")] = "0.1s",
    tolerance: Annotated[
        list[float] | None,
        typer.Option(metavar="SECONDS", help="Time by which labels may be apart; repeatable. Default: 0, 0.5 and 1."),
    ] = None,
    window: Annotated[
        str | None, typer.Option(metavar="TIME", help="Length of the windows over time. Default: at most 20 windows.")
    ] = None,
    out: Annotated[
        list[Path] | None,
        opt.option(opt.OUTPUT, "Write a report (.html, .md), or disagreements (.csv); repeatable.", metavar="FILE"),
    ] = None,
    as_json: opt.AsJson = False,
    overwrite: opt.OverwriteFiles = False,
) -> None:
    """Compare a video with a human coder: agreement coefficients and disagreements.

    Examples:
      mien timeline agreement talk.parquet coder.eaf
      mien timeline agreement talk.csv coder.csv --gaps neutral --out talk.html
      mien timeline agreement talk.parquet coder.TextGrid --tier P01 --person 2
    """
    import json

    from ..coding.agreement import TOLERANCES_S
    from ..coding.agreement import agreement as compare
    from ..coding.agreement_report import agreement_report
    from ..io.atomic import check_ending, check_new
    from .output import show_report

    for path in out or ():
        check_ending(path, (".html", ".htm", ".md", ".csv"))
        check_new(path, overwrite=overwrite)
    result = compare(
        table,
        annotations,
        source=source,
        person=person,
        tier=tier,
        gaps=gaps,
        step_s=opt.seconds(step, "--step"),
        tolerances_s=tolerance or TOLERANCES_S,
        window_s=opt.seconds(window, "--window") if window else None,
    )
    for path in out or ():
        result.save(path)
    text = json.dumps(result.to_dict(), indent=1, allow_nan=False) + "\n" if as_json else ""
    show_report(agreement_report(result), out or (), json=text)
