"""``mien lab calibration``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .data import Data, DetectFaces, ManifestFile


def calibration(
    models: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL", help="Names of shipped models, .onnx files, checkpoints, folders of runs."),
    ],
    data: Data,
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    split: Annotated[
        Literal["validation", "test"], typer.Option(help="The part of the data to measure on.")
    ] = "validation",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the report (HTML, Markdown, JSON) and figures here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Measure calibration, agreement with annotators' votes, and the effect of abstaining.

    Calibration overall, for each emotion, and for smaller label sets; distance to the annotators' votes and its least
    possible value; detection of mixed emotions; risk against coverage. Intervals: 95%, bootstrap.

    [bold]mien lab calibration default tiny --data fer2013.npz --out calibration[/bold]
    """
    from ..extras import check_installed

    check_installed(("sklearn", "scipy", "matplotlib"), "lab")
    from rich.console import Console

    from ..lab.calibration import measure_calibration
    from ..lab.calibration_report import calibration_report, to_json, write_report
    from ..lab.evaluation.classifier import open_classifier
    from .data import read_data
    from .progress import progress_bar

    opened = [open_classifier(model) for model in models]
    faces = read_data(data, max(one.input.size for one in opened), manifest=manifest, detect_faces=detect_faces)
    found = []
    with progress_bar(Console(stderr=True), "measuring") as progress:
        for done, classifier in enumerate(opened):
            progress(done, len(opened))
            found += measure_calibration(classifier, faces, split)
    written = write_report(found, out) if out else []
    if as_json:
        typer.echo(to_json(found), nl=False)
        return
    console = Console(width=max(Console().width, 140))
    console.print(calibration_report(found, figures=False).to_terminal(console.width))
    for path in written:
        typer.echo(f"written: {path}", err=True)
