"""``mien audit conditions``: how each face was photographed, as groups for a fairness audit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .options import DETECTION, DetectorFile, MinFace, Overwrite, Threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ..audit.measuring import Measured
    from ..options import ReadOptions

_DATA_SETS = (".npz", ".csv", ".parquet")


def conditions(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTO...|DATA",
            help="Images, folders of them or patterns; or one data set of faces: fer2013.csv, packed .npz, parquet.",
        ),
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", dir_okay=False, help="Write one row a face to this CSV file.")
    ] = None,
    overwrite: Overwrite = False,
    bins: Annotated[
        Literal["fixed", "thirds"],
        typer.Option(
            help="Groups by fixed edges, which data sets can be compared by, or by thirds of these very faces."
        ),
    ] = "fixed",
    part: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(help="Of a data set, this part only; by default all of it."),
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Take what is in sub-folders too.")] = False,
    detector: Annotated[
        Literal["centerface", "yunet", "none"],
        typer.Option(
            help="What finds the faces and their landmarks; with 'whole' each image is one face, of unknown pose.",
            rich_help_panel=DETECTION,
        ),
    ] = "centerface",
    detector_file: DetectorFile = None,
    min_face: MinFace = None,
    threads: Threads = 0,
) -> None:
    """Measure how each face was photographed: light, contrast, sharpness, size, pose, lightness of the skin; and group it.

    The groups are for [bold]mien audit fairness[/bold]: does the model work as well in the dark, or on faces turned away?
    They describe images, not people.

    [bold]Examples[/bold]

      mien audit conditions photos/ -r
      mien audit conditions fer2013.csv --part validation --out conditions.csv

    Exit code 0 when every image was measured, 3 when some could not be read: they are listed at the end.
    """
    from rich.console import Console

    from ..errors import OptionError, OutputError, SourceError
    from ..options import ReadOptions

    if out and out.suffix.lower() != ".csv":
        raise OptionError(f"--out: got {out.name!r}, expected a name that ends in .csv", hint=f"Try {out.stem}.csv.")
    if out and out.exists() and not overwrite:
        raise OutputError(f"{out} exists", hint="Use --overwrite to replace it, or write elsewhere.")
    options = ReadOptions(detector=detector, detector_file=detector_file, min_face=min_face, threads=threads)
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    failures: list[str] = []
    if len(sources) == 1 and _is_data(Path(sources[0])):
        measured = _of_data(Path(sources[0]), part, options, notes, failures)
    elif part:
        raise OptionError("--part speaks of a data set, but photos were given", hint="Leave it out.")
    else:
        measured = _of_photos(sources, recursive, options, notes, failures)
    for failure in failures:
        notes.print(f"could not be read: {failure}", markup=False)
    if not measured:
        raise SourceError("no face was found in any image", hint="For images of single faces: --detector none.")
    _show(measured, thirds=bins == "thirds")
    if out:
        _write(measured, out, thirds=bins == "thirds")
        notes.print(f"written: {out}", markup=False)
    if failures:
        raise typer.Exit(3)


def _is_data(path: Path) -> bool:
    return path.suffix.lower() in _DATA_SETS or (path.is_dir() and next(path.glob("*.parquet"), None) is not None)


def _of_data(path: Path, part: str | None, options: ReadOptions, notes: Console, failures: list[str]) -> list[Measured]:
    from dataclasses import replace

    from ..audit.measuring import LARGEST, LEAST_IN_CROP, of_crops
    from ..detection.registry import create_detector
    from .data import progress_bar, read_data

    if part or path.suffix.lower() in (".npz", ".csv"):
        faces = read_data(path, LARGEST, "rgb")
        faces = faces.part(part) if part else faces
    else:  # undivided: who only wants to look at faces need not have enough of each emotion for three parts
        from ..data.datasets.parquet import read_parquet

        with progress_bar(notes) as bar:
            task = bar.add_task("reading data", total=None)
            faces = read_parquet(
                path,
                LARGEST,
                "rgb",
                progress=lambda done, total: bar.update(task, completed=done, total=total),
                on_damaged=lambda _file, why: failures.append(why),
            )
    if options.min_face is None and options.detector == "centerface":
        options = replace(options, min_face=LEAST_IN_CROP)
    with progress_bar(notes) as bar:
        task = bar.add_task("measuring", total=len(faces))
        return list(of_crops(faces, create_detector(options), lambda: bar.advance(task)))


def _of_photos(
    sources: Sequence[str], recursive: bool, options: ReadOptions, notes: Console, failures: list[str]
) -> list[Measured]:
    from ..audit.measuring import of_photos
    from ..detection.registry import create_detector
    from ..io.discovery import find_images
    from .data import progress_bar

    paths = find_images(sources, recursive=recursive)
    with progress_bar(notes) as bar:
        task = bar.add_task("measuring", total=len(paths))
        return list(of_photos(paths, create_detector(options), failures.append, lambda: bar.advance(task)))


def _show(measured: Sequence[Measured], *, thirds: bool) -> None:
    from collections import Counter

    from rich.console import Console
    from rich.table import Table

    from ..audit.conditions import NAMES
    from ..audit.groups import UNKNOWN, grouped, order

    groups = grouped([one.conditions for one in measured], thirds=thirds)
    table = Table(title=f"{len(measured):,} face{'s' if len(measured) > 1 else ''}", title_justify="left", box=None)
    table.add_column("condition", style="bold")
    table.add_column("groups, with their faces")
    for name in NAMES:
        counts = Counter(row[name] for row in groups)
        words = [word for word in (*order(name, thirds=thirds), UNKNOWN) if counts[word]]
        table.add_row(name, ", ".join(f"{word} {counts[word]:,}" for word in words))
    Console(highlight=False).print(table)


def _write(measured: Sequence[Measured], out: Path, *, thirds: bool) -> None:
    import csv
    import io

    from ..audit.measuring import table
    from ..io.atomic import write_atomically

    columns, rows = table(measured, thirds=thirds)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(out, text.getvalue().encode())
