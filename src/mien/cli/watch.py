"""``mien watch``: what the user may say, and its translation into values."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .options import (
    OUTPUT,
    BlurOthers,
    Emotions,
    Flip,
    Head,
    MinFace,
    Model,
    NoImages,
    Out,
    Overwrite,
    Threads,
    UnsureBelow,
)
from .values import seconds


def watch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="CAMERA|FILM|ADDRESS",
            help="Number of a camera (0 is the first), a film, which is played at its own speed, or rtsp://...",
        ),
    ],
    *,
    view: Annotated[
        Literal["auto", "window", "terminal", "none"],
        typer.Option(
            help="Where to show the moving picture: in a window, drawn into the terminal, or nowhere; none prints a line "
            "whenever an expression changes.",
            rich_help_panel=OUTPUT,
        ),
    ] = "auto",
    out: Out = None,
    overwrite: Overwrite = False,
    stop_after: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help="Stop after so long, as in 30s or 10min.")
    ] = None,
    blur_others: BlurOthers = False,
    no_images: NoImages = False,
    emotions: Emotions = None,
    head: Head = None,
    model: Model = "default",
    unsure_below: UnsureBelow = 0.5,
    flip: Flip = True,
    min_face: MinFace = None,
    threads: Threads = 0,
) -> None:
    """Watch a camera, and say live what each face expresses.

    Frames that come while one is read are dropped, never queued, so what is shown is what is now. Nothing is stored unless
    --out says so, and nothing leaves the machine. Stop with q in the window, or Ctrl-C.

    With --blur-others the widest face at first, and then the same person until they have left, stays visible.

    [bold]Examples[/bold]

      mien watch 0
      mien watch 0 --out session.csv --for 10min && mien timeline session.csv
      mien watch rtsp://192.168.1.20/stream --view none
      mien watch clip.mp4 --view terminal
      mien watch 0 --no-images --out session.csv
    """
    from ..privacy.choices import Privacy
    from ..values.options import ReadOptions
    from .watching import Session, run

    privacy = Privacy(blur_others, no_images=no_images)
    privacy.refuse_pictures({"--view": "" if view in ("auto", "none") else view})
    view = "none" if no_images else view
    options = ReadOptions(
        emotions=emotions,
        model=model,
        head=head,
        min_face=min_face,
        unsure_below=unsure_below,
        flip=flip,
        threads=threads,
    )
    session = Session(
        out, "overwrite" if overwrite else "new", seconds(stop_after) if stop_after else None, view, blur_others
    )
    run(int(source) if source.isdecimal() else source, options, session)
