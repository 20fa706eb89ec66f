"""``mien lab evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .data import Data, DetectFaces, ManifestFile


def evaluate(
    model: Annotated[
        Path,
        typer.Argument(
            help="A model that comes with mien, such as [bold]default[/bold]; exported weights (.onnx with its card); a "
            "checkpoint (.ckpt), or the folder of a run."
        ),
    ],
    data: Data,
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option(help="Part of the data to evaluate on.")
    ] = "validation",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write evaluation.json, per_class.csv, a page and figures.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", dir_okay=False, help="Write the prediction for each image, for mien audit."),
    ] = None,
    groups: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Columns to add to --predictions, by image name.")
    ] = None,
    head: Annotated[str, typer.Option(help="The head of --predictions. Default: the first.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Evaluate a model: accuracy with its 95% interval, macro-F1, calibration and confusion matrix.

    Each head is evaluated on the whole part and without exact duplicates of training images, with and without averaging
    over the mirror image. Choose models on [bold]validation[/bold]; use [bold]test[/bold] once, at the end.

    The shipped model:  [bold]mien lab evaluate default --data fer2013.csv[/bold]

    [bold]mien lab evaluate runs/seven --data fer2013.csv --out report[/bold]

    [bold]mien lab evaluate seven.onnx --data fer2013.csv --split test --json > test.json[/bold]
    """
    from ..extras import check_installed

    check_installed(("sklearn", "scipy", "matplotlib"), "lab")  # a checkpoint needs torch too; opening it says so
    from rich.console import Console

    from ..lab.evaluation.classifier import open_classifier
    from ..lab.evaluation.evaluate import evaluate as measure
    from ..lab.evaluation.evaluate import write_predictions
    from ..lab.evaluation.report import evaluation_report, write_report
    from .data import read_data

    classifier = open_classifier(model)
    spec = classifier.input
    faces = read_data(data, spec.size, spec.color, manifest=manifest, detect_faces=detect_faces)
    evaluation = measure(classifier, faces, split)
    written = write_report(evaluation, out) if out else []
    if predictions:
        write_predictions(classifier, faces.part(split), predictions, head=head, groups=groups)
        written = [*written, predictions]
    if as_json:
        typer.echo(evaluation.to_json(), nl=False)
        return
    console = Console(width=max(Console().width, 126))  # a wide table is better than cut-off numbers in a pipe
    console.print(evaluation_report(evaluation, figures=False).to_terminal(console.width))
    for path in written:
        typer.echo(f"written: {path}", err=True)
