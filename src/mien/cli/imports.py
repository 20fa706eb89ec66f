"""``mien timeline import``: tables of other programs as tables of mien."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options as opt


def import_(
    table: Annotated[
        Path, typer.Argument(metavar="TABLE", help="Text export of OpenFace, py-feat, FaceReader or iMotions.")
    ],
    *,
    out: Annotated[
        Path, typer.Option(metavar="FILE", dir_okay=False, help="Table to write: csv, tsv, xlsx, jsonl, parquet.")
    ],
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the video. Default: as in the table, or its name.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="FPS", help="Frames per second of the video; py-feat's tables need it.")
    ] = None,
    min_confidence: opt.MinConfidence = 0.0,
    overwrite: opt.Overwrite = False,
) -> None:
    """Convert a table of another program, for comparison.

    The probabilities are not calibrated; those of OpenFace are computed from action units.

    Examples:
      mien timeline import openface/clip.csv --out clip.openface.csv
      mien timeline clip.openface.csv
      mien timeline import fex.csv --rate 25 --out clip.pyfeat.csv
    """
    from ..io.imports import import_table
    from ..report import count

    made = import_table(table, out, source=source, rate=rate, min_confidence=min_confidence, overwrite=overwrite)
    typer.echo(f"{made.program}: {made.source}, {count(made.frames, 'frame')}, {count(made.faces, 'face')}")
    if made.untracked:
        faces = count(made.untracked, "face")
        typer.echo(f"{faces} without a track_id: the table does not say who is who, so timelines omit them", err=True)
    typer.echo(f"written: {made.path}", err=True)
