"""``mien lab uncertainty``: its options, and what is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .data import Data, DetectFaces, ManifestFile


def uncertainty(
    models: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL", help="Models that come with mien, .onnx files, checkpoints, folders of runs."),
    ],
    data: Data,
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    split: Annotated[
        Literal["validation", "test"], typer.Option(help="The part of the data to measure on.")
    ] = "validation",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write tables (Markdown, JSON) and figures here too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Ask whether a model means what it says: calibration, divided annotators, and what abstaining gains.

    Calibration overall, for each emotion, and when told to choose from fewer; the distance to the annotators' votes, and
    the least that any model could reach; how well faces are found that divide people; risk against coverage.

    Intervals: 95 %, bootstrap. [bold]refitted[/bold]: the temperature fitted on one half and measured on the other.

    [bold]mien lab uncertainty default tiny --data fer2013.npz --out certainty[/bold]
    """
    from ..extras import check_installed

    check_installed(("sklearn", "scipy", "matplotlib"), "lab")
    from rich.console import Console

    from ..lab.evaluate.predict import open_classifier
    from ..lab.uncertainty.measure import measure
    from ..lab.uncertainty.report import as_json as json_of
    from ..lab.uncertainty.report import shown, write_report
    from .data import progress_bar, read_data

    opened = [open_classifier(model) for model in models]
    faces = read_data(data, max(one.input.size for one in opened), manifest=manifest, detect_faces=detect_faces)
    found = []
    with progress_bar(Console(stderr=True)) as progress:
        for classifier in progress.track(opened, description="measuring"):
            found += measure(classifier, faces, split)
    written = write_report(found, out) if out else []
    if as_json:
        typer.echo(json_of(found), nl=False)
        return
    console = Console(width=max(Console().width, 140))
    for table in shown(found):
        console.print(table)
    for path in written:
        typer.echo(f"written: {path}", err=True)
