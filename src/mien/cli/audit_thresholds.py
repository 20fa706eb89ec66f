"""``mien audit thresholds``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .audit_options import COLUMNS, Confidence, Label, OnlyJson, Person, Predicted, Replace, Seed
from .options import OUTPUT


def thresholds(
    predictions: Annotated[
        Path, typer.Argument(help="Table with labels and confidence, a row per image: .csv, .jsonl or .parquet.")
    ],
    *,
    groups: Annotated[
        str, typer.Option(metavar="COLUMN", help="Column of groups, such as gender.", rich_help_panel=COLUMNS)
    ],
    target: Annotated[
        float, typer.Option(metavar="SHARE", help="Accuracy to reach among the readings kept, 0 to 1.")
    ] = 0.9,
    risk: Annotated[
        float, typer.Option(metavar="SHARE", help="Probability, at most, that a guarantee is wrong, 0 to 1.")
    ] = 0.05,
    label: Label = "",
    predicted: Predicted = "",
    confidence: Confidence = "",
    person: Person = "",
    fit: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of images to fit to, 0 to 1; the others are held out.")
    ] = 0.5,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", dir_okay=False, help="Write the thresholds here.", rich_help_panel=OUTPUT),
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv", dir_okay=False, help="Write the predictions held out here.", rich_help_panel=OUTPUT
        ),
    ] = None,
    overwrite: Replace = False,
    as_json: OnlyJson = False,
) -> None:
    """Find confidence thresholds that guarantee a target accuracy in every group.

    One threshold for all, which does not require knowing anyone's group (recommended), and one per group. Half of the images
    are held out to check them. See docs/fairer.md.

    [bold]Example[/bold]

      mien audit thresholds predictions.csv --groups gender --target 0.9 --out thresholds.json --held-out rest.csv
      mien audit fairness rest.csv --groups gender --thresholds thresholds.json
    """
    from ..extras import check_installed

    check_installed(["sklearn", "scipy", "pandas"], "audit")
    from ..audit.thresholds import audit_thresholds, thresholds_json, write_thresholds
    from ..audit.thresholds_report import terminal
    from ..io.atomic import check_free, write_atomically
    from .audit_options import show

    for path in (out, held_out):
        check_free(path and path.parent, [path.name] if path else [], "thresholds", overwrite=overwrite)
    result, rest = audit_thresholds(
        predictions, groups=groups, target=target, risk=risk, label=label, predicted=predicted, confidence=confidence,
        person=person, fit=fit, seed=seed,
    )  # fmt: skip
    if out:
        write_thresholds(result, out)
    if held_out:
        write_atomically(held_out, rest.csv())
    show(terminal(result), thresholds_json(result), [path for path in (out, held_out) if path], as_json=as_json)
