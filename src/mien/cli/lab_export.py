"""``mien lab export`` and ``ensemble``."""

from __future__ import annotations

import shlex
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from ..errors import OptionError
from .options import ADVANCED, Data, DetectFaces, LabelNames, License, ManifestFile, known_models, known_recipe, option


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
            help="Run folder or checkpoint; for onnx-int8 also a name or .onnx file.",
            callback=known_models,
        ),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for NAME.onnx and its card NAME.json.")],
    to: Annotated[
        list[Format] | None,
        typer.Option("--to", metavar="FORMAT", help="onnx (the default), onnx-int8 or pt2 (torch); repeatable."),
    ] = None,
    name: Annotated[str, typer.Option(metavar="TEXT", help="Name of the model. Default: the recipe's.")] = "",
    license: License = "not stated",
    trained_on: Annotated[
        str, option(ADVANCED, "Training data in words, for the card. Default: from --data.", metavar="TEXT")
    ] = "",
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
) -> None:
    """Export a trained model: ONNX, int8 or PyTorch, and its card.

    --data is the training data: its validation split calibrates the probabilities and gives the scores on the card. Nothing
    is written unless the outputs equal those of torch. The int8 file is named NAME-int8, or NAME if --name is NAME-float32.

    Examples:
      mien lab export runs/seven --data fer2013.csv --out models --name mine
      mien lab export runs/seven --data fer2013.csv --out models --to onnx-int8
      mien read photo.jpg --model models/mine.onnx
    """
    from ..lab.exporting import card_path, input_of
    from ..lab.exporting import export as export_model
    from .output import read_data

    formats = [wanted.value for wanted in to or [Format.ONNX]]
    spec = input_of(model, formats)
    faces = read_data(
        data, spec.size, spec.color, manifest=manifest, detect_faces=detect_faces, label_names=label_names
    )
    paths = export_model(
        model, faces, out, formats=formats, name=name, license=license, trained_on=trained_on,
        notes=lambda text: typer.echo(text, err=True),
    )  # fmt: skip
    for path in paths:
        typer.echo(f"written: {path}\nwritten: {card_path(path)}", err=True)
    readable = next((path for path in paths if path.suffix == ".onnx"), None)
    if readable:
        typer.echo(f"Read an image with it:  mien read photo.jpg --model {shlex.quote(str(readable))}", err=True)


def ensemble(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="Two or more: names, .onnx files, checkpoints or run folders.",
            callback=known_models,
        ),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="FILE.onnx", help="File to write; its card goes beside it.")],
    all_heads: Annotated[
        bool, typer.Option("--all-heads", help="Average models with the same heads, and keep all of these.")
    ] = False,
    stacked: Annotated[
        bool, typer.Option("--stacked", help="Learn each model's weight for each emotion, in place of a mean.")
    ] = False,
    weight: Annotated[
        list[float] | None, typer.Option(metavar="NUMBER", help="Weight in the mean; once for each model.")
    ] = None,
    targets: Annotated[
        Literal["labels", "votes"],
        typer.Option(metavar="NAME", help="Fit to labels, or votes: the majority of FER+."),
    ] = "labels",
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="RECIPE",
            help="Fit on the part that the members' recipe sets aside (data.inner).",
            callback=known_recipe,
        ),
    ] = None,
    name: Annotated[str, typer.Option(metavar="TEXT", help="Name of the model. Default: the file's.")] = "",
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
) -> None:
    """Merge several models into one ONNX file.

    The result is the mean of their calibrated probabilities, or a stack. It predicts the emotions of all members, and is
    used like any other model. Image sizes, colors and label sets may differ.

    Examples:
      mien lab ensemble runs/a runs/b default --data fer2013.csv --out all.onnx
      mien lab ensemble runs/a default --all-heads --data f.npz --out both.onnx
      mien read photo.jpg --model all.onnx
    """
    from ..extras import check_installed

    if all_heads and (stacked or weight):
        raise OptionError("--all-heads contradicts --stacked and --weight", hint="Leave out --all-heads.")
    check_installed(("onnx", "sklearn", "scipy", "statsmodels", "matplotlib"), "lab")
    from ..lab.ensemble_graph import common_input
    from ..lab.ensembles import average, ensemble_report, open_onnx
    from ..lab.ensembles import ensemble as merge
    from ..lab.recipe import load_recipe
    from ..lab.sampling import subset
    from .output import progress_bar, read_data, show_report

    spec = common_input([open_onnx(model)[0].input for model in models])
    faces = read_data(
        data, spec.size, spec.color, manifest=manifest, detect_faces=detect_faces, label_names=label_names
    )
    faces = subset(faces, load_recipe(recipe)) if recipe else faces
    if all_heads:
        average(models, faces, out, name=name)
        for path in (out, out.with_suffix(".json")):
            typer.echo(f"written: {path}", err=True)
        typer.echo(f"Evaluate it:  mien lab evaluate {shlex.quote(str(out))} --data {shlex.quote(str(data))}", err=True)
        return
    with progress_bar(Console(stderr=True), "opening models") as progress:
        made = merge(
            models, faces, out, stacked=stacked, weights=weight or (), targets=targets, name=name, progress=progress
        )
    show_report(ensemble_report(made), (out, out.with_suffix(".json")), min_width=126)
