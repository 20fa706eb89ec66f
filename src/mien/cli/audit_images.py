"""``mien audit predict`` and ``mien audit attributes``: the commands that take images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

from .options import DETECTION, DetectorFile, Emotions, Head, MinFace, Model, Overwrite, Threads, WhichDetector


def column(text: str) -> Any:
    """An option that names a column of a table."""
    return typer.Option(metavar="COLUMN", help=text, rich_help_panel="Columns")


def flag(name: str, text: str) -> Any:
    """A switch that concerns columns of a table."""
    return typer.Option(name, help=text, rich_help_panel="Columns")


Label: TypeAlias = Annotated[str, column("Labels. \\[label, truth, ...]")]
NoLabels: TypeAlias = Annotated[
    bool, flag("--no-labels", "Ignore labels: compare how often each emotion is predicted.")
]
Person: TypeAlias = Annotated[
    str, column("Identifies the person; one image of each is kept, as images of one person are not independent.")
]


def predict(
    source: Annotated[
        Path,
        typer.Argument(
            help="Labeled images: the folder of CREMA-D, RAF-DB, AffectNet or FairFace; a table with a column of paths; "
            "parquet with images; or cropped faces (fer2013.csv, packed .npz).",
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(metavar="FILE.csv", dir_okay=False, help="Write the predictions here.")],
    groups: Annotated[
        list[str] | None, column("Column of groups; repeatable. Default: all that a known data set has.")
    ] = None,
    label: Label = "",
    no_labels: NoLabels = False,
    images: Annotated[str, column("Images, or their paths. \\[path, file, ...]")] = "",
    person: Person = "",
    attributes: Annotated[
        Literal["fixed", "thirds"] | None,
        typer.Option(help="Measure and add image attributes as groups, by fixed edges or in thirds."),
    ] = None,
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option(help="Split of cropped faces.")
    ] = "validation",
    model: Model = "default",
    emotions: Emotions = None,
    head: Head = None,
    detector: Annotated[
        Literal["centerface", "none"],
        typer.Option(help="Face detector; 'none': each image is one face.", rich_help_panel=DETECTION),
    ] = "centerface",
    threads: Threads = 0,
    overwrite: Overwrite = False,
) -> None:
    """Run a model on labeled images, and write the table of predictions that the other audits take.

    [bold]Examples[/bold]

      mien audit predict photos.csv --groups gender --out predictions.csv
      mien audit predict fer2013.csv --model tiny --attributes thirds --out predictions.csv
    """
    check_packages()
    from rich.console import Console

    from ..audit.predict import audit_predict
    from ..options import ReadOptions
    from .progress import progress_bar

    _check_csv(out, overwrite=overwrite)
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    with progress_bar(notes, "predicting") as progress:
        table = audit_predict(
            source, groups=groups, label=label, no_labels=no_labels, images=images, person=person,
            attributes=attributes, split=split,
            options=ReadOptions(emotions=emotions, model=model, head=head, detector=detector, threads=threads),
            progress=progress,
        )  # fmt: skip
    table.write_csv(out)
    for note in table.notes:
        notes.print(f"note: {note}", markup=False)
    notes.print(f"written: {out}, {len(table.rows):,} images", markup=False)
    chosen = "".join(f" --groups {name}" for name in table.groups)
    labels = "" if table.has_labels else " --no-labels"
    notes.print(f"next: mien audit fairness {out}{chosen}{labels}", markup=False)


def attributes(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...|DATA",
            help="Images, folders or patterns; or one data set of faces: fer2013.csv, packed .npz, parquet.",
        ),
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", dir_okay=False, help="Write a row per face to this CSV file.")
    ] = None,
    overwrite: Overwrite = False,
    bins: Annotated[
        Literal["fixed", "thirds"],
        typer.Option(help="Groups by fixed edges, comparable between data sets, or by thirds of these faces."),
    ] = "fixed",
    split: Annotated[
        Literal["train", "validation", "test"] | None, typer.Option(help="Split of a data set. Default: all images.")
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Include sub-folders.")] = False,
    detector: WhichDetector = "centerface",
    detector_file: DetectorFile = None,
    min_face: MinFace = None,
    threads: Threads = 0,
) -> None:
    """Measure image attributes of each face (lighting, contrast, sharpness, size, pose, skin lightness) and group them.

    The groups are for [bold]mien audit fairness[/bold]. They describe images, not people.

    [bold]Examples[/bold]

      mien audit attributes photos/ -r
      mien audit attributes fer2013.csv --split validation --out attributes.csv

    Exit code 0 when every image was measured, 3 when some could not be read: they are listed at the end.
    """
    check_packages()
    from rich.console import Console

    from ..audit.attributes import attribute_rows, group_counts, measure_attributes
    from ..audit.exports import csv_bytes
    from ..io.atomic import write_atomically
    from ..options import ReadOptions
    from ..report import Column, Document, Table, count
    from .progress import progress_bar

    if out:
        _check_csv(out, overwrite=overwrite)
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    failures: list[str] = []
    with progress_bar(notes, "measuring") as progress:
        measured = measure_attributes(
            sources, split=split, recursive=recursive, failed=failures.append,
            options=ReadOptions(detector=detector, detector_file=detector_file, min_face=min_face, threads=threads),
            progress=progress,
        )  # fmt: skip
    for failure in failures:
        notes.print(f"could not be read: {failure}", markup=False)
    rows = tuple(
        (name, ", ".join(f"{group} {n:,}" for group, n in counts.items()))
        for name, counts in group_counts(measured, thirds=bins == "thirds").items()
    )
    table = Table((Column("Attribute"), Column("Groups, with their faces")), rows)
    console = Console(highlight=False)
    console.print(Document(f"Image attributes: {count(len(measured), 'face')}", (table,)).to_terminal(console.width))
    if out:
        write_atomically(out, csv_bytes(attribute_rows(measured, thirds=bins == "thirds")))
        notes.print(f"written: {out}", markup=False)
    if failures:
        raise typer.Exit(3)


def check_packages(*more: str) -> None:
    """Make sure that the extra ``audit`` is installed, before anything slow is imported."""
    from ..extras import check_installed

    check_installed(["sklearn", "scipy", "statsmodels", "pandas", *more], "audit")


def _check_csv(path: Path, *, overwrite: bool) -> None:
    from ..errors import OptionError
    from ..io.atomic import check_free

    if path.suffix.lower() != ".csv":
        raise OptionError(f"--out: got {path.name!r}, expected a name that ends in .csv", hint=f"Try {path.stem}.csv.")
    check_free(path.parent, [path.name], "a table", overwrite=overwrite)
