"""``mien read``: what the user may say, and its translation into values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    OUTPUT,
    PRIVACY,
    DetectorFile,
    Emotions,
    Flip,
    Head,
    MaskOthers,
    MinConfidence,
    MinFace,
    Model,
    NoImageOutput,
    Out,
    Overwrite,
    Threads,
    WhichDetector,
)
from .values import seconds

_VIDEOS = "Videos"


def read(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="Images, videos, folders of them, or patterns such as 'trip/*.jpg'."),
    ],
    *,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Take what is in sub-folders too.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON array of rows and nothing else.", rich_help_panel=OUTPUT)
    ] = False,
    out: Out = None,
    annotate: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|VIDEO",
            help="Write a copy of each image and video with its faces marked; for one video, its name such as "
            "marked.mp4 (or .mkv, .mov). Videos keep their sound; with --every they hold the frames that were read.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run of the same --out.", rich_help_panel=OUTPUT)
    ] = False,
    overwrite: Overwrite = False,
    every: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Read a frame each so often, as in 0.2s or 500ms; by default every frame.",
            rich_help_panel=_VIDEOS,
        ),
    ] = None,
    mask_others: MaskOthers = False,
    keep: Annotated[
        list[int] | None,
        typer.Option(
            metavar="PERSON",
            help="With --mask-others, who stays visible in a video, by the number in the table of people; may be given "
            "several times. By default whoever is in sight the longest.",
            rich_help_panel=PRIVACY,
        ),
    ] = None,
    no_image_output: NoImageOutput = False,
    emotions: Emotions = None,
    head: Head = None,
    model: Model = "default",
    min_confidence: MinConfidence = 0.5,
    flip: Flip = True,
    detector: WhichDetector = "centerface",
    detector_file: DetectorFile = None,
    min_face: MinFace = None,
    max_megapixels: Annotated[
        float, typer.Option(help="Refuse images that unpack to more: they may be made to exhaust memory.", min=0)
    ] = 200,
    threads: Threads = 0,
) -> None:
    """Find the faces in images and videos and say what they express, and how sure that is.

    In videos each person keeps a number, and probabilities are smoothed over time.

    [bold]Examples[/bold]

      mien read photo.jpg
      mien read photo.jpg --annotate marked
      mien read holiday/ -r --out faces.csv
      mien read *.jpg --json | jq '.[].emotion'
      mien read crops/ --detector none --emotions seven
      mien read clip.mp4 --out clip.parquet --annotate marked.mp4
      mien read clip.mp4 --every 0.2s --out clip.csv && mien timeline clip.csv
      mien read clip.mp4 --annotate marked.mp4 --mask-others

    Exit code 0 when everything was read, 3 when something could not be: it is listed at the end.
    """
    from ..errors import OptionError
    from ..io.journal import Mode
    from ..options import ReadOptions
    from ..redaction import Privacy
    from .collecting import Outputs
    from .reading import run

    if (resume or overwrite) and out is None:
        raise OptionError("--resume and --overwrite speak of --out, which was not given", hint="Add --out FILE.")
    if resume and overwrite:
        raise OptionError("--resume and --overwrite contradict each other", hint="Give one of them.")
    privacy = Privacy(mask_others, tuple(keep or ()), no_image_output)
    privacy.refuse_images({"--annotate": annotate})
    options = ReadOptions(
        emotions=emotions,
        model=model,
        head=head,
        detector=detector,
        detector_file=detector_file,
        min_face=min_face,
        min_confidence=min_confidence,
        flip=flip,
        threads=threads,
        max_megapixels=max_megapixels,
    )
    mode: Mode = "resume" if resume else "overwrite" if overwrite else "new"
    outputs = Outputs(as_json, out, annotate, mode, privacy)
    failures = run(sources, options, outputs, recursive=recursive, interval_s=seconds(every) if every else 0.0)
    if failures:
        raise typer.Exit(3)
