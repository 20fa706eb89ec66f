"""``mien lab evaluate``, ``calibration`` and ``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from ..extras import check_installed
from .options import Data, DetectFaces, LabelNames, ManifestFile

EvaluatedSplit = Annotated[
    Literal["validation", "test"], typer.Option("--split", help="Part of the data to evaluate on.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def evaluate(
    model: Annotated[
        Path,
        typer.Argument(
            help="A model that comes with mien, such as [bold]default[/bold]; exported weights (.onnx with its card); a "
            "checkpoint (.ckpt), or the folder of a run."
        ),
    ],
    data: Data,
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option(help="Part of the data to evaluate on.")
    ] = "validation",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write evaluation.json, per_class.csv, a page and figures.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", dir_okay=False, help="Write the prediction for each image, for mien audit."),
    ] = None,
    groups: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Columns to add to --predictions, by image name.")
    ] = None,
    head: Annotated[str, typer.Option(help="The head of --predictions. Default: the first.")] = "",
    as_json: AsJson = False,
) -> None:
    """Evaluate a model: accuracy with its 95% interval, macro-F1, calibration and confusion matrix.

    Each head is evaluated on the whole part and without exact duplicates of training images, with and without averaging
    over the mirror image. Choose models on [bold]validation[/bold]; use [bold]test[/bold] once, at the end.

    The shipped model:  [bold]mien lab evaluate default --data fer2013.csv[/bold]

    [bold]mien lab evaluate runs/seven --data fer2013.csv --out report[/bold]

    [bold]mien lab evaluate seven.onnx --data fer2013.csv --split test --json > test.json[/bold]
    """
    check_installed(
        ("sklearn", "scipy", "pandas", "matplotlib"), "lab"
    )  # opening a checkpoint says that it needs torch
    from ..lab.evaluation.classifier import open_classifier
    from ..lab.evaluation.evaluate import evaluate as measure
    from ..lab.evaluation.evaluate import write_predictions
    from ..lab.evaluation.report import evaluation_report, write_report
    from .output import read_data, show_report

    classifier = open_classifier(model)
    spec = classifier.input
    faces = read_data(
        data, spec.size, spec.color, manifest=manifest, detect_faces=detect_faces, label_names=label_names
    )
    evaluation = measure(classifier, faces, split)
    written = write_report(evaluation, out) if out else []
    if predictions:
        write_predictions(classifier, faces.part(split), predictions, head=head, groups=groups)
        written = [*written, predictions]
    text = evaluation.to_json() if as_json else ""
    show_report(evaluation_report(evaluation, figures=False), written, json=text, min_width=126)


def calibration(
    models: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL", help="Names of shipped models, .onnx files, checkpoints, folders of runs."),
    ],
    data: Data,
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
    split: EvaluatedSplit = "validation",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the report (HTML, Markdown, JSON) and figures here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure calibration, agreement with annotators' votes, and the effect of abstaining.

    Calibration overall, for each emotion, and for smaller label sets; distance to the annotators' votes and its least
    possible value; detection of mixed emotions; risk against coverage. Intervals: 95%, bootstrap.

    [bold]mien lab calibration default tiny --data fer2013.npz --out calibration[/bold]
    """
    check_installed(("sklearn", "scipy", "pandas", "matplotlib"), "lab")
    from ..lab.calibration import measure_calibration
    from ..lab.calibration_report import calibration_report, to_json, write_report
    from ..lab.evaluation.classifier import open_classifier
    from .output import progress_bar, read_data, show_report

    opened = [open_classifier(model) for model in models]
    faces = read_data(
        data,
        max(one.input.size for one in opened),
        manifest=manifest,
        detect_faces=detect_faces,
        label_names=label_names,
    )
    found = []
    with progress_bar(Console(stderr=True), "measuring") as progress:
        for done, classifier in enumerate(opened):
            progress(done, len(opened))
            found += measure_calibration(classifier, faces, split)
    written = write_report(found, out) if out else []
    text = to_json(found) if as_json else ""
    show_report(calibration_report(found, figures=False), written, json=text, min_width=140)


def compare(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="Run folders, checkpoints (.ckpt), models and ensembles (.onnx), baselines (.skops), or models shipped "
            "with mien, such as [bold]default[/bold].",
        ),
    ],
    data: Data,
    split: EvaluatedSplit = "validation",
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
    head: Annotated[
        str, typer.Option(metavar="NAME", help="The head to use where a model has several.", show_default=False)
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write compare.html, .md, .csv, .json, figures and a folder for each model."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare models on the same images: accuracy, calibration, size, latency and statistical significance.

    Models are evaluated on the emotions that all of them know.

    [bold]mien lab compare runs/a runs/b default --data fer2013.csv[/bold]

    [bold]mien lab compare runs/a models/b.onnx --data images --split test --out comparison[/bold]
    """
    check_installed(("sklearn", "scipy", "statsmodels", "pandas", "matplotlib"), "lab")
    from ..lab.comparison import compare as run
    from ..lab.comparison_models import open_models
    from ..lab.comparison_report import comparison_report, to_json, write_report
    from .output import progress_bar, read_data, show_report

    found = open_models(models)
    inputs = {(model.classifier.input.size, model.classifier.input.color) for model in found}
    if data.suffix.lower() in (".npz", ".csv"):  # gray images of one size: read once
        faces = read_data(
            data, max(size for size, _ in inputs), manifest=manifest, detect_faces=detect_faces, label_names=label_names
        )
        datasets = dict.fromkeys(inputs, faces)
    else:
        datasets = {
            spec: read_data(data, *spec, manifest=manifest, detect_faces=detect_faces, label_names=label_names)
            for spec in sorted(inputs)
        }
    with progress_bar(Console(stderr=True), "comparing") as progress:
        result = run(found, datasets, split, head=head, progress=progress)
        written = write_report(result, out) if out else []
    text = to_json(result) if as_json else ""
    show_report(comparison_report(result, figures=False), written, json=text, min_width=140)
