"""``mien app photo`` and ``mien app live``: the two web apps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from .help import HelpCommand, HelpGroup
from .options import Emotions, MaskOthers, Model, NoImageOutput, option

apps = typer.Typer(
    name="app",
    help="Open a page in the browser, for photos or a webcam.",
    cls=HelpGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
)

_REMOTE = "Visitors from elsewhere"
Host: TypeAlias = Annotated[
    str, typer.Option(metavar="ADDRESS", help="Address to listen at; 0.0.0.0 admits your network.")
]
Browser: TypeAlias = Annotated[
    bool, typer.Option("--browser/--no-browser", help="Open the page in your browser (the default).")
]


@apps.command(cls=HelpCommand)
def photo(
    *,
    port: Annotated[
        int | None,
        typer.Option(metavar="N", help="Port to listen at. Default: the first free one from 7860.", min=1, max=65535),
    ] = None,
    host: Host = "127.0.0.1",
    model: Model = "default",
    emotions: Emotions = None,
    flags: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for corrections that users agree to keep. Default: mien-flags.",
            file_okay=False,
        ),
    ] = None,
    feedback: Annotated[
        str | None,
        typer.Option(metavar="URL|FILE", help="Also store corrections in this database of 'mien serve'."),
    ] = None,
    share: Annotated[
        bool, typer.Option("--share", help="Make a public link; images pass through Gradio's servers.")
    ] = False,
    mask_others: MaskOthers = False,
    no_image_output: NoImageOutput = False,
    browser: Browser = True,
) -> None:
    """Read photos on a page in your browser, and correct predictions.

    This machine serves the page to itself. Images are not kept, except for corrected faces that a user agrees to keep.

    Examples:
      mien app photo
      mien app photo --port 8000 --no-browser
      mien app photo --flags corrections && mien lab inspect corrections
    """
    from ..apps.photo_server import PhotoApp, serve
    from ..model.card import load_model
    from ..options import ReadOptions
    from ..redaction import Privacy

    privacy = Privacy(mask_others, no_image_output=no_image_output)
    privacy.refuse_images({"--flags": flags, "--feedback": feedback, "--share": share})
    ReadOptions(emotions=emotions)
    load_model(model)  # wrong options are reported before missing packages
    folder = flags or Path("mien-flags")
    app = PhotoApp(port, host, model, emotions, folder, feedback, share, browser, privacy)
    serve(app, lambda text: typer.echo(text, err=True))


@apps.command(cls=HelpCommand)
def live(
    *,
    port: Annotated[int, typer.Option(metavar="N", help="Port to listen at.", min=1, max=65535)] = 8501,
    host: Host = "127.0.0.1",
    model: Model = "default",
    emotions: Emotions = None,
    mask_others: MaskOthers = False,
    no_image_output: NoImageOutput = False,
    browser: Browser = True,
    stun: Annotated[str | None, option(_REMOTE, "Server that connects two machines.", metavar="stun:HOST:PORT")] = None,
    turn: Annotated[
        str | None, option(_REMOTE, "Server that passes video on where a firewall blocks.", metavar="turn:HOST:PORT")
    ] = None,
    turn_user: Annotated[str | None, option(_REMOTE, "Its user name.", metavar="NAME")] = None,
    turn_password: Annotated[
        str | None,
        option(_REMOTE, "Its password; or set MIEN_TURN_PASSWORD.", envvar="MIEN_TURN_PASSWORD", metavar="TEXT"),
    ] = None,
) -> None:
    """Read a webcam, photo or video on a page in your browser.

    It shows marked faces, the last minute as a chart, snapshots and a table. Nothing is stored; images go from the browser
    to mien only, or through the server that --turn names.

    Examples:
      mien app live
      mien app live --emotions seven --port 8600
    """
    from ..apps.live_server import LiveSettings, serve
    from ..model.card import load_model
    from ..options import ReadOptions
    from ..redaction import Privacy

    Privacy(mask_others, no_image_output=no_image_output).refuse_images({"--turn": turn})
    ReadOptions(emotions=emotions)
    load_model(model)  # a mistyped name is better reported here than on the page
    relay = stun, turn, turn_user, turn_password
    settings = LiveSettings(host, port, browser, model, emotions, *relay, mask_others, no_image_output)
    serve(settings, lambda address: typer.echo(f"mien live: {address}   (Ctrl-C ends it)"))
