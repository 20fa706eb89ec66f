"""``mien audit``: the group of commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

from .options import OUTPUT, Emotions, Head, MinFace, Model, Threads, WhichDetector, option


def _column(text: str, *names: str) -> Any:
    """An option that names a column of a table, or a switch that concerns one."""
    return option("Columns", text, *names, **({} if names else {"metavar": "COLUMN"}))


def _file(text: str, metavar: str) -> Any:
    """An option that names a file to write."""
    return option(OUTPUT, text, metavar=metavar, dir_okay=False)


Label: TypeAlias = Annotated[str, _column("Labels. \\[label, truth, ...]")]
NoLabels: TypeAlias = Annotated[
    bool, _column("Ignore labels: compare how often each emotion is predicted.", "--no-labels")
]
Person: TypeAlias = Annotated[
    str, _column("Identifies the person; one image of each is kept, as images of one person are not independent.")
]
Predicted: TypeAlias = Annotated[str, _column("Predictions. \\[predicted, emotion, ...]")]
Confidence: TypeAlias = Annotated[
    str, _column("Probability of the prediction. \\[confidence, or a column per emotion]")
]
Groups: TypeAlias = Annotated[list[str], _column("Column of groups, such as gender; repeatable.")]
MinGroupSize: TypeAlias = Annotated[int, typer.Option(min=2, help="Images that a group needs to be compared.")]
Resamples: TypeAlias = Annotated[int, typer.Option(min=100, help="Bootstrap resamples, and permutations.")]
Seed: TypeAlias = Annotated[int, typer.Option(help="Random seed.")]
Folder: TypeAlias = Annotated[
    Path | None, option(OUTPUT, "Write an HTML page, figures, CSV and JSON here.", metavar="DIR", file_okay=False)
]
Overwrite: TypeAlias = Annotated[bool, option(OUTPUT, "Replace existing results.", "--overwrite")]
OnlyJson: TypeAlias = Annotated[bool, option(OUTPUT, "Print JSON only.", "--json")]

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
    intersections: Annotated[bool, _column("Audit each pair of columns too.", "--intersections")] = False,
    label: Label = "",
    no_labels: NoLabels = False,
    predicted: Predicted = "",
    confidence: Confidence = "",
    found: Annotated[str, _column("Whether a face was found. \\[found]")] = "",
    abstained: Annotated[str, _column("Whether the reading abstained. \\[abstained]")] = "",
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


@audit.command()
def compare(
    before: Annotated[Path, typer.Argument(help="Predictions of the first model: .csv, .jsonl or .parquet.")],
    after: Annotated[Path, typer.Argument(help="Predictions of the second model for the same images.")],
    *,
    groups: Groups,
    image: Annotated[str, _column("Image names. \\[image, name, path, ...]")] = "",
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


@audit.command()
def thresholds(
    predictions: Annotated[
        Path, typer.Argument(help="Table with labels and confidence, a row per image: .csv, .jsonl or .parquet.")
    ],
    *,
    groups: Annotated[str, _column("Column of groups, such as gender.")],
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
    out: Annotated[Path | None, _file("Write the thresholds here.", "FILE.json")] = None,
    held_out: Annotated[Path | None, _file("Write the predictions held out here.", "FILE.csv")] = None,
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


@audit.command()
def predict(
    source: Annotated[
        Path,
        typer.Argument(
            help="Labeled images: the folder of CREMA-D, RAF-DB, AffectNet or FairFace; a table with a column of paths; "
            "parquet with images; or cropped faces (fer2013.csv, packed .npz)."
        ),
    ],
    *,
    out: Annotated[Path, typer.Option(metavar="FILE.csv", dir_okay=False, help="Write the predictions here.")],
    groups: Annotated[
        list[str] | None, _column("Column of groups; repeatable. Default: all that a known data set has.")
    ] = None,
    label: Label = "",
    no_labels: NoLabels = False,
    images: Annotated[str, _column("Images, or their paths. \\[path, file, ...]")] = "",
    person: Person = "",
    attributes: Annotated[
        Literal["fixed", "thirds"] | None,
        typer.Option(help="Measure and add image attributes as groups, by fixed edges or in thirds."),
    ] = None,
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option(help="Split of cropped faces.")
    ] = "validation",
    model: Model = "default",
    emotions: Emotions = None,
    head: Head = None,
    detector: WhichDetector = "centerface",
    threads: Threads = 0,
    overwrite: Overwrite = False,
) -> None:
    """Run a model on labeled images, and write the table of predictions that the other audits take.

    [bold]Examples[/bold]

      mien audit predict photos.csv --groups gender --out predictions.csv
      mien audit predict fer2013.csv --model tiny --attributes thirds --out predictions.csv
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
    chosen = "".join(f" --groups {name}" for name in table.groups)
    labels = "" if table.has_labels else " --no-labels"
    notes.print(f"next: mien audit fairness {out}{chosen}{labels}", markup=False)


@audit.command()
def attributes(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...|DATA",
            help="Images, folders or patterns; or one data set of faces: fer2013.csv, packed .npz, parquet.",
        ),
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", dir_okay=False, help="Write a row per face to this CSV file.")
    ] = None,
    overwrite: Overwrite = False,
    bins: Annotated[
        Literal["fixed", "thirds"],
        typer.Option(help="Groups by fixed edges, comparable between data sets, or by thirds of these faces."),
    ] = "fixed",
    split: Annotated[
        Literal["train", "validation", "test"] | None, typer.Option(help="Split of a data set. Default: all images.")
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Include sub-folders.")] = False,
    detector: WhichDetector = "centerface",
    min_face: MinFace = None,
    threads: Threads = 0,
) -> None:
    """Measure image attributes of each face (lighting, contrast, sharpness, size, pose, skin lightness) and group them.

    The groups are for [bold]mien audit fairness[/bold]. They describe images, not people.

    [bold]Examples[/bold]

      mien audit attributes photos/ -r
      mien audit attributes fer2013.csv --split validation --out attributes.csv

    Exit code 0 when every image was measured, 3 when some could not be read: they are listed at the end.
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
