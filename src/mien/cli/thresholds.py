"""``mien audit thresholds``: from which confidence on a reading can be relied on, for every group."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def thresholds(
    predictions: Annotated[
        Path,
        typer.Argument(help="A table of predictions with their confidence, a row an image: .csv, .jsonl, .parquet."),
    ],
    *,
    groups: Annotated[str, typer.Option(metavar="COLUMN", help="The column of groups, such as gender.")],
    target: Annotated[
        float, typer.Option(metavar="SHARE", help="How many of the readings relied on are to be right, 0 to 1.")
    ] = 0.9,
    risk: Annotated[float, typer.Option(metavar="SHARE", help="How likely a promise may be wrong, at most.")] = 0.05,
    truth: Annotated[str, typer.Option(metavar="COLUMN", help="Right answers. \\[truth, label, ...]")] = "",
    predicted: Annotated[str, typer.Option(metavar="COLUMN", help="Predictions. \\[predicted, emotion, ...]")] = "",
    confidence: Annotated[
        str,
        typer.Option(
            metavar="COLUMN", help="Probability of what was predicted. \\[confidence, or a column an emotion]"
        ),
    ] = "",
    person: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="Who is in the image: nobody is both fitted to and checked on, and one image of each is kept.",
        ),
    ] = "",
    fit: Annotated[
        float, typer.Option(metavar="SHARE", help="How many of the images to fit to; the others are held back.")
    ] = 0.5,
    seed: Annotated[int, typer.Option(help="Of the division.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", dir_okay=False, help="Write the thresholds, for mien audit fairness."),
    ] = None,
    rest: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", dir_okay=False, help="Write the predictions held back, to be audited."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Find the confidence below which a reading should not be relied on, so that what is left is right for every group.

    One threshold for all, which needs to know nobody's group: recommended. And each group's own.
    Half of the images are held back to check it. docs/fairer.md tells more.

    [bold]Example[/bold]

      mien audit thresholds predictions.csv --groups gender --target 0.9 --out thresholds.json --rest rest.csv

      mien audit fairness rest.csv --groups gender --thresholds thresholds.json
    """
    from ..extras import check_installed

    check_installed(["sklearn", "scipy", "pandas"], "audit")
    from rich.console import Console

    from ..audit.fairness.columns import Columns
    from ..audit.fairness.table import open_table
    from ..audit.thresholds.checking import halves
    from ..audit.thresholds.fitting import thresholds as fitted
    from ..audit.thresholds.keeping import as_json as json_of
    from ..audit.thresholds.keeping import write_thresholds
    from ..audit.thresholds.terminal import shown
    from ..io.atomic import write_atomically
    from .taken import check_free

    for path in (out, rest):
        check_free(path and path.parent, [path.name] if path else [], "thresholds", overwrite=overwrite)
    first, held = halves(open_table(predictions), groups, person=person, share=fit, seed=seed)
    columns = Columns((groups,), truth, predicted, confidence, person=person)
    found = fitted(first, held, columns, target=target, risk=risk)
    if as_json:
        typer.echo(json_of(found), nl=False)
    else:
        console = Console(highlight=False)
        for part in shown(found):
            console.print(part)
    if out:
        write_thresholds(found, out)
        typer.echo(f"written: {out}", err=True)
    if rest:
        write_atomically(rest, held.csv())
        typer.echo(f"written: {rest}", err=True)
