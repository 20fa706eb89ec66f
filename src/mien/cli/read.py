"""``mien read``: what the user may say, and its translation into values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

_DETECTION = "Detection"
_OUTPUT = "Output"
_MODEL = "What to read"


def read(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="Pictures, folders of pictures, or patterns such as 'trip/*.jpg'."),
    ],
    *,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Take the pictures in sub-folders too.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON array of rows and nothing else.", rich_help_panel=_OUTPUT)
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write one row a face to this .csv, .jsonl or .parquet file.", dir_okay=False, rich_help_panel=_OUTPUT
        ),
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write a copy of each picture with its faces marked.",
            file_okay=False,
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run of the same --out.", rich_help_panel=_OUTPUT)
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace --out if it exists.", rich_help_panel=_OUTPUT)
    ] = False,
    emotions: Annotated[
        Literal["happy-sad", "four", "seven", "eight"] | None,
        typer.Option(
            help="Which emotions to tell apart; probabilities sum to 1 over these. By default all that the head knows.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="ferplus|fer2013",
            help="Whose labels: ten annotators a picture (ferplus, the default) or one label a picture (fer2013).",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="A model that comes with mien, or an .onnx file with its card.",
            rich_help_panel=_MODEL,
        ),
    ] = "default",
    unsure_below: Annotated[
        float,
        typer.Option(help="Call a reading unsure when its confidence is lower.", min=0, max=1, rich_help_panel=_MODEL),
    ] = 0.5,
    flip: Annotated[
        bool,
        typer.Option(
            "--flip/--no-flip",
            help="Read each face and its mirror image: better, half as fast.",
            rich_help_panel=_MODEL,
        ),
    ] = True,
    detector: Annotated[
        Literal["centerface", "yunet", "whole"],
        typer.Option(
            help="What finds the faces; 'whole' takes each picture for one face.",
            rich_help_panel=_DETECTION,
        ),
    ] = "centerface",
    detector_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Weights for --detector yunet.", rich_help_panel=_DETECTION)
    ] = None,
    min_face: Annotated[
        int,
        typer.Option(help="Smallest face to look for, in pixels; larger is faster.", min=4, rich_help_panel=_DETECTION),
    ] = 20,
    max_megapixels: Annotated[
        float, typer.Option(help="Refuse pictures that unpack to more: they may be made to exhaust memory.", min=0)
    ] = 200,
    threads: Annotated[int, typer.Option(help="Processor threads; 0 takes all.", min=0)] = 0,
) -> None:
    """Find the faces in pictures and say what they express, and how sure that is.

    [bold]Examples[/bold]

      mien read photo.jpg
      mien read photo.jpg --annotate marked
      mien read holiday/ -r --out faces.csv
      mien read *.jpg --json | jq '.[].emotion'
      mien read crops/ --detector whole --emotions seven

    Exit code 0 when every picture was read, 3 when some could not be: those are listed at the end.
    """
    from ..errors import OptionError
    from ..sinks.journal import Mode
    from ..values.options import ReadOptions
    from .reading import Outputs, run

    if (resume or overwrite) and out is None:
        raise OptionError("--resume and --overwrite speak of --out, which was not given", hint="Add --out FILE.")
    if resume and overwrite:
        raise OptionError("--resume and --overwrite contradict each other", hint="Give one of them.")
    options = ReadOptions(
        emotions=emotions,
        model=model,
        head=head,
        detector=detector,
        detector_file=detector_file,
        min_face=min_face,
        unsure_below=unsure_below,
        flip=flip,
        threads=threads,
        max_megapixels=max_megapixels,
    )
    mode: Mode = "resume" if resume else "overwrite" if overwrite else "new"
    failures = run(sources, options, Outputs(as_json, out, annotate, mode), recursive=recursive)
    if failures:
        raise typer.Exit(3)
