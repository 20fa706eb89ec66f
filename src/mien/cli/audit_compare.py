"""``mien audit compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .audit_options import COLUMNS, Label, MinGroupSize, OnlyJson, Person, Predicted, Replace, Resamples, Seed
from .options import OUTPUT


def compare(
    before: Annotated[Path, typer.Argument(help="Predictions of the first model: .csv, .jsonl or .parquet.")],
    after: Annotated[Path, typer.Argument(help="Predictions of the second model for the same images.")],
    *,
    groups: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN", help="Column of groups in the first table; repeatable.", rich_help_panel=COLUMNS
        ),
    ],
    image: Annotated[
        str, typer.Option(metavar="COLUMN", help="Image names. \\[image, name, path, ...]", rich_help_panel=COLUMNS)
    ] = "",
    label: Label = "",
    predicted: Predicted = "",
    person: Person = "",
    min_group_size: MinGroupSize = 5,
    resamples: Resamples = 5000,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write compare.html, compare.png, groups.csv, gaps.csv and compare.json here.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    overwrite: Replace = False,
    as_json: OnlyJson = False,
) -> None:
    """Compare two models on the same images: accuracy by group, and whether gaps between groups narrowed.

    Changes have 95% intervals and Holm-corrected p-values. See docs/fairer.md.

    [bold]Example[/bold]

      mien audit compare before.csv after.csv --groups gender --out compare
    """
    from ..extras import check_installed

    check_installed(["sklearn", "scipy", "pandas", *(["jinja2", "matplotlib"] if out else [])], "audit")
    from ..audit import compare_report as report
    from ..audit.compare import audit_compare
    from ..io.atomic import check_free
    from .audit_options import show, width

    check_free(out, report.FILES, "a comparison", overwrite=overwrite)
    result = audit_compare(
        before, after, groups=groups, image=image, label=label, predicted=predicted, person=person,
        min_group_size=min_group_size, resamples=resamples, seed=seed,
    )  # fmt: skip
    written = report.write_report(result, out, f"{before.name} → {after.name}") if out else []
    show(report.terminal(result, width()), report.to_json(result), written, as_json=as_json)
