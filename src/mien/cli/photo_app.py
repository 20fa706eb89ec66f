"""``mien app photo``: what the user may say, and its translation into values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import MaskOthers, NoImageOutput


def photo(
    *,
    port: Annotated[
        int | None, typer.Option(help="Port to listen at; by default the first free one from 7860.", min=1, max=65535)
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 lets others on your network in.")] = "127.0.0.1",
    model: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A model that comes with mien, or an .onnx file with its card.")
    ] = "default",
    emotions: Annotated[
        Literal["happy-sad", "four", "seven", "eight"] | None,
        typer.Option(help="Which emotions to tell apart at first; the page can change it."),
    ] = None,
    flags: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where corrected faces are kept, once the user agrees; 'mien lab' takes it as data. "
            "By default mien-flags.",
            file_okay=False,
        ),
    ] = None,
    share: Annotated[
        bool, typer.Option("--share", help="Make a public link: images then pass through Gradio's servers.")
    ] = False,
    mask_others: MaskOthers = False,
    no_image_output: NoImageOutput = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in your browser.")] = True,
) -> None:
    """Read photos on a page in your browser: upload, paste or take one, or read many; correct what is wrong.

    [bold]Examples[/bold]

      mien app photo
      mien app photo --port 8000 --no-browser
      mien app photo --flags corrections && mien lab inspect corrections

    The page is served by this machine to itself; images are not kept, but for the faces that a user agrees to keep.
    With --no-image-output the page shows no marked photos and keeps no corrections.
    """
    from ..apps.photo import PhotoApp, serve
    from ..redaction import Privacy

    privacy = Privacy(mask_others, no_image_output=no_image_output)
    privacy.refuse_images({"--flags": flags, "--share": share})
    app = PhotoApp(port, host, model, emotions, flags or Path("mien-flags"), share, browser, privacy)
    serve(app, lambda text: typer.echo(text, err=True))
