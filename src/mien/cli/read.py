"""``mien read``."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ..options import MAX_MEGAPIXELS
from . import options as opt
from .output import progress_bar


def read(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="Images, videos, folders, or patterns such as 'trip/*.jpg'."),
    ],
    *,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Include sub-folders.")] = False,
    as_json: Annotated[bool, opt.option(opt.OUTPUT, "Print a JSON array of rows and nothing else.", "--json")] = False,
    out: opt.Out = None,
    annotate: Annotated[
        Path | None,
        opt.option(
            opt.OUTPUT,
            "Write annotated copies into a folder, or of one video to a file such as annotated.mp4. Videos keep their "
            "sound; with --interval they hold the sampled frames.",
            metavar="DIR|VIDEO",
        ),
    ] = None,
    resume: Annotated[
        bool, opt.option(opt.OUTPUT, "Continue an interrupted run of the same --out.", "--resume")
    ] = False,
    overwrite: opt.Overwrite = False,
    interval: Annotated[
        str | None,
        opt.option(
            "Videos", "Sample one frame per interval, e.g. 0.2s or 500ms. Default: every frame.", metavar="TIME"
        ),
    ] = None,
    mask_others: opt.MaskOthers = False,
    show_person: Annotated[
        list[int] | None,
        opt.option(
            opt.PRIVACY,
            "With --mask-others, a person of a video to leave visible; repeatable. Default: the person seen longest.",
            metavar="PERSON",
        ),
    ] = None,
    no_image_output: opt.NoImageOutput = False,
    emotions: opt.Emotions = None,
    head: opt.Head = None,
    model: opt.Model = "default",
    min_confidence: opt.MinConfidence = 0.5,
    flip: opt.Flip = True,
    detector: opt.WhichDetector = "centerface",
    min_face: opt.MinFace = None,
    max_megapixels: Annotated[
        float, typer.Option(help="Refuse larger images, which may exhaust memory.", min=0)
    ] = MAX_MEGAPIXELS,
    threads: opt.Threads = 0,
) -> None:
    """Recognize facial expressions in images and videos, with calibrated probabilities.

    In videos each person gets a track, and probabilities are smoothed over time.

    [bold]Examples[/bold]

      mien read photo.jpg
      mien read photo.jpg --annotate annotated
      mien read holiday/ -r --out faces.csv
      mien read *.jpg --json | jq '.[].emotion'
      mien read crops/ --detector none --emotions seven
      mien read clip.mp4 --out clip.parquet --annotate annotated.mp4
      mien read clip.mp4 --interval 0.2s --out clip.csv && mien timeline clip.csv
      mien read clip.mp4 --annotate annotated.mp4 --mask-others

    Exit code 0 if everything was read, 3 if something could not be: it is listed at the end.
    """
    from ..batch import read_files
    from ..errors import OptionError
    from ..io.journal import partial_path
    from ..io.tables import JsonArray
    from ..options import ReadOptions
    from ..redaction import Privacy
    from .table import ReadingTable, show_readings

    if (resume or overwrite) and out is None:
        raise OptionError("--resume and --overwrite require --out", hint="Add --out FILE.")
    if resume and overwrite:
        raise OptionError("--resume and --overwrite contradict each other", hint="Give one of them.")
    privacy = Privacy(mask_others, tuple(show_person or ()), no_image_output)
    options = ReadOptions(
        emotions=emotions,
        model=model,
        head=head,
        detector=detector,
        min_face=min_face,
        min_confidence=min_confidence,
        flip=flip,
        threads=threads,
        max_megapixels=max_megapixels,
    )
    console, notes = Console(), Console(stderr=True, soft_wrap=True, highlight=False)
    table = ReadingTable(console)
    try:
        with JsonArray(sys.stdout) if as_json else nullcontext() as array, progress_bar(notes, "reading") as progress:
            result = read_files(
                sources,
                options,
                out=out,
                mode="resume" if resume else "overwrite" if overwrite else "new",
                annotate=annotate,
                redact=privacy,
                recursive=recursive,
                interval_s=opt.seconds(interval, "--interval") if interval else 0.0,
                on_image=table.add,
                on_rows=array.add if array else None,
                progress=progress,
            )
    except KeyboardInterrupt:
        kept = out and partial_path(out).exists()
        hint = f"Add --resume to continue {out}." if kept else "Use --out FILE to keep results for --resume."
        notes.print(f"Interrupted. {hint}", markup=False)
        raise
    if result.already_complete:
        notes.print(f"{out} is complete: nothing to resume. Use --overwrite to read again.", markup=False)
    if not as_json:
        show_readings(console, table, result, show_image=not no_image_output)
    for place in (out, annotate):
        if place and (result.images or result.videos):
            notes.print(f"written: {place}", markup=False)
    if result.failures:
        notes.print(f"{len(result.failures)} could not be read, or only in part:", style="bold red")
        for failure in result.failures:
            notes.print(f"  {failure.message}", markup=False)
        raise typer.Exit(3)
