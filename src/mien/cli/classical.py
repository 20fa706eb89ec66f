"""``mien lab classical``: the options, and what is told about the fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .data import Data, DetectFaces, ManifestFile

if TYPE_CHECKING:
    from ..lab.classical.run import Fitted

PACKAGES = ("sklearn", "scipy", "matplotlib")


def classical(
    features: Annotated[
        Literal["hog", "lbp", "hog+lbp", "embedding"],
        typer.Argument(
            help="[bold]hog[/bold]: oriented gradients. [bold]lbp[/bold]: local binary patterns. [bold]embedding[/bold]: "
            "what a trained network hands to its classifiers."
        ),
    ],
    model: Annotated[
        Literal["forest", "boosting", "logistic"],
        typer.Argument(help="Random forest, gradient boosting, or logistic regression."),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where NAME.onnx and its card NAME.json go.")],
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    emotions: Annotated[
        Literal["happy-sad", "four", "seven", "eight"] | None,
        typer.Option(help="What to tell apart; by default seven, or as the recipe.", show_default=False),
    ] = None,
    targets: Annotated[
        Literal["labels", "votes"] | None,
        typer.Option(help="Learn the labels (the default), or the majority of FER+'s votes.", show_default=False),
    ] = None,
    class_weights: Annotated[
        Literal["none", "balanced"], typer.Option(help="Whether rare emotions count for more.")
    ] = "none",
    base: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="For embedding: a model that comes with mien, or an .onnx file; by default what ships.",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="RECIPE",
            help="Learn from the images that this recipe draws, with its seed and its first head's emotions: to compare "
            "with a network on equal terms.",
        ),
    ] = None,
    name: Annotated[
        str, typer.Option(help="What to call the model; by default FEATURES-MODEL.", show_default=False)
    ] = "",
    license: Annotated[str, typer.Option(help="The license of the model, for the card.")] = "not stated",
) -> None:
    """Fit a classical model: engineered features and a forest, boosting, or logistic regression.

    Learns from the [bold]train[/bold] part; [bold]validation[/bold] calibrates it and gives the scores on its card. The file
    is an ordinary ONNX model: evaluate it, read images with it, put it into an ensemble.

    [bold]mien lab classical hog boosting --data fer2013.csv --out models[/bold]

    Two emotions:  [bold]mien lab classical hog+lbp forest --data faces/ --emotions happy-sad --out models[/bold]

    Then:  [bold]mien lab evaluate models/hog-boosting.onnx --data fer2013.csv[/bold]
    """
    from ..extras import check_installed

    check_installed(PACKAGES, "lab")
    from rich.console import Console

    from ..errors import OptionError
    from ..lab.classical.features import open_features
    from ..lab.classical.run import fit_classical
    from ..lab.classical.settings import Classical
    from ..lab.recipe import Head, load_recipe
    from ..lab.subsetting import subset
    from .data import data_words, progress_bar, read_data

    if base and features != "embedding":
        raise OptionError(
            f"--base {base} speaks of the features 'embedding', and the features are {features!r}",
            hint="Leave --base out.",
        )
    chosen = load_recipe(recipe) if recipe else None
    head = next(iter(chosen.heads.values())) if chosen else Head()
    settings = Classical(
        features=features,
        model=model,
        base=base or "default",
        emotions=emotions or head.emotions,
        targets=targets or head.targets,
        class_weights=class_weights,
        seed=chosen.seed if chosen else 0,
    )
    spec = open_features(settings)[0].input
    faces = read_data(data, spec.size, spec.color, manifest=manifest, detect_faces=detect_faces)
    faces = subset(faces, chosen) if chosen else faces
    with progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task("features", total=None)
        done = fit_classical(
            settings,
            faces,
            out,
            name=name,
            license=license,
            progress=lambda what, n, total: progress.update(task, description=what, completed=n, total=total or None),
        )
    _tell(done, data_words(data, manifest, detect_faces))


def _tell(done: Fitted, data: str) -> None:
    """The score on standard output, the rest on standard error."""
    from ..lab.classical.run import HEAD
    from ..lab.evaluate.protocol import OFFICIAL
    from ..lab.evaluate.scores import points

    scores = done.evaluation.find(HEAD, OFFICIAL, flip=True)
    typer.echo(f"{done.evaluation.split}: accuracy {points(scores)}, macro-F1 {scores.macro_f1:.3f}")
    size = done.path.stat().st_size / 1e6
    typer.echo(
        f"{done.features:,} features an image in {done.feature_s:.0f} s, fitted in {done.fit_s:.1f} s; {size:.1f} MB, "
        f"{done.evaluation.ms_per_image:.2f} ms an image; as scikit-learn computes it to {done.difference:.0e}",
        err=True,
    )
    typer.echo(f"written: {done.path}\nwritten: {done.path.with_suffix('.json')}", err=True)
    typer.echo(f"Next:  mien lab evaluate {done.path} {data}", err=True)
