"""``mien audit attributes``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .options import DetectorFile, MinFace, Overwrite, Threads, WhichDetector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from ..audit.attributes import FaceAttributes


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
    from rich.console import Console

    from ..audit.attributes import attribute_rows, measure_attributes
    from ..audit.formatting import csv_bytes
    from ..errors import OptionError
    from ..io.atomic import check_free, write_atomically
    from ..options import ReadOptions
    from .progress import progress_bar

    if out and out.suffix.lower() != ".csv":
        raise OptionError(f"--out: got {out.name!r}, expected a name that ends in .csv", hint=f"Try {out.stem}.csv.")
    check_free(out and out.parent, [out.name] if out else [], "attributes", overwrite=overwrite)
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
    Console(highlight=False).print(_table(measured, thirds=bins == "thirds"))
    if out:
        columns, rows = attribute_rows(measured, thirds=bins == "thirds")
        write_atomically(out, csv_bytes(rows, columns))
        notes.print(f"written: {out}", markup=False)
    if failures:
        raise typer.Exit(3)


def _table(measured: Sequence[FaceAttributes], *, thirds: bool) -> Table:
    from collections import Counter

    from rich.table import Table

    from ..audit.attributes import NAMES, UNKNOWN, group_order, grouped

    groups = grouped([one.attributes for one in measured], thirds=thirds)
    table = Table(title=f"{len(measured):,} face{'s' if len(measured) > 1 else ''}", title_justify="left", box=None)
    table.add_column("attribute", style="bold")
    table.add_column("groups, with their faces")
    for name in NAMES:
        counts = Counter(row[name] for row in groups)
        names = [group for group in (*group_order(name, thirds=thirds), UNKNOWN) if counts[group]]
        table.add_row(name, ", ".join(f"{group} {counts[group]:,}" for group in names))
    return table
