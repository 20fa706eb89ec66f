"""``mien lab``: the group of its commands, and ``mien lab inspect`` and ``robustness``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from .lab_cards import dataset_card, model_card
from .lab_detector import evaluate_detector, export_detector, train_detector
from .lab_evaluate import calibration, compare, evaluate
from .lab_export import ensemble, export
from .lab_fit import baseline, tune
from .lab_train import distill, recipes, train
from .options import Data


def inspect(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Dataset: fer2013.csv from Kaggle, class folders such as train/happy/*.png, parquet, or packed .npz.",
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Write a report, .html (with thumbnails) or .md."),
    ] = None,
    write_manifest: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            dir_okay=False,
            help="Write a manifest: which images to use, and why not the others. Nothing is deleted.",
        ),
    ] = None,
    drop_label_errors: Annotated[
        bool,
        typer.Option("--drop-label-errors", help="Exclude probable label errors in train from the manifest."),
    ] = False,
    detect_faces: Annotated[
        bool,
        typer.Option(
            "--detect-faces",
            help="Find images without a face, among 2,000 at most. In tight crops the detector misses faces too.",
        ),
    ] = False,
    size: Annotated[int, typer.Option(min=16, max=512, help="Side in pixels at which images are compared.")] = 48,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON with the names of all images.")] = False,
) -> None:
    """Inspect a dataset: classes, image quality, duplicates and leaks, damaged files, probable label errors.

    Problems are findings, not failures: the exit code is 0 whenever the data can be read.

    Terminal:  [bold]mien lab inspect fer2013.csv[/bold]

    Report:  [bold]mien lab inspect fer2013.csv --out report.html[/bold]

    Leave out leaks and contradictions:  [bold]mien lab inspect fer2013.csv --write-manifest manifest.csv[/bold]
    """
    from ..data.manifest import write_manifest as write
    from ..errors import OptionError
    from ..extras import check_installed
    from .output import progress_bar, show_report

    check_installed(("sklearn", "skimage", "scipy", "matplotlib", "imagehash"), "lab")
    from ..lab.inspection.inspection import inspect as look
    from ..lab.inspection.report import report

    if drop_label_errors and write_manifest is None:
        raise OptionError("--drop-label-errors requires --write-manifest", hint="Add --write-manifest manifest.csv.")
    with progress_bar(Console(stderr=True)) as progress:
        found = look(data, size, detect_faces=detect_faces, progress=progress)
    document = report(found, drop_label_errors=drop_label_errors)
    if out:
        document.write(out)
    if write_manifest:
        cleaning = found.clean(drop_label_errors=drop_label_errors)
        write(found.faces, write_manifest, use=cleaning.use, why=cleaning.why)
        typer.echo(f"{write_manifest} uses {int(cleaning.use.sum()):,} of {len(cleaning.use):,} images", err=True)
    text = found.to_json(drop_label_errors=drop_label_errors) if as_json else ""
    show_report(document, [path for path in (out, write_manifest) if path], json=text)


def robustness(
    models: Annotated[
        list[Path],
        typer.Argument(
            metavar="MODEL...",
            help="Models that come with mien, such as [bold]default[/bold], or exported weights (.onnx with its card); the "
            "others are compared with the first.",
        ),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the report, tables and all predictions go.")],
    limit: Annotated[int, typer.Option(min=1, help="Images at most, as many of each emotion as there are.")] = 1000,
    split: Annotated[
        Literal["validation", "test", "train", "all"],
        typer.Option(help="Part of the data; undivided data is taken whole."),
    ] = "validation",
    head: Annotated[
        str, typer.Option(metavar="NAME", help="The head to use where a model has several.", show_default=False)
    ] = "",
    crops: Annotated[
        bool | None,
        typer.Option(
            "--crops/--photos",
            help="The images are face crops, or show what is around the face. Default: crops if smaller than 64 pixels.",
            show_default=False,
        ),
    ] = None,
    corruption: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this corruption, such as darkness; repeatable.")
    ] = None,
    example: Annotated[
        Path | None,
        typer.Option(metavar="IMAGE", help="Photo for the report's examples. Default: the first one drawn."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the draw and the corruptions.")] = 0,
    threads: Annotated[int, typer.Option(min=0, help="Processor threads; 0 takes all.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run of the same --out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a finished run in --out.")] = False,
) -> None:
    """Test models on corrupted images: dark, blurred, noisy, compressed, small, tilted, covered, badly cropped.

    Photos are tested twice: through the whole reader, detection included, and on the true crop.

    [bold]mien lab robustness default --data photos --out robustness --example face.jpg[/bold]

    [bold]mien lab robustness default new.onnx --data fer2013.csv --limit 500 --out robustness[/bold]
    """
    from ..errors import OptionError
    from ..extras import check_installed

    check_installed(("torch", "sklearn", "scipy", "matplotlib"), "lab")
    if resume and overwrite:
        raise OptionError("--resume and --overwrite contradict each other", hint="Give one of them.")
    from ..lab import robustness as run
    from ..lab.robustness_test.report import robustness_report, write_report
    from .output import progress_bar, show_report

    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        with progress_bar(notes) as progress:
            result = run(
                models, data, out, n=limit, split=split, head=head, crops=crops, corruptions=corruption or (),
                example=example, seed=seed, threads=threads, progress=progress,
                mode="resume" if resume else "overwrite" if overwrite else "new",
                notes=lambda text: notes.print(text, markup=False),
            )  # fmt: skip
    except KeyboardInterrupt:
        notes.print("What was measured is kept: add --resume to continue.")
        raise
    written = (*write_report(result, out), result.predictions)
    show_report(robustness_report(result), written, min_width=160)


lab = typer.Typer(
    name="lab",
    help="Inspect data; train, tune, evaluate, compare and export models: "
    "[bold]mien lab train seven --data fer2013.csv --out runs/mine[/bold]",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
for command in (
    *(train, evaluate, inspect, tune, baseline, ensemble, compare, export, robustness, recipes, distill, calibration),
    *(model_card, dataset_card, train_detector, evaluate_detector, export_detector),
):
    lab.command()(command)
