"""``mien app photo`` and ``mien app live``: the two web apps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from .options import Emotions, MaskOthers, Model, NoImageOutput, option

apps = typer.Typer(
    name="app",
    help="Open a page in the browser: [bold]mien app photo[/bold] for images, [bold]mien app live[/bold] for the webcam.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

_REMOTE = "Visitors from elsewhere"
Host: TypeAlias = Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 lets others on your network in.")]
Browser: TypeAlias = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in your browser.")]


@apps.command()
def photo(
    *,
    port: Annotated[
        int | None, typer.Option(help="Port to listen at. Default: the first free one from 7860.", min=1, max=65535)
    ] = None,
    host: Host = "127.0.0.1",
    model: Model = "default",
    emotions: Emotions = None,
    flags: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for corrected faces, kept once the user agrees; 'mien lab' reads it as data. Default: mien-flags.",
            file_okay=False,
        ),
    ] = None,
    share: Annotated[
        bool, typer.Option("--share", help="Make a public link: images then pass through Gradio's servers.")
    ] = False,
    mask_others: MaskOthers = False,
    no_image_output: NoImageOutput = False,
    browser: Browser = True,
) -> None:
    """Read photos on a page in your browser: upload, paste or take one, or read many; correct what is wrong.

    [bold]Examples[/bold]

      mien app photo
      mien app photo --port 8000 --no-browser
      mien app photo --flags corrections && mien lab inspect corrections

    The page is served by this machine to itself; images are not kept, but for the faces that a user agrees to keep.
    With --no-image-output the page shows no marked photos and keeps no corrections.
    """
    from ..apps.photo_server import PhotoApp, serve
    from ..redaction import Privacy

    privacy = Privacy(mask_others, no_image_output=no_image_output)
    privacy.refuse_images({"--flags": flags, "--share": share})
    app = PhotoApp(port, host, model, emotions, flags or Path("mien-flags"), share, browser, privacy)
    serve(app, lambda text: typer.echo(text, err=True))


@apps.command()
def live(
    *,
    port: Annotated[int, typer.Option(help="Port to listen at.", min=1, max=65535)] = 8501,
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
    turn_user: Annotated[str | None, option(_REMOTE, "Its user name.")] = None,
    turn_password: Annotated[str | None, option(_REMOTE, "Its password.", envvar="MIEN_TURN_PASSWORD")] = None,
) -> None:
    """Watch a camera in a browser: marked faces, the last minute as a chart, snapshots and a table.

    The page also takes photos and videos. Nothing is stored. Images go from the browser to mien and nowhere else; with
    --turn, live video passes through the server that you name. With --no-image-output the page sends no image back: it marks
    faces in the browser, takes no snapshots, and the only image to be seen is the one that the browser has itself.

    [bold]Examples[/bold]

      mien app live
      mien app live --emotions seven --port 8600
    """
    from ..apps.live_server import LiveSettings, serve
    from ..model.card import load_model
    from ..redaction import Privacy

    Privacy(mask_others, no_image_output=no_image_output).refuse_images({"--turn": turn})
    load_model(model)  # a mistyped name is better reported here than on the page
    relay = stun, turn, turn_user, turn_password
    settings = LiveSettings(host, port, browser, model, emotions, *relay, mask_others, no_image_output)
    serve(settings, lambda address: typer.echo(f"mien live: {address}   (Ctrl-C ends it)"))
