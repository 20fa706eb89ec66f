"""``mien lab``: the group of its commands, and ``mien lab inspect`` and ``robustness``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from .help import HelpCommand, HelpGroup
from .lab_cards import dataset_card, model_card
from .lab_detector import evaluate_detector, export_detector, train_detector
from .lab_evaluate import calibration, compare, evaluate
from .lab_export import ensemble, export
from .lab_fit import baseline, tune
from .lab_train import distill, finetune, recipes, train
from .options import ADVANCED, OUTPUT, AsJson, Data, OneHead, Threads, existing_data, known_models, option


def inspect(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Dataset: fer2013.csv, class folders such as happy/*.jpg, parquet, or .npz.",
            callback=existing_data,
        ),
    ],
    *,
    size: Annotated[
        int, typer.Option(min=16, max=512, metavar="PIXELS", help="Side at which images are compared.")
    ] = 48,
    detect_faces: Annotated[
        bool, typer.Option("--detect-faces", help="Find images without a face, among 2,000 at most.")
    ] = False,
    out: Annotated[
        Path | None,
        option(OUTPUT, "Write a report: .html (with thumbnails) or .md.", metavar="FILE", dir_okay=False),
    ] = None,
    write_manifest: Annotated[
        Path | None, option(OUTPUT, "Write which images to use, and why.", metavar="FILE.csv", dir_okay=False)
    ] = None,
    drop_label_errors: Annotated[
        bool, option(OUTPUT, "Exclude probable label errors from --write-manifest.", "--drop-label-errors")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Inspect a dataset: quality, duplicates, label errors.

    Problems are findings, not failures: the exit code is 0 whenever the data can be read. Nothing is deleted.

    Examples:
      mien lab inspect fer2013.csv
      mien lab inspect fer2013.csv --out report.html
      mien lab inspect fer2013.csv --write-manifest manifest.csv
    """
    from ..data.manifest import write_manifest as write
    from ..errors import OptionError
    from ..extras import check_installed
    from .output import progress_bar, show_report

    if drop_label_errors and write_manifest is None:
        raise OptionError("--drop-label-errors requires --write-manifest", hint="Add --write-manifest manifest.csv.")
    check_installed(("sklearn", "skimage", "scipy", "matplotlib", "imagehash"), "lab")
    from ..lab.inspection.inspection import inspect as look
    from ..lab.inspection.report import report

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
            metavar="MODEL...", help="Names or .onnx files; others are compared with the first.", callback=known_models
        ),
    ],
    data: Data,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the report, tables and all predictions.")],
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Images at most, balanced by emotion.")] = 1000,
    split: Annotated[
        Literal["validation", "test", "train", "all"],
        typer.Option(metavar="NAME", help="Split: train, validation, test or all."),
    ] = "validation",
    corruption: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this corruption, such as darkness; repeatable.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run of the same --out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a finished run in --out.")] = False,
    head: OneHead = "",
    crops: Annotated[
        bool | None,
        option(ADVANCED, "Face crops (the default below 64 pixels) or photos.", "--crops/--photos", show_default=False),
    ] = None,
    example: Annotated[
        Path | None, option(ADVANCED, "Photo for the report. Default: the first image.", metavar="IMAGE")
    ] = None,
    seed: Annotated[int, option(ADVANCED, "Random seed.", min=0, metavar="N")] = 0,
    threads: Threads = 0,
) -> None:
    """Test models on corrupted images.

    Photos are tested twice: through the whole reader, detection included, and on the true crop.

    Examples:
      mien lab robustness default --data photos --out tests
      mien lab robustness default new.onnx --data fer2013.csv --out tests
    """
    from ..errors import OptionError
    from ..extras import check_installed

    if resume and overwrite:
        raise OptionError("--resume and --overwrite contradict each other", hint="Give one of them.")
    check_installed(("torch", "sklearn", "scipy", "matplotlib"), "lab")
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
    help="""Inspect data; train, evaluate, compare and export models.

    Examples:
      mien lab train seven --data fer2013.csv --out runs/mine
      mien lab evaluate runs/mine --data fer2013.csv
      mien lab export runs/mine --data fer2013.csv --out models
    """,
    cls=HelpGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
)
_PANELS = {
    "Data": (inspect, dataset_card),
    "Training": (train, recipes, finetune, tune, distill, baseline, ensemble),
    "Evaluation": (evaluate, compare, calibration, robustness),
    "Export": (export, model_card),
    "Face detector": (train_detector, evaluate_detector, export_detector),
}
for panel, commands in _PANELS.items():
    for command in commands:
        lab.command(cls=HelpCommand, rich_help_panel=panel)(command)
