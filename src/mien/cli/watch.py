"""``mien watch``: read a camera, stream or video live."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from . import options as opt


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
        opt.option(
            opt.OUTPUT,
            "Where to show the moving image: in a window, drawn into the terminal, or nowhere; none prints a line "
            "whenever an expression changes.",
        ),
    ] = "auto",
    out: opt.Out = None,
    overwrite: opt.Overwrite = False,
    duration: Annotated[
        str | None, typer.Option("--duration", metavar="TIME", help="Stop after this time, e.g. 30s or 10min.")
    ] = None,
    mask_others: opt.MaskOthers = False,
    no_image_output: opt.NoImageOutput = False,
    emotions: opt.Emotions = None,
    head: opt.Head = None,
    model: opt.Model = "default",
    min_confidence: opt.MinConfidence = 0.5,
    flip: opt.Flip = True,
    min_face: opt.MinFace = None,
    threads: opt.Threads = 0,
) -> None:
    """Recognize expressions live from a camera, stream or video.

    Frames that arrive while one is read are dropped. Nothing is stored without --out. Stop with q in the window, or Ctrl-C.

    With --mask-others one person stays visible: the widest face at first, then the same person until they leave.

    [bold]Examples[/bold]

      mien watch 0
      mien watch 0 --out session.csv --duration 10min && mien timeline session.csv
      mien watch rtsp://192.168.1.20/stream --view none
      mien watch clip.mp4 --view terminal
      mien watch 0 --no-image-output --out session.csv
    """
    from rich.console import Console

    from ..errors import SourceError
    from ..io.video_sinks import TableFile
    from ..options import ReadOptions
    from ..redaction import Privacy
    from ..video import watch as watch_live
    from .views import choose_view

    privacy = Privacy(mask_others, no_image_output=no_image_output)
    privacy.refuse_images({"--view": "" if view in ("auto", "none") else view})
    options = ReadOptions(
        emotions=emotions,
        model=model,
        head=head,
        min_face=min_face,
        min_confidence=min_confidence,
        flip=flip,
        threads=threads,
    )
    notes = Console(stderr=True, soft_wrap=True, highlight=False)
    sinks = [TableFile(out, overwrite=overwrite)] if out else []
    stop_after_s = opt.seconds(duration, "--duration") if duration else None
    camera = int(source) if source.isdecimal() else source
    failure: SourceError | None = None
    with (
        watch_live(camera, options, sinks=sinks, redact=privacy, stop_after_s=stop_after_s) as live,
        choose_view("none" if no_image_output else view, source) as show,
    ):
        try:
            for frame, readings in live:
                if not show(frame, readings):
                    break
        except KeyboardInterrupt:  # the usual end; the table is made as the block ends
            notes.print("stopped")
        except SourceError as error:  # what was read until then is kept
            failure = error
    if out:
        notes.print(f"written: {out}", markup=False)
    if failure:
        raise failure
