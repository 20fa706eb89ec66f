"""``mien lab train``, ``recipes`` and ``distill``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from ..errors import OptionError
from .help import print_rows
from .lab_detector import train_detector
from .options import (
    ADVANCED,
    Data,
    DetectFaces,
    LabelNames,
    ManifestFile,
    RecipeName,
    RunFolder,
    byte_count,
    existing_replay,
    field_changes,
    known_models,
    known_recipe,
    option,
)


def train(
    recipe: RecipeName,
    data: Data,
    out: RunFolder,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", help="Passes over the training images. Default: the recipe's.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Change a field, e.g. optimizer.lr=0.01; repeatable."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out, exactly as if uninterrupted.")
    ] = False,
    weights: Annotated[
        str | None,
        option(ADVANCED, "Initial weights of a timm network: a file, imagenet or none.", metavar="FILE"),
    ] = None,
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
    max_memory: Annotated[
        str | None, option(ADVANCED, "Divide batches to fit into this memory, e.g. 4GB.", metavar="SIZE")
    ] = None,
    devices: Annotated[
        int | None, option(ADVANCED, "Processes, one per GPU or core. Default: 1, or torchrun's.", metavar="N", min=1)
    ] = None,
    nodes: Annotated[
        int | None, option(ADVANCED, "Machines that train together. Default: 1, or torchrun's.", metavar="N", min=1)
    ] = None,
    strategy: Annotated[Literal["ddp"], option(ADVANCED, "How processes train together: ddp.", metavar="NAME")] = "ddp",
    sync_batch_norm: Annotated[
        bool, option(ADVANCED, "Compute batch norm over all processes.", "--sync-batch-norm")
    ] = False,
) -> None:
    """Train a network with a recipe.

    It learns from the train split. Each epoch is evaluated on the validation split, or on a part of train where the recipe
    sets one aside (data.inner).

    Examples:
      mien lab train smoke --data fer2013.csv --out runs/smoke
      mien lab train seven --data fer2013.csv --out runs/seven
      mien lab train default --data fer2013.npz --out runs/default
      mien lab train detector --data faces --out runs/detector
      mien lab train default --data fer2013.npz --out runs/b --devices 8
    """
    from ..extras import check_installed

    wanted = field_changes(changes or [])
    wanted |= {"schedule.epochs": epochs} if epochs is not None else {}
    wanted |= {"network.weights": weights} if weights is not None else {}
    limit = byte_count(max_memory) if max_memory else None
    check_installed(("torch", "lightning", "torchmetrics", "sklearn", "scipy", "matplotlib"), "lab")
    from ..lab import train as run
    from ..lab.detector.recipe import is_detector_recipe
    from ..lab.recipe import changed, load_recipe
    from ..lab.training.parallel import processes
    from .output import data_words, progress_bar, read_data

    if is_detector_recipe(recipe):
        if (devices or 1) * (nodes or 1) > 1:
            message = f"devices: got {devices or 1} on {nodes or 1} machines, but face detectors train in one process"
            raise OptionError(message, hint="Leave --devices and --nodes out.", field="devices", value=devices)
        train_detector(recipe, data, out, resume=resume, init=Path(weights) if weights else None, epochs=epochs)
        return
    chosen = changed(load_recipe(recipe), wanted)
    faces = read_data(
        data,
        chosen.input.size,
        chosen.input.color,
        manifest=manifest,
        detect_faces=detect_faces,
        label_names=label_names,
    )
    first = processes(devices, nodes, strategy).first  # the other processes of a run print nothing
    notes = Console(stderr=True, soft_wrap=True, highlight=False, quiet=not first)
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
                chosen, faces, out, resume=resume, max_bytes=limit, devices=devices, nodes=nodes, strategy=strategy,
                sync_batch_norm=sync_batch_norm, on_epoch=show, progress=progress,
                notes=lambda text: notes.print(text, markup=False),
            )  # fmt: skip
    except KeyboardInterrupt:
        if (out / "last.ckpt").exists():
            notes.print("Stopped. Add --resume to continue after the last complete epoch.", markup=False)
        raise
    notes.print(f"model: {result.checkpoint}\nhistory: {out / 'history.csv'}, {out / 'curves.png'}", markup=False)
    words = data_words(data, manifest, detect_faces)
    run_folder, report = shlex.quote(str(out)), shlex.quote(str(out / "report"))
    notes.print(f"Next:  mien lab evaluate {run_folder} {words} --out {report}", markup=False)
    notes.print(f"       mien lab export {run_folder} {words} --out models", markup=False)


def recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Print the text of this recipe instead of the list.")
    ] = None,
) -> None:
    """List the recipes that come with mien, or print one.

    Examples:
      mien lab recipes
      mien lab recipes seven > mine.toml
    """
    from ..extras import check_installed

    check_installed(("pydantic",), "lab")
    from ..lab.recipe import recipe_text, recipes_by_purpose

    if name is not None:
        typer.echo(recipe_text(name), nl=False)
        return
    console = Console(highlight=False)
    for purpose, known in recipes_by_purpose().items():
        console.print(Text(purpose, "bold"))
        print_rows(console, list(known.items()), 25)


def distill(
    teachers: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="Names, runs, checkpoints or .onnx files; several are averaged.",
            callback=known_models,
        ),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="FILE.npz", help="File for views and predictions.")],
    recipe: Annotated[
        str,
        typer.Option(
            metavar="RECIPE", help="Recipe of the student: its heads, size and augmentation.", callback=known_recipe
        ),
    ] = "default",
    views: Annotated[
        int, typer.Option(min=1, metavar="N", help="Views of each image: itself, and random variations.")
    ] = 8,
    photos: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH", help="Photos whose faces the student learns from, too, without labels; repeatable."
        ),
    ] = None,
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
) -> None:
    """Store predictions of models for a student to learn from.

    Examples:
      mien lab distill runs/a runs/b --data fer2013.npz --out teachers.npz
      mien lab distill accurate --data fer2013.npz --photos holidays --out t.npz
      mien lab train default --set distillation.teachers=teachers.npz ...
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
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    with progress_bar(notes, "predicting") as progress:
        run(
            teachers, faces, out, recipe=student, views=views, photos=photos or [], progress=progress,
            on_error=lambda error: notes.print(f"skipped: {error}", markup=False),
        )  # fmt: skip
    typer.echo(f"written: {out}", err=True)
    typer.echo(f"Next:  mien lab train {recipe} --set {shlex.quote(f'distillation.teachers={out}')}", err=True)


