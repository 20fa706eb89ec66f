"""``mien lab teach``: its options, and their translation into a call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .data import Data, DetectFaces, ManifestFile


def teach(
    teachers: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL",
            help="Whose answers to keep: folders of runs, checkpoints, .onnx files, models that come with mien. Several are "
            "averaged.",
        ),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="FILE.npz", help="Where views and answers go.")],
    recipe: Annotated[
        str, typer.Option(metavar="RECIPE", help="The student's: its heads, image size and changes of images.")
    ] = "default",
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    views: Annotated[
        int, typer.Option(min=1, metavar="N", help="Of each image: the first as it is, the others changed at random.")
    ] = 8,
) -> None:
    """Keep what trained models say of the training images, for students to learn from (distillation).

    Asking takes a while and is done once; a student then trains as fast as without teachers:

    [bold]mien lab teach runs/a runs/b --data fer2013.npz --out taught.npz[/bold]

    [bold]mien lab train default --set distil.taught=taught.npz --data fer2013.npz --out runs/student[/bold]
    """
    from ..extras import check_installed

    check_installed(("torch", "lightning", "sklearn", "scipy"), "lab")
    from rich.console import Console

    from ..data.dataset import TRAIN
    from ..lab.distill import ask
    from ..lab.evaluation.classifier import open_classifier
    from ..lab.recipe import load_recipe
    from ..lab.subsetting import subset
    from ..lab.train.teacher_targets import write_taught
    from .data import progress_bar, read_data

    student = load_recipe(recipe)
    asked = [open_classifier(teacher) for teacher in teachers]
    faces = read_data(data, student.input.size, student.input.color, manifest=manifest, detect_faces=detect_faces)
    learned = subset(faces, student).part(TRAIN)
    with progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task("asking", total=len(learned))
        taught = ask(
            asked,
            learned,
            student,
            views=views,
            progress=lambda done, _total: progress.update(task, completed=done),
        )
    write_taught(taught, out)
    typer.echo(f"written: {out}", err=True)
    typer.echo(f"Learn from it:  mien lab train {recipe} --set distil.taught={out}", err=True)
