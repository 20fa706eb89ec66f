"""``mien audit predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .audit_options import COLUMNS, Label, NoLabels, Person
from .options import DETECTION, Emotions, Head, Model, Overwrite, Threads


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
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of groups; repeatable. Default: all that a known data set has.",
            rich_help_panel=COLUMNS,
        ),
    ] = None,
    label: Label = "",
    no_labels: NoLabels = False,
    images: Annotated[
        str, typer.Option(metavar="COLUMN", help="Images, or their paths. \\[path, file, ...]", rich_help_panel=COLUMNS)
    ] = "",
    person: Person = "",
    attributes: Annotated[
        Literal["fixed", "thirds"] | None,
        typer.Option(
            help="Measure lighting, sharpness, size and pose of each face, and add them as groups, by fixed edges or in "
            "thirds."
        ),
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
    from ..extras import check_installed

    check_installed(["sklearn", "scipy", "pandas"], "audit")
    from rich.console import Console

    from ..audit.predict import audit_predict
    from ..errors import OptionError
    from ..io.atomic import check_free
    from ..options import ReadOptions
    from .progress import progress_bar

    if no_labels and label:
        raise OptionError("--label and --no-labels exclude each other", hint="Give one of them.")
    if out.suffix.lower() != ".csv":
        raise OptionError(f"--out: got {out.name!r}, expected a name that ends in .csv", hint=f"Try {out.stem}.csv.")
    check_free(out.parent, [out.name], "predictions", overwrite=overwrite)
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