def finetune(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Included model, or float32 .onnx file with its card.")],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the run, NAME.onnx and its card.")],
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Data that the model was trained on, to forget less.", callback=existing_replay
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(metavar="N", min=1, help="Passes over the images.")] = 8,
    lr: Annotated[float, option(ADVANCED, "Highest learning rate.", metavar="NUMBER")] = 0.0001,
    name: Annotated[str, typer.Option(metavar="TEXT", help="Name of the new model.")] = "finetuned",
) -> None:
    """Continue the training of a model with new images.

    A third of the new images is held out, and the new model is compared with the base model on it. With --replay, images
    of the original data are shown too, and compared.

    Examples:
      mien lab finetune default --data mien-flags --out runs/corrected
      mien lab finetune default --data mien-flags --replay fer2013.csv --out runs/b
      mien read photo.jpg --model runs/corrected/finetuned.onnx
    """
    from ..extras import check_installed
    from ..model.card import load_model

    load_model(model)
    check_installed(("torch", "lightning", "torchmetrics", "sklearn", "scipy", "matplotlib", "onnxscript"), "lab")
    from ..lab import finetune as run
    from .output import progress_bar

    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    with progress_bar(notes, "starting") as progress:
        done = run(
            model, data, out, replay=replay, epochs=epochs, lr=lr, name=name, progress=progress,
            notes=lambda text: notes.print(text, markup=False),
            on_epoch=lambda rows: notes.print(f"epoch {len(rows)}: loss {rows[-1]['train_loss']:.4f}"),
        )  # fmt: skip
    for held_out in filter(None, (done.new, done.replay)):
        n = held_out.n
        typer.echo(f"{held_out.name}: {held_out.base} of {n} held-out images right before, {held_out.tuned} after")
    typer.echo("Better than the base model." if done.improved else f"Not better than the base model: keep {model}.")
    notes.print(f"written: {done.path}\nNext:  mien read photo.jpg --model {shlex.quote(str(done.path))}", markup=False)
