"""``mien lab``: its commands; the options of train, evaluate and export, and their translation into calls."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .carding import card, card_data
from .data import Data, DetectFaces, ManifestFile
from .lab_baseline import baseline
from .lab_calibration import calibration
from .lab_compare import compare
from .lab_ensemble import ensemble
from .lab_export import export
from .lab_inspect import inspect
from .lab_tune import tune
from .recipes import recipes
from .stressing import stress
from .teaching import teach

lab = typer.Typer(
    name="lab",
    help="Inspect data; train, tune, measure, compare and export models: "
    "[bold]mien lab train seven --data fer2013.csv --out runs/mine[/bold]",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

_MEASURING = ("sklearn", "scipy", "matplotlib")
_TRAINING = ("torch", "lightning", "torchmetrics", *_MEASURING)


@lab.command()
def train(
    recipe: Annotated[
        str, typer.Argument(help="A recipe that comes with mien (see 'mien lab recipes'), or a .toml file.")
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where checkpoints, history.csv and curves.png go.")],
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out; the result is as if never interrupted.")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", help="Passes over the training images, in place of the recipe's.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="What the base of a timm network starts from: a file, [bold]imagenet[/bold] or [bold]none[/bold].",
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="FIELD=VALUE", help="Change any field, as in --set optimizer.lr=0.01; repeatable."
        ),
    ] = None,
    max_memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Memory that training may take, as in 4GB: batches are divided to fit."),
    ] = None,
) -> None:
    """Train a network after a recipe.

    It learns from the [bold]train[/bold] part and judges each epoch on [bold]validation[/bold], or on a part of train
    where the recipe sets one aside (data.inner).

    Try everything out first:  [bold]mien lab train smoke --data fer2013.csv --out runs/smoke[/bold]

    One label an image:  [bold]mien lab train seven --data fer2013.csv --out runs/seven[/bold]

    Labels and FER+ votes, as the shipped model:  [bold]mien lab train default --data fer2013.npz --out runs/default[/bold]
    """
    _needs_lab()
    from ..lab.recipe import changed, load_recipe
    from .data import data_words, read_data
    from .options import byte_count, field_changes
    from .training import run_training

    wanted = field_changes(changes or [])
    wanted |= {"schedule.epochs": epochs} if epochs is not None else {}
    wanted |= {"network.weights": weights} if weights is not None else {}
    chosen = changed(load_recipe(recipe), wanted)
    limit = byte_count(max_memory) if max_memory else None
    faces = read_data(data, chosen.input.size, chosen.input.color, manifest=manifest, detect_faces=detect_faces)
    run_training(chosen, faces, out, resume=resume, max_bytes=limit, data=data_words(data, manifest, detect_faces))


@lab.command()
def evaluate(
    model: Annotated[
        Path,
        typer.Argument(
            help="A model that comes with mien, such as [bold]default[/bold]; exported weights (.onnx, its card beside it); "
            "a checkpoint (.ckpt), or a run's folder."
        ),
    ],
    data: Data,
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option(help="The part of the data to measure on.")
    ] = "validation",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write evaluation.json, per_class.csv and figures here too.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", dir_okay=False, help="Write what it says of each image, for mien audit."),
    ] = None,
    groups: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Add to --predictions what this file says of each name."),
    ] = None,
    head: Annotated[str, typer.Option(help="Of which head --predictions are. By default the first.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Measure a model: accuracy with its 95 % interval, macro-F1, calibration, and what is mistaken for what.

    Each head is measured on the whole part and without exact copies of training images, each with and without averaging
    over the mirror image; the whole part also where a run's recipe draws fewer images to judge by. Choose models on
    [bold]validation[/bold]; keep [bold]test[/bold] for the very end.

    The shipped model:  [bold]mien lab evaluate default --data fer2013.csv[/bold]

    [bold]mien lab evaluate runs/seven --data fer2013.csv --out report[/bold]

    [bold]mien lab evaluate seven.onnx --data fer2013.csv --split test --json > test.json[/bold]
    """
    _needs_lab(_MEASURING)  # a checkpoint needs torch too, and says so when it is opened
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


def _needs_lab(packages: tuple[str, ...] = _TRAINING) -> None:
    """Say how to install the lab before anything else happens."""
    from ..extras import check_installed

    check_installed(packages, "lab")


for command in (
    inspect,
    tune,
    baseline,
    ensemble,
    compare,
    export,
    stress,
    recipes,
    teach,
    calibration,
    card,
    card_data,
):
    lab.command()(command)
