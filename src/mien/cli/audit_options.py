"""Options that the commands of ``mien audit`` share, and how they print results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from .options import OUTPUT

COLUMNS = "Columns"

Label: TypeAlias = Annotated[
    str, typer.Option(metavar="COLUMN", help="Labels. \\[label, truth, ...]", rich_help_panel=COLUMNS)
]
Predicted: TypeAlias = Annotated[
    str, typer.Option(metavar="COLUMN", help="Predictions. \\[predicted, emotion, ...]", rich_help_panel=COLUMNS)
]
Confidence: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="COLUMN",
        help="Probability of the prediction. \\[confidence, or a column per emotion]",
        rich_help_panel=COLUMNS,
    ),
]
Person: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="COLUMN",
        help="Identifies the person; one image of each is kept, as images of one person are not independent.",
        rich_help_panel=COLUMNS,
    ),
]
NoLabels: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--no-labels", help="Ignore labels: compare how often each emotion is predicted.", rich_help_panel=COLUMNS
    ),
]
MinGroupSize: TypeAlias = Annotated[int, typer.Option(min=2, help="Images that a group needs to be compared.")]
Resamples: TypeAlias = Annotated[int, typer.Option(min=100, help="Bootstrap resamples, and permutations.")]
Seed: TypeAlias = Annotated[int, typer.Option(help="Random seed.")]
Replace: TypeAlias = Annotated[
    bool, typer.Option("--overwrite", help="Replace existing results.", rich_help_panel=OUTPUT)
]
OnlyJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON only.", rich_help_panel=OUTPUT)]


def show(parts: Iterable[Any], text: str, written: Sequence[Path], *, as_json: bool) -> None:
    """Print a result, as JSON or for reading, and the files written."""
    from rich.console import Console

    if as_json:
        typer.echo(text, nl=False)
    else:
        console = Console(highlight=False)
        for part in parts:
            console.print(part)
    for path in written:
        typer.echo(f"written: {path}", err=True)


def width() -> int:
    """Columns of the terminal."""
    from rich.console import Console

    return Console().width
