"""Options that the commands of ``mien audit`` share, each said once."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from .options import OUTPUT

COLUMNS = "Columns"

Truth: TypeAlias = Annotated[
    str, typer.Option(metavar="COLUMN", help="Right answers. \\[truth, label, ...]", rich_help_panel=COLUMNS)
]
Person: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="COLUMN",
        help="Who is in the image: one image of each is kept, for those of one person are not independent.",
        rich_help_panel=COLUMNS,
    ),
]
Least: TypeAlias = Annotated[int, typer.Option(min=2, help="Images that a group needs to be compared.")]
Draws: TypeAlias = Annotated[int, typer.Option(min=100, help="Resamples for intervals, permutations for p-values.")]
Seed: TypeAlias = Annotated[int, typer.Option(help="Of chance: the same seed gives the same figures.")]
OnlyJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON and nothing else.", rich_help_panel=OUTPUT)
]
