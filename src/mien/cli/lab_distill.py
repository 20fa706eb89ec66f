"""``mien lab distill``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .data import Data, DetectFaces, ManifestFile


def distill(
    teachers: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="Runs, checkpoints, .onnx files or models that come with mien; several are averaged.",
        ),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="FILE.npz", help="Where views and predictions go.")],
    recipe: Annotated[
        str, typer.Option(metavar="RECIPE", help="The student's: its heads, image size and augmentation.")
    ] = "default",
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    views: Annotated[
        int, typer.Option(min=1, metavar="N", help="Of each image: the first as it is, the others changed at random.")
    ] = 8,
) -> None:
    """Store predictions of trained models for the training images, for students to learn from.

    [bold]mien lab distill runs/a runs/b --data fer2013.npz --out teachers.npz[/bold]

    [bold]mien lab train default --set distillation.teachers=teachers.npz --data fer2013.npz --out runs/student[/bold]
    """
    from ..extras import check_installed

    check_installed(("torch", "lightning", "sklearn", "scipy"), "lab")
    from rich.console import Console

    from ..lab import distill as run
    from ..lab.recipe import load_recipe
    from .data import read_data
    from .progress import progress_bar

    student = load_recipe(recipe)
    faces = read_data(data, student.input.size, student.input.color, manifest=manifest, detect_faces=detect_faces)
    with progress_bar(Console(stderr=True), "predicting") as progress:
        run(teachers, faces, out, recipe=student, views=views, progress=progress)
    typer.echo(f"written: {out}", err=True)
    typer.echo(f"Next:  mien lab train {recipe} --set distillation.teachers={out}", err=True)
