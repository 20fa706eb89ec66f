"""``mien audit``: the group of commands, and those that take tables of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from .audit_images import Label, NoLabels, Person, attributes, check_packages, column, flag, predict
from .options import OUTPUT

if TYPE_CHECKING:
    from ..report import Document

Predicted: TypeAlias = Annotated[str, column("Predictions. \\[predicted, emotion, ...]")]
Confidence: TypeAlias = Annotated[str, column("Probability of the prediction. \\[confidence, or a column per emotion]")]
Groups: TypeAlias = Annotated[list[str], column("Column of groups, such as gender; repeatable.")]
MinGroupSize: TypeAlias = Annotated[int, typer.Option(min=2, help="Images that a group needs to be compared.")]
Resamples: TypeAlias = Annotated[int, typer.Option(min=100, help="Bootstrap resamples, and permutations.")]
Seed: TypeAlias = Annotated[int, typer.Option(help="Random seed.")]
Folder: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", file_okay=False, help="Write an HTML page, figures, CSV and JSON here.", rich_help_panel=OUTPUT
    ),
]
Overwrite: TypeAlias = Annotated[
    bool, typer.Option("--overwrite", help="Replace existing results.", rich_help_panel=OUTPUT)
]
OnlyJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON only.", rich_help_panel=OUTPUT)]

audit = typer.Typer(
    name="audit",
    help="Compare performance between groups of people or images: "
    "[bold]mien audit fairness predictions.csv --groups gender[/bold]",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@audit.command()
def fairness(
    predictions: Annotated[
        Path,
        typer.Argument(help="Table with a row per image: .csv, .jsonl or .parquet. 'mien audit predict' makes one."),
    ],
    *,
    groups: Groups,
    intersections: Annotated[bool, flag("--intersections", "Audit each pair of columns too.")] = False,
    label: Label = "",
    no_labels: NoLabels = False,
    predicted: Predicted = "",
    confidence: Confidence = "",
    found: Annotated[str, column("Whether a face was found. \\[found]")] = "",
    abstained: Annotated[str, column("Whether the reading abstained. \\[abstained]")] = "",
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
    out: Folder = None,
    overwrite: Overwrite = False,
    as_json: OnlyJson = False,
) -> None:
    """Compare accuracy, recall and calibration between groups, with 95% intervals and Holm-corrected p-values.

    Reports which groups are too small, and how many images they need. See docs/guides/fairness.md, and
    docs/guides/data.md for data sets with information on people.

    [bold]Examples[/bold]

      mien audit fairness predictions.csv --groups gender --groups age_band --intersections --out audit
      mien audit predict CREMA-D --person person --out crema.csv
      mien audit fairness crema.csv --groups gender --groups race --person person --out audit
    """
    check_packages(*(["matplotlib"] if out else []))
    from ..audit import fairness_report as report
    from ..audit.fairness import audit_fairness
    from ..io.atomic import check_free

    check_free(out, sorted({*report.FILES, *report.FILES_WITHOUT_LABELS}), "an audit", overwrite=overwrite)
    result = audit_fairness(
        predictions, groups=groups, label=label, no_labels=no_labels, predicted=predicted, confidence=confidence,
        found=found, abstained=abstained, person=person, intersections=intersections, thresholds=thresholds,
        own_thresholds=own_thresholds, min_group_size=min_group_size, resamples=resamples, seed=seed,
    )  # fmt: skip
    written = report.write_report(result, out, predictions.name) if out else []
    text = report.to_json(result, predictions.name) if as_json else ""
    _show(report.document(result, predictions.name), text, written)


@audit.command()
def compare(
    before: Annotated[Path, typer.Argument(help="Predictions of the first model: .csv, .jsonl or .parquet.")],
    after: Annotated[Path, typer.Argument(help="Predictions of the second model for the same images.")],
    *,
    groups: Groups,
    image: Annotated[str, column("Image names. \\[image, name, path, ...]")] = "",
    label: Label = "",
    predicted: Predicted = "",
    person: Person = "",
    min_group_size: MinGroupSize = 5,
    resamples: Resamples = 5000,
    seed: Seed = 0,
    out: Folder = None,
    overwrite: Overwrite = False,
    as_json: OnlyJson = False,
) -> None:
    """Compare two models on the same images: accuracy by group, and whether gaps between groups narrowed.

    Groups and labels are those of the first table. Changes have 95% intervals and Holm-corrected p-values. See
    docs/guides/fairness.md.

    [bold]Example[/bold]

      mien audit compare before.csv after.csv --groups gender --out compare
    """
    check_packages(*(["matplotlib"] if out else []))
    from ..audit import compare_report as report
    from ..audit.compare import audit_compare
    from ..io.atomic import check_free

    check_free(out, report.FILES, "a comparison", overwrite=overwrite)
    result = audit_compare(
        before, after, groups=groups, image=image, label=label, predicted=predicted, person=person,
        min_group_size=min_group_size, resamples=resamples, seed=seed,
    )  # fmt: skip
    title = f"{before.name} → {after.name}"
    written = report.write_report(result, out, title) if out else []
    _show(report.document(result, title), report.to_json(result) if as_json else "", written)


@audit.command()
def thresholds(
    predictions: Annotated[
        Path, typer.Argument(help="Table with labels and confidence, a row per image: .csv, .jsonl or .parquet.")
    ],
    *,
    groups: Annotated[str, column("Column of groups, such as gender.")],
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
    overwrite: Overwrite = False,
    as_json: OnlyJson = False,
) -> None:
    """Find confidence thresholds that guarantee a target accuracy in every group.

    One threshold for all, which does not require knowing anyone's group (recommended), and one per group. Half of the images
    are held out to check them. See docs/guides/fairness.md.

    [bold]Example[/bold]

      mien audit thresholds predictions.csv --groups gender --target 0.9 --out thresholds.json --held-out rest.csv
      mien audit fairness rest.csv --groups gender --thresholds thresholds.json
    """
    check_packages()
    from ..audit.thresholds import audit_thresholds, thresholds_json
    from ..audit.thresholds_report import document
    from ..io.atomic import check_free, write_atomically

    for path in (out, held_out):
        check_free(path and path.parent, [path.name] if path else [], "thresholds", overwrite=overwrite)
    result, rest = audit_thresholds(
        predictions, groups=groups, target=target, risk=risk, label=label, predicted=predicted, confidence=confidence,
        person=person, fit=fit, seed=seed,
    )  # fmt: skip
    if out:
        write_atomically(out, thresholds_json(result).encode())
    if held_out:
        write_atomically(held_out, rest.csv())
    written = [path for path in (out, held_out) if path]
    _show(document(result, predictions.name), thresholds_json(result) if as_json else "", written)


for command in (predict, attributes):
    audit.command()(command)


def _show(document: Document, text: str, written: Sequence[Path]) -> None:
    """Print a report, or its JSON text if there is any, and the files written."""
    from rich.console import Console

    console = Console(highlight=False)
    if text:
        typer.echo(text, nl=False)
    else:
        console.print(document.to_terminal(console.width))
    for path in written:
        typer.echo(f"written: {path}", err=True)
