"""``mien lab train-detector``, ``evaluate-detector`` and ``export-detector``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

_NEEDED = ("torch", "pydantic", "pyarrow", "sklearn", "scipy", "statsmodels")

Faces = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", help="Folder of parquet files: image, split, boxes, landmarks, ignore."),
]


def train_detector(
    recipe: Annotated[
        str,
        typer.Argument(metavar="RECIPE", help="detector, or a .toml file with its fields."),
    ],
    data: Faces,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for last.ckpt and metrics.csv.")],
    fer2013: Annotated[
        Path | None, typer.Option(metavar="PATH", help="FER2013, to paste its faces into images.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the training in --out.")] = False,
    init: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Start with the weights of last.ckpt or a .safetensors file."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Epochs in total. Default: the recipe's.")
    ] = None,
    threads: Annotated[int, typer.Option(metavar="N", min=1, help="Processor threads.")] = 1,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Keep photos in memory (the default): faster, takes 2.5 GB.")
    ] = True,
) -> None:
    """Train the face detector.

    Examples:
      mien lab train-detector detector --data faces --out runs/detector
      mien lab export-detector runs/detector/last.ckpt --out detector.onnx
    """
    from ..extras import check_installed

    check_installed(_NEEDED, "lab")
    from ..lab import train_detector as run
    from ..lab.detector.data import read_faces
    from ..lab.detector.recipe import load_detector_recipe
    from .output import progress_bar

    chosen = load_detector_recipe(recipe)
    if epochs is not None:
        chosen = chosen.model_copy(update={"epochs": epochs})

    def show(row: dict[str, float]) -> None:
        typer.echo("  ".join(f"{name} {value:.4g}" for name, value in row.items()))

    with progress_bar(Console(stderr=True), "reading photos") as progress:
        kept = run(
            chosen, read_faces(data, fer2013), out,
            resume=resume, init=init, cache=cache, threads=threads, on_epoch=show, progress=progress,
        )  # fmt: skip
    typer.echo(f"written: {kept}", err=True)


def evaluate_detector(
    detectors: Annotated[list[str], typer.Argument(metavar="DETECTOR...", help="Exported ONNX files, or centerface.")],
    data: Faces,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.02, max=1, metavar="SHARE", help="Lowest score. Default: 0.05 false positives per faceless photo."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a report: .html or .md.", dir_okay=False)
    ] = None,
) -> None:
    """Compare face detectors.

    Average precision, recall by face size, false positives, landmark error.

    Examples:
      mien lab evaluate-detector detector.onnx centerface --data faces
    """
    from ..extras import check_installed

    check_installed(_NEEDED, "lab")
    from ..lab import evaluate_detectors
    from ..lab.detector.data import read_faces
    from ..lab.detector.evaluate import detector_report
    from .output import progress_bar, show_report

    with progress_bar(Console(stderr=True), "reading photos") as progress:
        report = detector_report(evaluate_detectors(detectors, read_faces(data), threshold, progress))
    show_report(report, (report.write(out),) if out else (), min_width=126)


def export_detector(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="last.ckpt of a training.")],
    out: Annotated[Path, typer.Option(metavar="FILE.onnx", help="The file to write.")],
    int8: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Quantize to int8, with photos of this folder.")
    ] = None,
) -> None:
    """Export a trained face detector to ONNX.

    Examples:
      mien lab export-detector last.ckpt --out detector.onnx --int8 faces
    """
    from ..extras import check_installed

    check_installed((*_NEEDED, "onnx", "onnxscript"), "lab")
    from ..lab import export_detector as run
    from ..lab.detector.data import read_faces

    written = run(checkpoint, out, calibration=read_faces(int8).train if int8 else ())
    typer.echo(f"written: {written}", err=True)
