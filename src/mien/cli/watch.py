"""``mien watch``: read a camera, stream or video live."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from . import options as opt

STREAMS = "Streams to other programs"


def watch(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Number of a camera (0 is the first), a video, or rtsp://...")
    ],
    *,
    duration: Annotated[
        str | None, typer.Option(metavar="TIME", help="Stop after this time, e.g. 30s or 10min.")
    ] = None,
    view: Annotated[
        Literal["auto", "window", "terminal", "none"],
        typer.Option(metavar="VIEW", help="Show images: auto, window, terminal or none (changes as text)."),
    ] = "auto",
    emotions: opt.Emotions = None,
    model: opt.Model = "default",
    min_confidence: opt.MinConfidence = 0.5,
    out: opt.Out = None,
    overwrite: opt.Overwrite = False,
    excel: opt.Excel = False,
    list_separator: opt.Separator = None,
    lsl: Annotated[
        str | None, opt.option(STREAMS, "Publish readings as a stream of Lab Streaming Layer.", metavar="NAME")
    ] = None,
    osc: Annotated[
        str | None, opt.option(STREAMS, "Send readings as OSC messages by UDP.", metavar="[HOST:]PORT")
    ] = None,
    websocket: Annotated[
        str | None, opt.option(STREAMS, "Serve readings as JSON on a WebSocket.", metavar="[HOST:]PORT")
    ] = None,
    mask_others: opt.MaskOthers = False,
    no_image_output: opt.NoImageOutput = False,
    head: opt.Head = None,
    min_face: opt.MinFace = None,
    rotate: opt.Rotate = "auto",
    flip: opt.Flip = True,
    device: opt.Device = "cpu",
) -> None:
    """Recognize facial expressions live from a camera, stream or video.

    Frames that arrive while one is read are dropped. Nothing is stored without --out. Stop with q in the window, or Ctrl-C.

    Examples:
      mien watch 0
      mien watch 0 --out session.csv --duration 10min && mien timeline session.csv
      mien watch rtsp://192.168.1.20/stream --view none
      mien watch clip.mp4 --view terminal
      mien watch 0 --lsl mien --osc 9000 --websocket 8765
    """
    from ..errors import SourceError
    from ..io.live_outputs import Address, LslStream, OscMessages, WebSocketServer
    from ..io.video_sinks import TableFile, VideoSink
    from ..options import ReadOptions
    from ..redaction import Privacy
    from ..video import watch as watch_live
    from .output import notes_console
    from .views import choose_view

    privacy = Privacy(mask_others, no_image_output=no_image_output)
    privacy.refuse_images({"--view": "" if view in ("auto", "none") else view})
    options = ReadOptions(
        emotions=emotions,
        model=model,
        head=head,
        min_face=min_face,
        rotate=opt.rotation(rotate),
        min_confidence=min_confidence,
        flip=flip,
        device=device,
    )
    notes = notes_console()
    separator = opt.excel_separator(excel, list_separator)
    sinks: list[VideoSink] = [TableFile(out, overwrite=overwrite, excel=separator)] if out else []
    sinks += [LslStream(lsl)] if lsl is not None else []
    sinks += [OscMessages(Address.parse(osc))] if osc is not None else []
    sinks += [WebSocketServer(Address.parse(websocket))] if websocket is not None else []
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
