"""``mien audit``: the group of commands."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

from .help import HelpCommand, HelpGroup
from .options import (
    ADVANCED,
    OUTPUT,
    AsJson,
    Emotions,
    Head,
    MinFace,
    Model,
    Threads,
    WhichDetector,
    existing_data,
    existing_table,
    option,
)


def _column(text: str, *names: str) -> Any:
    """An option that names a column of a table, or a switch that concerns one."""
    return option("Columns", text, *names, **({} if names else {"metavar": "COLUMN"}))


def _file(text: str, metavar: str) -> Any:
    """An option that names a file to write."""
    return option(OUTPUT, text, metavar=metavar, dir_okay=False)


Label: TypeAlias = Annotated[str, _column("Labels. Default: label, truth, ...")]
NoLabels: TypeAlias = Annotated[bool, _column("Compare how often each emotion is predicted.", "--no-labels")]
Person: TypeAlias = Annotated[str, _column("Person; one image of each is used.")]
Predicted: TypeAlias = Annotated[str, _column("Predictions. Default: predicted, emotion, ...")]
Confidence: TypeAlias = Annotated[
    str, _column("Probability of the prediction. Default: confidence, or a column per emotion.")
]
Groups: TypeAlias = Annotated[list[str], _column("Groups, such as gender; repeatable.")]
MinGroupSize: TypeAlias = Annotated[int, option(ADVANCED, "Images that a group needs.", min=2, metavar="N")]
Resamples: TypeAlias = Annotated[int, option(ADVANCED, "Bootstrap resamples, and permutations.", min=100, metavar="N")]
Seed: TypeAlias = Annotated[int, option(ADVANCED, "Random seed.", metavar="N")]
Folder: TypeAlias = Annotated[
    Path | None, option(OUTPUT, "Folder for an HTML page, figures, CSV and JSON.", metavar="DIR", file_okay=False)
]
Overwrite: TypeAlias = Annotated[bool, option(OUTPUT, "Replace existing results.", "--overwrite")]

audit = typer.Typer(
    name="audit",
    help="""Compare performance between groups of people or images.

    Examples:
      mien audit predict photos.csv --groups gender --out predictions.csv
      mien audit fairness predictions.csv --groups gender --out audit
    """,
    cls=HelpGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
)


@audit.command(cls=HelpCommand)
def fairness(
    predictions: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="Table with a row per image; 'mien audit predict' writes one.",
            callback=existing_table,
        ),
    ],
    *,
    groups: Groups,
    intersections: Annotated[bool, _column("Audit each pair of groups too.", "--intersections")] = False,
    label: Label = "",
    no_labels: NoLabels = False,
    predicted: Predicted = "",
    confidence: Confidence = "",
    found: Annotated[str, _column("Whether a face was found. Default: found.")] = "",
    abstained: Annotated[str, _column("Whether the reading abstained. Default: abstained.")] = "",
    person: Person = "",
    thresholds: Annotated[
        Path | None,
        option(ADVANCED, "Audit only readings at or above the threshold in this file.", metavar="FILE"),
    ] = None,
    own_thresholds: Annotated[bool, option(ADVANCED, "Use each group's own threshold.", "--own-thresholds")] = False,
    min_group_size: MinGroupSize = 5,
    resamples: Resamples = 2000,
    seed: Seed = 0,
    out: Folder = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Compare accuracy, recall and calibration between groups.

    Gaps have 95% intervals and Holm-corrected p-values. The report lists groups that are too small, and how many images they
    need.

    Examples:
      mien audit fairness predictions.csv --groups gender --out audit
      mien audit fairness crema.csv --groups gender --groups race --person person
    """
    _check_packages(figures=bool(out))
    from ..audit import fairness_report as report
    from ..audit.fairness import audit_fairness
    from ..io.atomic import check_free
    from .output import show_report

    check_free(out, sorted({*report.FILES, *report.FILES_WITHOUT_LABELS}), "an audit", overwrite=overwrite)
    result = audit_fairness(
        predictions, groups=groups, label=label, no_labels=no_labels, predicted=predicted, confidence=confidence,
        found=found, abstained=abstained, person=person, intersections=intersections, thresholds=thresholds,
        own_thresholds=own_thresholds, min_group_size=min_group_size, resamples=resamples, seed=seed,
    )  # fmt: skip
    written = report.write_report(result, out, predictions.name) if out else []
    text = report.to_json(result, predictions.name) if as_json else ""
    show_report(report.document(result, predictions.name), written, json=text)


