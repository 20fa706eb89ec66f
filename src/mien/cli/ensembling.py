"""``mien lab ensemble``: the options, and the table of what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .classical import PACKAGES
from .data import Data, DetectFaces, ManifestFile

if TYPE_CHECKING:
    from rich.table import Table

    from ..lab.ensemble.run import Made


def ensemble(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL",
            help="At least two: models that come with mien, .onnx files, checkpoints, folders of runs, other ensembles. "
            "Their image sizes, colors and label sets may differ.",
        ),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="FILE.json", help="The file that lists the members.")],
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    stacked: Annotated[
        bool,
        typer.Option("--stacked", help="Learn whom to trust on which emotion, in place of a vote."),
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
            "an honest test.",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="What to call it; by default as the file.", show_default=False)] = "",
) -> None:
    """Make one model of several: the mean of their calibrated probabilities, or a stack.

    The ensemble tells apart the emotions that all members know. Its file holds the members' paths and hashes, not the
    members: keep them where they are.

    A stack is fitted on the [bold]validation[/bold] part, which is then no test for it any more: its scores here are
    cross-validated, those of a later [bold]mien lab evaluate[/bold] on that part are too good.

    [bold]mien lab ensemble runs/a runs/b models/hog-boosting.onnx --data fer2013.csv --out models/three.json[/bold]

    Then:  [bold]mien lab evaluate models/three.json --data fer2013.csv --split test[/bold]
    """
    from ..extras import check_installed

    check_installed(PACKAGES, "lab")
    from rich.console import Console

    from ..lab.ensemble.run import make_ensemble
    from ..lab.evaluate.predict import open_classifier
    from ..lab.recipe import load_recipe
    from ..lab.subsetting import subset
    from .data import progress_bar, read_data

    chosen = load_recipe(recipe) if recipe else None
    inputs = [open_classifier(model).input for model in models]
    color = "rgb" if any(spec.color == "rgb" for spec in inputs) else "gray"
    size = max(spec.size for spec in inputs)
    faces = read_data(data, size, color, manifest=manifest, detect_faces=detect_faces)
    faces = subset(faces, chosen) if chosen else faces
    with progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task("opening", total=None)
        made = make_ensemble(
            models,
            faces,
            out,
            stack=stacked,
            weights=weight or (),
            targets=targets,
            name=name,
            progress=lambda what: progress.update(task, description=what),
        )
    Console(width=max(Console().width, 110)).print(_table(made))
    if stacked:
        typer.echo(f"{made.part} is no test for this stack any more: it was fitted there.", err=True)
    typer.echo(f"written: {out}", err=True)


def _table(made: Made) -> Table:
    from rich.table import Table

    how = "cross-validated" if made.ensemble.stack else "soft voting"
    shown = Table(
        title=f"{made.ensemble.name}: {made.ensemble.emotions}, {made.part}, n = {made.together.n:,}",
        caption=f"Mirror images averaged. 95 % interval after Wilson. NLL in nats.\nFitted on {made.ensemble.fitted_on}.",
    )
    for column in ("model", "head"):
        shown.add_column(column)
    for column in ("weight", "temperature", "accuracy %", "95 %", "macro-F1", "NLL", "ECE"):
        shown.add_column(column, justify="right", no_wrap=True)
    named = [
        (member.model, member.head, "" if made.ensemble.stack else f"{member.weight:.2f}", member.temperature)
        for member in made.ensemble.members
    ]
    rows = [*zip(named, made.members), ((f"together ({how})", "", "", made.ensemble.temperature), made.together)]
    for (model, head, weight, temperature), scores in rows:
        low, high = scores.interval
        if scores is made.together:
            shown.add_section()
        shown.add_row(
            model, head, weight, f"{temperature:.2f}", f"{100 * scores.accuracy:.2f}", f"{100 * low:.1f}-{100 * high:.1f}",
            f"{scores.macro_f1:.3f}", f"{scores.nll:.3f}", f"{scores.ece:.3f}",
        )  # fmt: skip
    return shown
