"""``mien audit change``: two models on the same images, group by group."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .audit_options import COLUMNS, Draws, Least, OnlyJson, Person, Seed, Truth
from .options import OUTPUT


def change(
    before: Annotated[
        Path,
        typer.Argument(help="What the first model said: a table, a row an image: .csv, .jsonl or .parquet."),
    ],
    after: Annotated[Path, typer.Argument(help="What the second model said of the same images.")],
    *,
    groups: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN",
            help="A column of groups in the first table, such as gender; repeatable.",
            rich_help_panel=COLUMNS,
        ),
    ],
    image: Annotated[
        str,
        typer.Option(metavar="COLUMN", help="The images' names. \\[image, name, path, ...]", rich_help_panel=COLUMNS),
    ] = "",
    truth: Truth = "",
    predicted: Annotated[
        str,
        typer.Option(
            metavar="COLUMN", help="Predictions, in both tables. \\[predicted, emotion, ...]", rich_help_panel=COLUMNS
        ),
    ] = "",
    person: Person = "",
    least: Least = 5,
    draws: Draws = 5000,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write change.html, change.png, change.csv, change_of_gaps.csv and change.json here.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a report in --out.", rich_help_panel=OUTPUT)
    ] = False,
    as_json: OnlyJson = False,
) -> None:
    """Compare two models on the same images: who is read better, who worse, and did the gap between groups shrink?

    Changes have 95 % intervals and p-values, corrected for the number of groups. docs/fairer.md tells more.

    [bold]Example[/bold]

      mien audit change before.csv after.csv --groups gender --out change
    """
    from ..extras import check_installed

    check_installed(["sklearn", "scipy", "pandas", *(["jinja2", "matplotlib"] if out else [])], "audit")
    from rich.console import Console

    from ..audit.change.joining import joined
    from ..audit.change.measuring import change as compare
    from ..audit.change.terminal import shown
    from ..audit.change.writing import NAMES, write_change
    from ..audit.change.writing import as_json as json_of
    from ..audit.fairness.columns import Columns
    from ..audit.fairness.table import open_table
    from .taken import check_free

    check_free(out, NAMES, "a report", overwrite=overwrite)
    columns = Columns(tuple(groups), truth, predicted, person=person)
    found = compare(joined(open_table(before), open_table(after), columns, image), least=least, draws=draws, seed=seed)
    written = write_change(found, out, f"{before.name} → {after.name}") if out else []
    if as_json:
        typer.echo(json_of(found), nl=False)
    else:
        console = Console(highlight=False)
        for part in shown(found, console.width):
            console.print(part)
    for path in written:
        typer.echo(f"written: {path}", err=True)