@audit.command(cls=HelpCommand)
def compare(
    before: Annotated[
        Path, typer.Argument(metavar="BEFORE", help="Predictions of the first model.", callback=existing_table)
    ],
    after: Annotated[
        Path,
        typer.Argument(metavar="AFTER", help="Predictions of the second model, same images.", callback=existing_table),
    ],
    *,
    groups: Groups,
    image: Annotated[str, _column("Image names. Default: image, name, path, ...")] = "",
    label: Label = "",
    predicted: Predicted = "",
    person: Person = "",
    min_group_size: MinGroupSize = 5,
    resamples: Resamples = 5000,
    seed: Seed = 0,
    out: Folder = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Compare two models: accuracy by group, and gaps between groups.

    Groups and labels are those of the first table. Changes have 95% intervals and Holm-corrected p-values.

    Examples:
      mien audit compare before.csv after.csv --groups gender --out compare
    """
    _check_packages(figures=bool(out))
    from ..audit import compare_report as report
    from ..audit.compare import audit_compare
    from ..io.atomic import check_free
    from .output import show_report

    check_free(out, report.FILES, "a comparison", overwrite=overwrite)
    result = audit_compare(
        before, after, groups=groups, image=image, label=label, predicted=predicted, person=person,
        min_group_size=min_group_size, resamples=resamples, seed=seed,
    )  # fmt: skip
    title = f"{before.name} → {after.name}"
    written = report.write_report(result, out, title) if out else []
    show_report(report.document(result, title), written, json=report.to_json(result) if as_json else "")


@audit.command(cls=HelpCommand)
def thresholds(
    predictions: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE", help="Table with labels and confidence, a row per image.", callback=existing_table
        ),
    ],
    *,
    groups: Annotated[str, _column("Groups, such as gender.")],
    target: Annotated[float, typer.Option(metavar="SHARE", help="Accuracy among readings kept, 0 to 1.")] = 0.9,
    risk: Annotated[float, typer.Option(metavar="SHARE", help="Highest probability that a guarantee is wrong.")] = 0.05,
    label: Label = "",
    predicted: Predicted = "",
    confidence: Confidence = "",
    person: Person = "",
    fit: Annotated[
        float, option(ADVANCED, "Share of images to fit to; the others are held out.", metavar="SHARE")
    ] = 0.5,
    seed: Seed = 0,
    out: Annotated[Path | None, _file("Write the thresholds.", "FILE.json")] = None,
    held_out: Annotated[Path | None, _file("Write the predictions held out.", "FILE.csv")] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Find confidence thresholds that guarantee an accuracy per group.

    One threshold for all, which does not require knowing a person's group (recommended), and one per group. Half of the
    images are held out to check them.

    Examples:
      mien audit thresholds all.csv --groups gender --out t.json --held-out rest.csv
      mien audit fairness rest.csv --groups gender --thresholds t.json
    """
    _check_packages()
    from ..audit.thresholds import audit_thresholds, document, thresholds_json
    from ..io.atomic import check_free, write_atomically
    from .output import show_report

    written = [path for path in (out, held_out) if path]
    for path in written:
        check_free(path.parent, [path.name], "thresholds", overwrite=overwrite)
    result, rest = audit_thresholds(
        predictions, groups=groups, target=target, risk=risk, label=label, predicted=predicted, confidence=confidence,
        person=person, fit=fit, seed=seed,
    )  # fmt: skip
    text = thresholds_json(result)
    if out:
        write_atomically(out, text.encode())
    if held_out:
        write_atomically(held_out, rest.csv())
    show_report(document(result, predictions.name), written, json=text if as_json else "")


@audit.command(cls=HelpCommand)
def predict(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Folder of CREMA-D, RAF-DB, AffectNet or FairFace, table with paths, parquet, fer2013.csv or .npz.",
            callback=existing_data,
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(metavar="FILE.csv", dir_okay=False, help="Write the predictions.")],
    groups: Annotated[list[str] | None, _column("Groups; repeatable. Default: all of a known dataset.")] = None,
    label: Label = "",
    no_labels: NoLabels = False,
    images: Annotated[str, _column("Images, or their paths. Default: path, file, ...")] = "",
    person: Person = "",
    attributes: Annotated[
        Literal["fixed", "thirds"] | None,
        typer.Option(metavar="BINS", help="Add image attributes as groups: fixed (edges) or thirds."),
    ] = None,
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option(metavar="NAME", help="Split: train, validation or test.")
    ] = "validation",
    model: Model = "default",
    emotions: Emotions = None,
    head: Head = None,
    detector: WhichDetector = "mien",
    threads: Threads = 0,
    overwrite: Overwrite = False,
) -> None:
    """Run a model on labeled images, and write the table for audits.

    Examples:
      mien audit predict photos.csv --groups gender --out predictions.csv
      mien audit predict fer2013.csv --attributes thirds --out predictions.csv
    """
    _check_packages()
    from rich.console import Console

    from ..audit.predict import audit_predict
    from ..options import ReadOptions
    from .output import progress_bar

    _check_csv(out, overwrite=overwrite)
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    with progress_bar(notes, "predicting") as progress:
        table = audit_predict(
            source, groups=groups, label=label, no_labels=no_labels, images=images, person=person,
            attributes=attributes, split=split,
            options=ReadOptions(emotions=emotions, model=model, head=head, detector=detector, threads=threads),
            progress=progress,
        )  # fmt: skip
    table.write_csv(out)
    for note in table.notes:
        notes.print(f"note: {note}", markup=False)
    notes.print(f"written: {out}, {len(table.rows):,} images", markup=False)
    words = [str(out), *(word for name in table.groups for word in ("--groups", name))]
    words += [] if table.has_labels else ["--no-labels"]
    notes.print(f"Next: mien audit fairness {shlex.join(words)}", markup=False)


