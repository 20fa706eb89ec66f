"""``mien lab train``, ``recipes`` and ``distill``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from .lab_detector import train_detector
from .options import Data, DetectFaces, LabelNames, ManifestFile


def train(
    recipe: Annotated[
        str, typer.Argument(help="A recipe that comes with mien (see 'mien lab recipes'), or a .toml file.")
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where checkpoints, history.csv and curves.png go.")],
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out; the result equals an uninterrupted run.")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", help="Passes over the training images, in place of the recipe's.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Initial weights of a timm network's base: a file, [bold]imagenet[/bold] or [bold]none[/bold].",
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Change a field, as in --set optimizer.lr=0.01; repeatable."),
    ] = None,
    max_memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Memory that training may take, as in 4GB: batches are divided to fit."),
    ] = None,
) -> None:
    """Train a network with a recipe.

    It learns from the [bold]train[/bold] part and evaluates each epoch on [bold]validation[/bold], or on a part of train
    where the recipe sets one aside (data.inner).

    Test run:  [bold]mien lab train smoke --data fer2013.csv --out runs/smoke[/bold]

    One label per image:  [bold]mien lab train seven --data fer2013.csv --out runs/seven[/bold]

    Labels and FER+ votes:  [bold]mien lab train default --data fer2013.npz --out runs/default[/bold]

    Face detector:  [bold]mien lab train detector --data faces --out runs/detector[/bold] (more options: train-detector)
    """
    from ..extras import check_installed

    check_installed(("torch", "lightning", "torchmetrics", "sklearn", "scipy", "matplotlib"), "lab")
    from ..lab import train as run
    from ..lab.detector.recipe import is_detector_recipe
    from ..lab.recipe import changed, load_recipe
    from .options import byte_count, field_changes
    from .output import data_words, progress_bar, read_data

    if is_detector_recipe(recipe):
        train_detector(recipe, data, out, resume=resume, init=Path(weights) if weights else None, epochs=epochs)
        return
    wanted = field_changes(changes or [])
    wanted |= {"schedule.epochs": epochs} if epochs is not None else {}
    wanted |= {"network.weights": weights} if weights is not None else {}
    chosen = changed(load_recipe(recipe), wanted)
    limit = byte_count(max_memory) if max_memory else None
    faces = read_data(
        data,
        chosen.input.size,
        chosen.input.color,
        manifest=manifest,
        detect_faces=detect_faces,
        label_names=label_names,
    )
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    table, shown = Console(soft_wrap=True, highlight=False), list[str]()
    notes.print(f"{chosen.name}, up to epoch {chosen.schedule.epochs} -> {out}", markup=False)

    def show(rows: list[dict[str, float]]) -> None:
        """Print one aligned line for each epoch, readable in a terminal, a pipe and a log file."""
        row, done = rows[-1], f"{rows[-1]['epoch']:.0f}/{chosen.schedule.epochs}"
        cells = {"epoch": done, "seconds": f"{row['seconds']:.1f}"}
        cells |= {
            name.replace("_", " "): f"{row[name]:.4f}" if name in row else "" for name in ("train_loss", "val_loss")
        }
        cells |= {name[len("val_acc_") :]: f"{row[name]:.2%}" for name in row if name.startswith("val_acc_")}
        if not shown:
            table.print("  ".join(f"{title:>10}" for title in cells), style="bold")
        shown.append(done)
        table.print("  ".join(f"{cell:>10}" for cell in cells.values()), markup=False)

    try:
        with progress_bar(notes, "starting") as progress:
            result = run(
                chosen, faces, out, resume=resume, max_bytes=limit, on_epoch=show, progress=progress,
                notes=lambda text: notes.print(text, markup=False),
            )  # fmt: skip
    except KeyboardInterrupt:
        if (out / "last.ckpt").exists():
            notes.print("Stopped. Add --resume to continue after the last complete epoch.", markup=False)
        raise
    notes.print(f"model: {result.checkpoint}\nhistory: {out / 'history.csv'}, {out / 'curves.png'}", markup=False)
    words = data_words(data, manifest, detect_faces)
    notes.print(f"Next:  mien lab evaluate {out} {words} --out {out / 'report'}", markup=False)
    notes.print(f"       mien lab export {out} {words} --out models", markup=False)


def recipes(
    name: Annotated[
        str | None, typer.Argument(help="Print this recipe's text instead of the list.", show_default=False)
    ] = None,
) -> None:
    """List the recipes that come with mien, or print one.

    A recipe of your own begins as a copy:  [bold]mien lab recipes seven > mine.toml[/bold]
    """
    from ..extras import check_installed

    check_installed(("pydantic",), "lab")
    from ..lab.recipe import builtin_recipes, recipe_text

    if name is not None:
        typer.echo(recipe_text(name), nl=False)
        return
    known = {name: recipe_text(name).partition("\n")[0].lstrip("# ") for name in builtin_recipes()}
    width = max(map(len, known))
    for entry, about in known.items():
        typer.echo(f"{entry:{width}}  {about}")


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
    label_names: LabelNames = None,
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
    from ..lab import distill as run
    from ..lab.recipe import load_recipe
    from .output import progress_bar, read_data

    student = load_recipe(recipe)
    faces = read_data(
        data,
        student.input.size,
        student.input.color,
        manifest=manifest,
        detect_faces=detect_faces,
        label_names=label_names,
    )
    with progress_bar(Console(stderr=True), "predicting") as progress:
        run(teachers, faces, out, recipe=student, views=views, progress=progress)
    typer.echo(f"written: {out}", err=True)
    typer.echo(f"Next:  mien lab train {recipe} --set distillation.teachers={out}", err=True)
