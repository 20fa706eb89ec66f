"""``mien audit fairness``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .audit_options import (
    COLUMNS,
    Confidence,
    Label,
    MinGroupSize,
    NoLabels,
    OnlyJson,
    Person,
    Predicted,
    Replace,
    Resamples,
    Seed,
)
from .options import OUTPUT


def fairness(
    predictions: Annotated[
        Path,
        typer.Argument(help="Table with a row per image: .csv, .jsonl or .parquet. 'mien audit predict' makes one."),
    ],
    *,
    groups: Annotated[
        list[str],
        typer.Option(metavar="COLUMN", help="Column of groups, such as gender; repeatable.", rich_help_panel=COLUMNS),
    ],
    intersections: Annotated[
        bool, typer.Option("--intersections", help="Audit each pair of columns too.", rich_help_panel=COLUMNS)
    ] = False,
    label: Label = "",
    no_labels: NoLabels = False,
    predicted: Predicted = "",
    confidence: Confidence = "",
    found: Annotated[
        str, typer.Option(metavar="COLUMN", help="Whether a face was found. \\[found]", rich_help_panel=COLUMNS)
    ] = "",
    abstained: Annotated[
        str,
        typer.Option(metavar="COLUMN", help="Whether the reading abstained. \\[abstained]", rich_help_panel=COLUMNS),
    ] = "",
    person: Person = "",
    thresholds: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Audit only readings at or above the common threshold of this file."),
    ] = None,
    own_thresholds: Annotated[
        bool, typer.Option("--own-thresholds", help="Use each group's own threshold in place of the common one.")
    ] = False,
    min_group_size: MinGroupSize = 5,
    resamples: Resamples = 2000,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write report.html, figures, CSV and JSON here.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    overwrite: Replace = False,
    as_json: OnlyJson = False,
) -> None:
    """Compare accuracy, recall and calibration between groups, with 95% intervals and Holm-corrected p-values.

    Reports which groups are too small, and how many images they need. See docs/fairness.md, and docs/datasets.md for data
    sets with information on people.

    [bold]Examples[/bold]

      mien audit fairness predictions.csv --groups gender --groups age_band --intersections --out audit
      mien audit predict CREMA-D --person person --out crema.csv
      mien audit fairness crema.csv --groups gender --groups race --person person --out audit
    """
    from ..errors import OptionError
    from ..extras import check_installed

    check_installed(["sklearn", "scipy", "pandas", *(["jinja2", "matplotlib"] if out else [])], "audit")
    from ..audit import fairness_report, parity_report
    from ..audit.fairness import audit_fairness
    from ..audit.parity import audit_parity
    from ..io.atomic import check_free
    from .audit_options import show, width

    if no_labels and label:
        raise OptionError("--label and --no-labels exclude each other", hint="Give one of them.")
    check_free(out, sorted({*fairness_report.FILES, *parity_report.FILES}), "an audit", overwrite=overwrite)
    if no_labels:
        shares = audit_parity(
            predictions, groups=groups, predicted=predicted, confidence=confidence, found=found, abstained=abstained,
            person=person, intersections=intersections, thresholds=thresholds, own_thresholds=own_thresholds,
            min_group_size=min_group_size, resamples=resamples, seed=seed,
        )  # fmt: skip
        written = parity_report.write_report(shares, out, predictions.name) if out else []
        text, parts = parity_report.to_json(shares, predictions.name), parity_report.terminal(shares, width())
    else:
        result = audit_fairness(
            predictions, groups=groups, label=label, predicted=predicted, confidence=confidence, found=found,
            abstained=abstained, person=person, intersections=intersections, thresholds=thresholds,
            own_thresholds=own_thresholds, min_group_size=min_group_size, resamples=resamples, seed=seed,
        )  # fmt: skip
        written = fairness_report.write_report(result, out, predictions.name) if out else []
        text, parts = fairness_report.to_json(result, predictions.name), fairness_report.terminal(result, width())
    show(parts, text, written, as_json=as_json)
