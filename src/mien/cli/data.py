"""Options for datasets, shared by the commands of the lab."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..data.dataset import Dataset

Data = Annotated[
    Path,
    typer.Option(
        metavar="PATH",
        help="Dataset: fer2013.csv from Kaggle (with FER+ votes if fer2013new.csv is beside it), class folders such as "
        "train/happy/*.png or happy/*.jpg, parquet, or a packed .npz file.",
    ),
]
ManifestFile = Annotated[
    Path | None,
    typer.Option(
        "--manifest",
        metavar="FILE",
        help="Images to use, their labels and splits, as [bold]mien lab inspect --write-manifest[/bold] writes.",
        show_default=False,
    ),
]
DetectFaces = Annotated[
    bool,
    typer.Option("--detect-faces", help="Crop the face from each image."),
]


def read_data(
    path: Path, size: int, color: str = "gray", *, manifest: Path | None = None, detect_faces: bool = False
) -> Dataset:
    """Load a dataset with a progress bar, and print each image that is left out.

    Raises:
        DataError: the data cannot be used.
    """
    from rich.console import Console

    from ..data import load
    from .output import progress_bar

    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    with progress_bar(notes, "reading data") as progress:
        return load(
            path,
            size,
            color=color,
            manifest=manifest,
            detect_faces=detect_faces,
            progress=progress,
            on_damaged=lambda _file, why: notes.print(f"left out: {why}", markup=False),  # why begins with the file
            notes=lambda text: notes.print(text, markup=False),
        )


def data_words(path: Path, manifest: Path | None, detect_faces: bool) -> str:
    """The options about data as the user gave them, for hints."""
    return f"--data {path}{f' --manifest {manifest}' if manifest else ''}{' --detect-faces' if detect_faces else ''}"
