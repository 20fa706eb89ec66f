"""``mien lab robustness``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import Data


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
    from rich.console import Console

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