@audit.command(cls=HelpCommand)
def attributes(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...|DATA",
            help="Images, folders or patterns; or one dataset: fer2013.csv, .npz, parquet.",
        ),
    ],
    *,
    out: Annotated[Path | None, typer.Option(metavar="FILE.csv", dir_okay=False, help="Write a row per face.")] = None,
    overwrite: Overwrite = False,
    bins: Annotated[
        Literal["fixed", "thirds"],
        typer.Option(metavar="BINS", help="Groups by fixed edges, or by thirds of these faces."),
    ] = "fixed",
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(metavar="NAME", help="train, validation or test. Default: all."),
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Include sub-folders.")] = False,
    detector: WhichDetector = "mien",
    min_face: MinFace = None,
    threads: Threads = 0,
) -> None:
    """Measure image attributes of each face, and group faces by them.

    Lighting, contrast, sharpness, size, pose and skin lightness. The groups are for 'mien audit fairness'; they describe
    images, not people.

    Examples:
      mien audit attributes photos/ -r
      mien audit attributes fer2013.csv --split validation --out attributes.csv
    """
    _check_packages()
    from rich.console import Console

    from ..audit.attributes import attribute_rows, group_counts, measure_attributes
    from ..audit.exports import csv_bytes
    from ..io.atomic import write_atomically
    from ..options import ReadOptions
    from ..report import Column, Document, Table, count
    from .output import progress_bar, show_report

    thirds = bins == "thirds"
    if out:
        _check_csv(out, overwrite=overwrite)
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    failures: list[str] = []
    with progress_bar(notes, "measuring") as progress:
        measured = measure_attributes(
            sources, split=split, recursive=recursive, failed=failures.append,
            options=ReadOptions(detector=detector, min_face=min_face, threads=threads),
            progress=progress,
        )  # fmt: skip
    for failure in failures:
        notes.print(f"could not be read: {failure}", markup=False)
    counts = group_counts(measured, thirds=thirds).items()
    rows = tuple((name, ", ".join(f"{group} {n:,}" for group, n in of.items())) for name, of in counts)
    table = Table((Column("Attribute"), Column("Groups, with their faces")), rows)
    if out:
        write_atomically(out, csv_bytes(attribute_rows(measured, thirds=thirds)))
    document = Document(f"Image attributes: {count(len(measured), 'face')}", (table,))
    show_report(document, (out,) if out else ())
    if failures:
        raise typer.Exit(3)


def _check_packages(*, figures: bool = False) -> None:
    """Make sure that the extra ``audit`` is installed, before anything slow is imported."""
    from ..extras import check_installed

    check_installed(["sklearn", "scipy", "statsmodels", "pandas", *["matplotlib"] * figures], "audit")


def _check_csv(path: Path, *, overwrite: bool) -> None:
    from ..errors import OptionError
    from ..io.atomic import check_free

    if path.suffix.lower() != ".csv":
        raise OptionError(f"--out: got {path.name!r}, expected a name that ends in .csv", hint=f"Try {path.stem}.csv.")
    check_free(path.parent, [path.name], "a table", overwrite=overwrite)
