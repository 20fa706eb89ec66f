"""The options by which every command of the lab is told about data, and how the data is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from ..data.dataset import Dataset

Data = Annotated[
    Path,
    typer.Option(
        metavar="PATH",
        help="fer2013.csv or icml_face_data.csv from Kaggle (with FER+'s votes if fer2013new.csv lies beside it), a folder "
        "of class folders such as train/happy/*.png or happy/*.jpg, parquet files, or a packed .npz file.",
    ),
]
ManifestFile = Annotated[
    Path | None,
    typer.Option(
        "--manifest",
        metavar="FILE",
        help="Which images to use, and for what: a list that [bold]mien lab inspect --write-manifest[/bold] or a run wrote.",
        show_default=False,
    ),
]
DetectFaces = Annotated[
    bool,
    typer.Option("--detect-faces", help="The images are whole photos: find the face in each and cut it out."),
]


def read_data(
    path: Path, size: int, color: str = "gray", *, manifest: Path | None = None, detect_faces: bool = False
) -> Dataset:
    """Open a data set with a progress bar, and name every image that had to be left out.

    Raises:
        DataError: the data cannot be used.
    """
    from rich.console import Console

    from ..data import load
    from . import progress

    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    with progress.progress_bar(notes, "reading data") as report:
        return load(
            path,
            size,
            color=color,
            manifest=manifest,
            detect_faces=detect_faces,
            progress=report,
            on_damaged=lambda _file, why: notes.print(f"left out: {why}", markup=False),  # why begins with the file
            notes=lambda text: notes.print(text, markup=False),
        )


def data_words(path: Path, manifest: Path | None, detect_faces: bool) -> str:
    """The options about data as the user gave them, for advice on what to type next."""
    return f"--data {path}{f' --manifest {manifest}' if manifest else ''}{' --detect-faces' if detect_faces else ''}"


def progress_bar(console: Console) -> Progress:
    """A bar that vanishes when done, and never appears in a pipe."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    shape = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*shape, console=console, transient=True, disable=not console.is_terminal)
