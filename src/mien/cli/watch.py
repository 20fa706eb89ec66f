"""``mien watch``: what the user may say, and its translation into values."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .options import (
    OUTPUT,
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
)
from .values import seconds


def watch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="CAMERA|VIDEO|ADDRESS",
            help="Number of a camera (0 is the first), a video, which is played at its own speed, or rtsp://...",
        ),
    ],
    *,
    view: Annotated[
        Literal["auto", "window", "terminal", "none"],
        typer.Option(
            help="Where to show the moving image: in a window, drawn into the terminal, or nowhere; none prints a line "
            "whenever an expression changes.",
            rich_help_panel=OUTPUT,
        ),
    ] = "auto",
    out: Out = None,
    overwrite: Overwrite = False,
    stop_after: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="Stop after so long, as in 30s or 10min.")
    ] = None,
    mask_others: MaskOthers = False,
    no_image_output: NoImageOutput = False,
    emotions: Emotions = None,
    head: Head = None,
    model: Model = "default",
    min_confidence: MinConfidence = 0.5,
    flip: Flip = True,
    min_face: MinFace = None,
    threads: Threads = 0,
) -> None:
    """Watch a camera, and say live what each face expresses.

    Frames that come while one is read are dropped, never queued, so what is shown is what is now. Nothing is stored unless
    --out says so, and nothing leaves the machine. Stop with q in the window, or Ctrl-C.

    With --mask-others the widest face at first, and then the same person until they have left, stays visible.

    [bold]Examples[/bold]

      mien watch 0
      mien watch 0 --out session.csv --for 10min && mien timeline session.csv
      mien watch rtsp://192.168.1.20/stream --view none
      mien watch clip.mp4 --view terminal
      mien watch 0 --no-image-output --out session.csv
    """
    from ..options import ReadOptions
    from ..redaction import Privacy
    from .watching import Session, run

    privacy = Privacy(mask_others, no_image_output=no_image_output)
    privacy.refuse_images({"--view": "" if view in ("auto", "none") else view})
    view = "none" if no_image_output else view
    options = ReadOptions(
        emotions=emotions,
        model=model,
        head=head,
        min_face=min_face,
        min_confidence=min_confidence,
        flip=flip,
        threads=threads,
    )
    session = Session(
        out, "overwrite" if overwrite else "new", seconds(stop_after) if stop_after else None, view, mask_others
    )
    run(int(source) if source.isdecimal() else source, options, session)
