"""``mien lab inspect``: what a data set holds and what is wrong with it; the options, and what is shown meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from ..data.dataset import Dataset
    from ..lab.inspect.inspection import Damaged, Inspection
    from ..lab.inspect.problems import Problem


def inspect(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="fer2013.csv or icml_face_data.csv from Kaggle, a packed .npz file, parquet, or a folder with "
            "train/happy/*.png, validation/happy/*.png, ...",
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", dir_okay=False, help="Write the report with images here: one HTML page."),
    ] = None,
    clean: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            dir_okay=False,
            help="Write a list of all images that says which to use and why not the others; nothing is deleted.",
        ),
    ] = None,
    drop_label_errors: Annotated[
        bool,
        typer.Option(
            "--drop-label-errors", help="Leave probable label errors of training out of --write-manifest too."
        ),
    ] = False,
    faces: Annotated[
        bool,
        typer.Option(
            "--faces",
            help="Look for images without a face, among 2,000 at most. In tight crops the detector misses faces too.",
        ),
    ] = False,
    size: Annotated[int, typer.Option(min=16, max=512, help="Side in pixels at which images are compared.")] = 48,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON with all names, and nothing else.")] = False,
) -> None:
    """Look a data set through: classes, light, copies and leaks, blank, dark and blurred images, probable label errors.

    Problems are findings, not failures: the exit code is 0 whenever the data can be read.

    A look:  [bold]mien lab inspect fer2013.csv[/bold]

    With images:  [bold]mien lab inspect fer2013.csv --out report.html[/bold]

    A list that leaves out leaks and contradictions:  [bold]mien lab inspect fer2013.csv --write-manifest list.csv[/bold]
    """
    from ..extras import check_installed

    check_installed(("sklearn", "scipy", "matplotlib", "jinja2", "imagehash"), "lab")
    from rich.console import Console

    from ..data.manifest import write_manifest
    from ..errors import OptionError
    from ..io.atomic import write_atomically
    from ..lab.inspect.cleaning import clean as cleaned
    from ..lab.inspect.page import render
    from ..lab.inspect.problems import problems_of
    from ..lab.inspect.summary import as_json as json_of

    if drop_label_errors and clean is None:
        raise OptionError(
            "--drop-label-errors speaks of --write-manifest, which was not given", hint="Add --write-manifest list.csv."
        )
    notes: list[str] = []
    inspection = _looked_through(data, size, faces, notes)
    problems = problems_of(inspection)
    cleaning = cleaned(inspection, drop_label_errors=drop_label_errors)
    if out:
        write_atomically(out, render(inspection, problems, cleaning, notes))
    if clean:
        write_manifest(inspection.faces, clean, use=cleaning.use, why=cleaning.why)
    if as_json:
        typer.echo(json_of(inspection, problems, cleaning, notes), nl=False)
    else:
        _show(Console(highlight=False), inspection, problems, notes)
    for path in (out, clean):
        if path:
            typer.echo(f"written: {path}", err=True)
    if clean:
        typer.echo(f"{int(cleaning.use.sum()):,} of {len(cleaning.use):,} images are used by {clean}", err=True)


def look(data: Path, size: int = 48) -> dict[str, Any]:
    """What ``--json`` prints, as plain values."""
    from ..lab.inspect.cleaning import clean
    from ..lab.inspect.problems import problems_of
    from ..lab.inspect.summary import as_dict

    notes: list[str] = []
    inspection = _looked_through(data, size, False, notes)
    return as_dict(inspection, problems_of(inspection), clean(inspection, drop_label_errors=False), notes)


def _looked_through(data: Path, size: int, detect_faces: bool, notes: list[str]) -> Inspection:
    from rich.console import Console

    from ..lab.inspect.inspection import look_through
    from .data import progress_bar

    with progress_bar(Console(stderr=True)) as progress:
        task = progress.add_task("reading data", total=None)

        def tell(step: str, done: int, total: int) -> None:
            progress.update(task, description=step, completed=done, total=total or None)

        faces, damaged = _opened(data, size, notes, lambda done, total: tell("reading data", done, total))
        return look_through(faces, side=size, folder=data, damaged=tuple(damaged), detect_faces=detect_faces, tell=tell)


def _opened(data: Path, size: int, notes: list[str], tell: Callable[[int, int], None]) -> tuple[Dataset, list[Damaged]]:
    """The images that can be decoded, and the files that cannot."""
    from ..data.loading import load
    from ..lab.inspect.inspection import Damaged

    damaged: list[Damaged] = []

    def put_down(file: Path, why: str) -> None:
        name = file.relative_to(data).as_posix() if file.is_relative_to(data) else str(file)
        damaged.append(Damaged(name, why, file.is_file() and file.stat().st_size == 0))

    return load(data, size, progress=tell, on_damaged=put_down, notes=notes.append), damaged


def _show(console: Console, inspection: Inspection, problems: Sequence[Problem], notes: list[str]) -> None:
    """Two tables and a few sentences."""
    from ..lab.inspect.summary import class_table, problem_table, sentences

    for note in notes:
        console.print(note, markup=False)
    console.print(class_table(inspection.faces), "", problem_table(problems, inspection.faces), "")
    for sentence in sentences(inspection):
        console.print(sentence, markup=False)
