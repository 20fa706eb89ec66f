"""``mien lab compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .data import Data, DetectFaces, ManifestFile

_NEEDED = ("sklearn", "scipy", "statsmodels", "pandas", "matplotlib")


def compare(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="Run folders, checkpoints (.ckpt), models and ensembles (.onnx), baselines (.skops), or models shipped "
            "with mien, such as [bold]default[/bold].",
        ),
    ],
    data: Data,
    split: Annotated[
        Literal["validation", "test"], typer.Option(help="The part of the data to evaluate on.")
    ] = "validation",
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    head: Annotated[
        str, typer.Option(metavar="NAME", help="The head to use where a model has several.", show_default=False)
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write compare.html, .md, .csv, .json, figures and a folder for each model."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Compare models on the same images: accuracy, calibration, size, latency and statistical significance.

    Models are evaluated on the emotions that all of them know.

    [bold]mien lab compare runs/a runs/b default --data fer2013.csv[/bold]

    [bold]mien lab compare runs/a models/b.onnx --data images --split test --out comparison[/bold]
    """
    from ..extras import check_installed

    check_installed(_NEEDED, "lab")
    import json

    from rich.console import Console

    from ..lab.comparison.compare import compare as run
    from ..lab.comparison.models import open_models
    from ..lab.comparison.report import as_dict, comparison_report, write_report
    from .data import read_data
    from .progress import progress_bar

    found = open_models(models)
    inputs = {(model.classifier.input.size, model.classifier.input.color) for model in found}
    if data.suffix.lower() in (".npz", ".csv"):  # gray images of one size: read once
        faces = read_data(data, max(size for size, _ in inputs), "gray", manifest=manifest, detect_faces=detect_faces)
        datasets = dict.fromkeys(inputs, faces)
    else:
        datasets = {
            spec: read_data(data, *spec, manifest=manifest, detect_faces=detect_faces) for spec in sorted(inputs)
        }
    with progress_bar(Console(stderr=True), "comparing") as progress:
        result = run(found, datasets, split, head=head, progress=progress)
        written = write_report(result, out) if out else []
    if as_json:
        typer.echo(json.dumps(as_dict(result), indent=2, ensure_ascii=False))
    else:
        console = Console(width=max(Console().width, 140))  # a wide table is better than cut-off numbers in a pipe
        console.print(comparison_report(result, figures=False).to_terminal(console.width))
    for path in written:
        typer.echo(f"written: {path}", err=True)
