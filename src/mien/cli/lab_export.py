"""``mien lab export`` and ``ensemble``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from .options import Data, DetectFaces, LabelNames, ManifestFile


class Format(str, Enum):
    """What a model can be exported to; Typer repeats options of enumerations, not of literals."""

    ONNX = "onnx"
    INT8 = "onnx-int8"
    PROGRAM = "pt2"


def export(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A .ckpt file or the folder of a run; for onnx-int8 also a model that comes with mien, or an .onnx file.",
        ),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where NAME.onnx and its card NAME.json go.")],
    to: Annotated[
        list[Format] | None,
        typer.Option(
            "--to",
            help="[bold]onnx[/bold]; [bold]onnx-int8[/bold], a quarter of the size and faster on a CPU, named NAME-int8 "
            "(as NAME if the model is called NAME-float32); [bold]pt2[/bold], for programs that use torch. Repeatable; "
            "onnx if not given.",
            show_default=False,
        ),
    ] = None,
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
    name: Annotated[str, typer.Option(help="Name of the model. Default: the recipe's.", show_default=False)] = "",
    license: Annotated[str, typer.Option(help="License of the weights, for the card.")] = "not stated",
    trained_on: Annotated[
        str, typer.Option(metavar="TEXT", help="The training data in words, for the card; by default from --data.")
    ] = "",
) -> None:
    """Export a trained model: weights, and a card with input format, temperatures and scores.

    [bold]--data[/bold] is the training data: its validation part calibrates the probabilities and gives the scores on the
    card. Nothing is written unless the logits equal torch's; int8 must be as accurate.

    [bold]mien lab export runs/seven --data fer2013.csv --out models --name mine[/bold]

    Both precisions, as mien ships them (models/mine.onnx is the int8 one):
    [bold]mien lab export runs/seven --data fer2013.csv --out models --name mine-float32 --to onnx --to onnx-int8[/bold]

    Then:  [bold]mien read photo.jpg --model models/mine.onnx[/bold]
    """
    from ..lab.exporting import card_path, input_of
    from ..lab.exporting import export as export_model
    from .output import read_data

    formats = [wanted.value for wanted in to or [Format.ONNX]]
    spec = input_of(model, formats)
    faces = read_data(
        data, spec.size, spec.color, manifest=manifest, detect_faces=detect_faces, label_names=label_names
    )
    paths = export_model(model, faces, out, formats=formats, name=name, license=license, trained_on=trained_on)
    for path in paths:
        typer.echo(f"written: {path}\nwritten: {card_path(path)}", err=True)
    readable = next((path for path in paths if path.suffix == ".onnx"), None)
    if readable:
        typer.echo(f"Read an image with it:  mien read photo.jpg --model {readable}", err=True)


def ensemble(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL",
            help="At least two: models shipped with mien, .onnx files, checkpoints, run folders, other ensembles. "
            "Their image sizes, colors and label sets may differ.",
        ),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="FILE.onnx", help="The file to write; its card goes beside it.")],
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
    stacked: Annotated[
        bool,
        typer.Option("--stacked", help="Stacking: learn each model's weight for each emotion, in place of a vote."),
    ] = False,
    weight: Annotated[
        list[float] | None,
        typer.Option(metavar="NUMBER", help="A model's weight in the vote; once for each model, in their order."),
    ] = None,
    targets: Annotated[
        Literal["labels", "votes"], typer.Option(help="Fit to the labels, or to the majority of FER+'s votes.")
    ] = "labels",
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="RECIPE",
            help="The members' recipe, where it sets a part aside (data.inner): fit on that part, so that validation stays "
            "an independent test.",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the model. Default: the file's.", show_default=False)] = "",
) -> None:
    """Merge several models into one ONNX file: the mean of their calibrated probabilities, or a stack.

    The ensemble knows the emotions that all members know, and is used like any other model.

    [bold]mien lab ensemble runs/a runs/b default --data fer2013.csv --out models/three.onnx[/bold]

    Then:  [bold]mien read photo.jpg --model models/three.onnx[/bold]
    """
    from ..extras import check_installed

    check_installed(("onnx", "sklearn", "scipy", "statsmodels", "matplotlib"), "lab")
    from ..lab.ensemble_graph import common_input
    from ..lab.ensembles import ensemble as merge
    from ..lab.ensembles import ensemble_report, open_onnx
    from ..lab.recipe import load_recipe
    from ..lab.sampling import subset
    from .output import progress_bar, read_data, show_report

    spec = common_input([open_onnx(model)[0].input for model in models])
    faces = read_data(
        data, spec.size, spec.color, manifest=manifest, detect_faces=detect_faces, label_names=label_names
    )
    faces = subset(faces, load_recipe(recipe)) if recipe else faces
    with progress_bar(Console(stderr=True), "opening models") as progress:
        made = merge(
            models, faces, out, stacked=stacked, weights=weight or (), targets=targets, name=name, progress=progress
        )
    show_report(ensemble_report(made), (out, out.with_suffix(".json")), min_width=126)
