"""``mien lab inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
    from rich.console import Console

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
