"""``mien app live``: a page that reads what a camera sees."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .options import MaskOthers, NoImageOutput

_FAR = "Visitors from elsewhere"


def live(
    *,
    port: Annotated[int, typer.Option(help="The port to listen at.", min=1, max=65535)] = 8501,
    host: Annotated[
        str, typer.Option(help="The address to listen at. Only this machine can reach 127.0.0.1.")
    ] = "127.0.0.1",
    model: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A model that comes with mien, or an .onnx file with its card.")
    ] = "default",
    emotions: Annotated[
        Literal["happy-sad", "four", "seven", "eight"] | None,
        typer.Option(help="Which emotions to tell apart. By default all that the model knows."),
    ] = None,
    mask_others: MaskOthers = False,
    no_image_output: NoImageOutput = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
    stun: Annotated[
        str | None,
        typer.Option(
            metavar="stun:HOST:PORT", help="A server that helps two machines to find each other.", rich_help_panel=_FAR
        ),
    ] = None,
    turn: Annotated[
        str | None,
        typer.Option(
            metavar="turn:HOST:PORT", help="A server that passes video on where there is no way.", rich_help_panel=_FAR
        ),
    ] = None,
    turn_user: Annotated[str | None, typer.Option(help="Its user name.", rich_help_panel=_FAR)] = None,
    turn_password: Annotated[
        str | None, typer.Option(help="Its password.", envvar="MIEN_TURN_PASSWORD", rich_help_panel=_FAR)
    ] = None,
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
    load_model(model)  # a mistyped name is better said here than on the page
    settings = LiveSettings(
        host=host,
        port=port,
        browser=browser,
        model=model,
        emotions=emotions,
        stun=stun,
        turn=turn,
        turn_user=turn_user,
        turn_password=turn_password,
        mask_others=mask_others,
        no_image_output=no_image_output,
    )
    serve(settings, lambda address: typer.echo(f"mien live: {address}   (Ctrl-C ends it)"))
