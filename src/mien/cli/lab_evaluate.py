"""``mien lab evaluate``, ``calibration`` and ``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from ..extras import check_installed
from .options import (
    ADVANCED,
    OUTPUT,
    AsJson,
    Data,
    DetectFaces,
    LabelNames,
    ManifestFile,
    OneHead,
    known_models,
    option,
)

Split = Annotated[
    Literal["train", "validation", "test"],
    typer.Option("--split", metavar="NAME", help="Split to evaluate on: train, validation or test."),
]
EvaluatedSplit = Annotated[
    Literal["validation", "test"],
    typer.Option("--split", metavar="NAME", help="Split to evaluate on: validation or test."),
]


def evaluate(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="Name, .onnx or .skops file, checkpoint (.ckpt) or run folder.", callback=known_models
        ),
    ],
    data: Data,
    split: Split = "validation",
    out: Annotated[
        Path | None, option(OUTPUT, "Folder for evaluation.json, per_class.csv, a page and figures.", metavar="DIR")
    ] = None,
    predictions: Annotated[
        Path | None,
        option(OUTPUT, "Write predictions of each image, for mien audit.", metavar="FILE.csv", dir_okay=False),
    ] = None,
    groups: Annotated[
        Path | None, option(OUTPUT, "Columns to add to --predictions, by image name.", metavar="FILE.csv")
    ] = None,
    as_json: AsJson = False,
    head: Annotated[str, option(ADVANCED, "Head of --predictions. Default: the first.", metavar="NAME")] = "",
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
) -> None:
    """Evaluate a model: accuracy, calibration, confusion matrix.

    Each head is evaluated on the whole split and without exact duplicates of training images, with and without averaging
    over the mirror image. Choose models on validation; use test once, at the end.

    Examples:
      mien lab evaluate default --data fer2013.csv
      mien lab evaluate runs/seven --data fer2013.csv --out report
      mien lab evaluate seven.onnx --data fer2013.csv --split test --json
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
        typer.Argument(
            metavar="MODEL...", help="Names, .onnx files, checkpoints or run folders.", callback=known_models
        ),
    ],
    data: Data,
    split: EvaluatedSplit = "validation",
    out: Annotated[Path | None, option(OUTPUT, "Folder for the report, JSON and figures.", metavar="DIR")] = None,
    as_json: AsJson = False,
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
) -> None:
    """Measure calibration, agreement with votes, and abstention.

    Calibration overall, for each emotion, and for smaller label sets; distance to the annotators' votes and its least
    possible value; detection of mixed emotions; risk against coverage. Intervals: 95%, bootstrap.

    Examples:
      mien lab calibration default tiny --data fer2013.npz --out calibration
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
            metavar="MODEL...", help="Names, .onnx or .skops files, checkpoints or run folders.", callback=known_models
        ),
    ],
    data: Data,
    split: EvaluatedSplit = "validation",
    out: Annotated[
        Path | None, option(OUTPUT, "Folder for the report, tables, figures and each model.", metavar="DIR")
    ] = None,
    as_json: AsJson = False,
    head: OneHead = "",
    manifest: ManifestFile = None,
    detect_faces: DetectFaces = False,
    label_names: LabelNames = None,
) -> None:
    """Compare models: accuracy, calibration, size, significance.

    Models are evaluated on the same images and the emotions that all of them know.

    Examples:
      mien lab compare runs/a runs/b default --data fer2013.csv
      mien lab compare runs/a b.onnx --data images --split test --out compared
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
