"""``mien lab ensemble``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .data import Data, DetectFaces, ManifestFile

if TYPE_CHECKING:
    from rich.table import Table

    from ..lab.ensembles.make import EnsembleResult

_NEEDED = ("onnx", "sklearn", "scipy", "matplotlib")


def ensemble(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL",
            help="At least two: models that come with mien, .onnx files, checkpoints, run folders, other ensembles. "
            "Their image sizes, colors and label sets may differ.",
        ),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="FILE.onnx", help="The file to write; its card goes beside it.")],
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
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

    The ensemble tells apart the emotions that all members know, and is used like any other model.

    A stack is fitted on the [bold]validation[/bold] part: its scores here are cross-validated, those of a later
    [bold]mien lab evaluate[/bold] on that part are optimistic.

    [bold]mien lab ensemble runs/a runs/b default --data fer2013.csv --out models/three.onnx[/bold]

    Then:  [bold]mien lab evaluate models/three.onnx --data fer2013.csv --split test[/bold]
    """
    from ..extras import check_installed

    check_installed(_NEEDED, "lab")
    from rich.console import Console

    from ..lab.ensembles.graph import common_input
    from ..lab.ensembles.make import ensemble as merge
    from ..lab.ensembles.make import open_onnx
    from ..lab.recipe import load_recipe
    from ..lab.sampling import subset
    from .data import progress_bar, read_data

    chosen = load_recipe(recipe) if recipe else None
    spec = common_input([open_onnx(model)[0].input for model in models])
    faces = read_data(data, spec.size, spec.color, manifest=manifest, detect_faces=detect_faces)
    faces = subset(faces, chosen) if chosen else faces
    with progress_bar(Console(stderr=True)) as bar:
        task = bar.add_task("opening", total=None)
        made = merge(
            models, faces, out, stacked=stacked, weights=weight or (), targets=targets, name=name,
            progress=lambda step: bar.update(task, description=step),
        )  # fmt: skip
    Console(width=max(Console().width, 110)).print(_table(made))
    if stacked:
        typer.echo(f"The stack was fitted on {made.part}: a later evaluation on that part is optimistic.", err=True)
    typer.echo(f"written: {out}\nwritten: {out.with_suffix('.json')}", err=True)


def _table(made: EnsembleResult) -> Table:
    from rich.table import Table

    how = "cross-validated" if made.stack else "soft voting"
    shown = Table(
        title=f"{made.card.name} on {made.part}, n = {made.scores.n:,}",
        caption="Mirror images averaged. 95% Wilson intervals. NLL in nats.",
    )
    for column in ("model", "head"):
        shown.add_column(column)
    for column in ("weight", "temperature", "accuracy", "95% CI", "macro-F1", "NLL", "ECE"):
        shown.add_column(column, justify="right", no_wrap=True)
    named = [
        (member.card.name, member.head, "" if made.stack else f"{member.weight:.2f}", member.temperature)
        for member in made.members
    ]
    together = (f"ensemble ({how})", "", "", next(iter(made.card.heads.values())).temperature)
    for (model, head, weight, temperature), scores in [*zip(named, made.member_scores), (together, made.scores)]:
        interval = "[{:.1f}, {:.1f}]".format(*(100 * end for end in scores.interval))
        if scores is made.scores:
            shown.add_section()
        shown.add_row(
            model, head, weight, f"{temperature:.2f}", f"{100 * scores.accuracy:.2f}%", interval,
            f"{scores.macro_f1:.3f}", f"{scores.nll:.3f}", f"{scores.ece:.3f}",
        )  # fmt: skip
    return shown
