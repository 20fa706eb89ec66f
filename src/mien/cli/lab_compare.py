"""``mien lab compare``: its options, and what is shown of a comparison."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .data import Data, FindFaces, Listed

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..lab.compare.standing import Comparison


def compare(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN_OR_MODEL...",
            help="Run folders, checkpoints (.ckpt), exported weights (.onnx), or models that come with mien, such as "
            "[bold]default[/bold]; as many as you like.",
        ),
    ],
    data: Data,
    split: Annotated[
        Literal["validation", "test"], typer.Option(help="The part of the data to ask about.")
    ] = "validation",
    listed: Listed = None,
    find_faces: FindFaces = False,
    head: Annotated[
        str, typer.Option(metavar="NAME", help="The head to ask where a model has several.", show_default=False)
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write compare.csv, compare.md, two figures and a report for each model here."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Compare models on the same images and the same question: accuracy, size, speed, and whether it was luck.

    All are asked about the emotions that all of them know. [bold]p vs best[/bold] says how easily luck alone would make the
    best model look that much better than this one: below 0.05, the best is called better.

    [bold]mien lab compare runs/a runs/b default --data fer2013.csv[/bold]

    [bold]mien lab compare runs/a models/b.onnx --data images --split test --out comparison[/bold]
    """
    from ..extras import check_installed

    check_installed(
        ("sklearn", "scipy", "matplotlib"), "lab"
    )  # a checkpoint needs torch too, and says so when it is opened
    from functools import cache

    from rich.console import Console

    from ..lab.compare.members import open_members
    from ..lab.compare.records import as_json as json_of
    from ..lab.compare.standing import compare as ask
    from ..lab.compare.writing import write_comparison
    from .data import read_data

    def opened(size: int, color: str) -> Dataset:
        status.stop()  # reading shows a bar of its own
        faces = read_data(data, size, color, listed=listed, find_faces=find_faces)
        status.start()
        return faces

    members = open_members(models)
    largest = max(member.classifier.input.size for member in members)
    once = cache(lambda: opened(largest, "gray"))
    packed = data.suffix.lower() in (".npz", ".csv")  # images of one size and without color: they are read only once
    with Console(stderr=True).status("") as status:
        comparison = ask(
            members, (lambda _size, _color: once()) if packed else opened, split, head=head, progress=status.update
        )
        written = write_comparison(comparison, out) if out else []
    if as_json:
        typer.echo(json_of(comparison), nl=False)
    else:
        _show(comparison)
    for path in written:
        typer.echo(f"written: {path}", err=True)


def _show(comparison: Comparison) -> None:
    from rich.console import Console
    from rich.measure import Measurement

    from ..lab.compare.table import table
    from ..lab.compare.words import notes, verdict

    shown = table(comparison)
    wide = Console(width=1000)
    # Cut-off figures are worse than long lines: a pipe or a narrow window gets the whole table.
    width = max(Console().width, Measurement.get(wide, wide.options, shown).maximum)
    console = Console(width=width, highlight=False)
    console.print(shown)
    for line in (*verdict(comparison), *notes(comparison)):
        console.print(line, markup=False)
