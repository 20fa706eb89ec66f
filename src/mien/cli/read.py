"""``mien read``."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from itertools import groupby
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console

from ..errors import OptionError
from ..options import MAX_MEGAPIXELS, Prior
from . import options as opt
from .output import JsonArray, notes_console, progress_bar


def read(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="Images, videos, folders, or patterns ('trip/*.jpg')."),
    ],
    *,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Include sub-folders.")] = False,
    interval: opt.Interval = None,
    emotions: opt.Emotions = None,
    model: opt.Model = "default",
    min_confidence: opt.MinConfidence = 0.5,
    out: Annotated[
        str | None,
        opt.option(opt.OUTPUT, "Write a row per face: csv, tsv, xlsx, jsonl, parquet.", metavar="FILE"),
    ] = None,
    annotate: Annotated[
        Path | None,
        opt.option(opt.OUTPUT, "Write annotated copies: a folder, or one video.", metavar="DIR|VIDEO"),
    ] = None,
    as_json: opt.AsJson = False,
    resume: Annotated[
        bool, opt.option(opt.OUTPUT, "Continue an interrupted run of the same --out.", "--resume")
    ] = False,
    overwrite: opt.Overwrite = False,
    excel: opt.Excel = False,
    list_separator: opt.Separator = None,
    mask_others: opt.MaskOthers = False,
    show_person: Annotated[
        list[int] | None,
        opt.option(
            opt.PRIVACY, "Person of a video to show; repeatable. Default: the one seen longest.", metavar="PERSON"
        ),
    ] = None,
    no_image_output: opt.NoImageOutput = False,
    head: opt.Head = None,
    prior: opt.Prior = "balanced",
    prefer_recall: opt.PreferRecall = None,
    detector: opt.WhichDetector = "mien",
    min_face: opt.MinFace = None,
    rotate: opt.Rotate = "auto",
    flip: opt.Flip = True,
    max_megapixels: Annotated[
        float, opt.option(opt.ADVANCED, "Refuse larger images.", min=0, metavar="N")
    ] = MAX_MEGAPIXELS,
    timeout: Annotated[
        str | None,
        opt.option(opt.ADVANCED, "Time limit per file. Default: 60s for an image, none for a video.", metavar="TIME"),
    ] = None,
    device: opt.Device = "cpu",
    threads: opt.Threads = 0,
    engine: Annotated[str, opt.option(opt.ADVANCED, "local, or ray on a cluster.", metavar="NAME")] = "local",
    address: Annotated[
        str | None,
        opt.option(opt.ADVANCED, "Ray cluster: auto or HOST:PORT.", metavar="TEXT"),
    ] = None,
) -> None:
    """Recognize facial expressions in images and videos, where each person is tracked.

    Examples:
      mien read photo.jpg --annotate annotated
      mien read holiday/ -r --out faces.csv
      mien read *.jpg --json | jq '.[].emotion'
      mien read crops/ --detector none --emotions seven
      mien read clip.mp4 --interval 0.2s --out clip.csv && mien timeline clip.csv
      mien read clip.mp4 --annotate annotated.mp4 --mask-others
      mien read s3://b/photos --engine ray --address auto --out s3://b/faces
    """
    from ..batch import read_files
    from ..io.journal import partial_path
    from ..options import ReadOptions
    from ..redaction import Privacy
    from .table import ReadingTable, show_readings

    separator = opt.excel_separator(excel, list_separator)
    if (resume or overwrite or separator) and out is None:
        raise OptionError("--resume, --overwrite and --excel require --out", hint="Add --out FILE.")
    if resume and overwrite:
        raise OptionError("--resume and --overwrite contradict each other", hint="Give one of them.")
    privacy = Privacy(mask_others, tuple(show_person or ()), no_image_output)
    options = ReadOptions(
        emotions=emotions,
        model=model,
        head=head,
        prior=cast(Prior, prior),  # checked by ReadOptions
        prefer_recall=opt.emotion_list(prefer_recall),
        detector=detector,
        min_face=min_face,
        rotate=opt.rotation(rotate),
        min_confidence=min_confidence,
        flip=flip,
        threads=threads,
        device=device,
        max_megapixels=max_megapixels,
    )
    if engine != "local":
        _refuse_with_ray(
            engine, annotate=annotate, json=as_json, excel=separator, mask_others=mask_others, show_person=show_person
        )
        from .cluster import read_on_cluster

        read_on_cluster(
            sources, out, options, mode="resume" if resume else "overwrite" if overwrite else "new", address=address,
            recursive=recursive, interval_s=opt.seconds(interval, "--interval") if interval else 0.0,
            timeout_s=opt.seconds(timeout, "--timeout") if timeout else None,
        )  # fmt: skip
        return
    if address is not None:
        raise OptionError("--address requires --engine ray", hint="Add --engine ray.", field="address", value=address)
    console, notes = Console(), notes_console()
    table, table_path = ReadingTable(console), Path(out) if out else None
    try:
        with JsonArray(sys.stdout) if as_json else nullcontext() as array, progress_bar(notes, "reading") as progress:
            result = read_files(
                sources,
                options,
                out=table_path,
                mode="resume" if resume else "overwrite" if overwrite else "new",
                excel=separator,
                annotate=annotate,
                redact=privacy,
                recursive=recursive,
                interval_s=opt.seconds(interval, "--interval") if interval else 0.0,
                timeout_s=opt.seconds(timeout, "--timeout") if timeout else None,
                on_image=table.add,
                on_rows=array.add if array else None,
                progress=progress,
            )
    except KeyboardInterrupt:
        kept = table_path and partial_path(table_path).exists()
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
        for hint, failures in groupby(result.failures, key=lambda failure: failure.hint):
            notes.print("\n".join(f"  {failure.message}" for failure in failures), markup=False)
            if hint:
                notes.print(f"    {hint}", markup=False)
        raise typer.Exit(3)


def _refuse_with_ray(engine: str, **given: object) -> None:
    """Raise an ``OptionError`` for another engine, or for an option that only one machine has."""
    if engine != "ray":
        message = f"--engine: got {engine!r}, expected local or ray"
        raise OptionError(message, hint="Leave it out to read on this machine.", field="engine", value=engine)
    for name, value in given.items():
        if value:
            option = f"--{name.replace('_', '-')}"
            hint = f"Leave out {option}, or read without --engine ray."
            raise OptionError(f"{option} cannot be used with --engine ray", hint=hint, field=name, value=value)
