"""``mien app``: the two web apps."""

from __future__ import annotations

import typer

from .live_app import live
from .photo_app import photo

apps = typer.Typer(
    name="app",
    help="Open a page in the browser: [bold]mien app photo[/bold] for images, [bold]mien app live[/bold] for the webcam.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
apps.command()(photo)
apps.command()(live)
