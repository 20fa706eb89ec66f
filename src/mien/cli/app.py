"""The command line: ``mien read``, ``watch``, ``timeline``, ``explain``, ``bench``, ``app``, ``lab`` and ``audit``."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from .. import __version__
from ..errors import MienError
from .apps import apps
from .audit import audit
from .bench import bench
from .explain import explain
from .lab import lab
from .read import read
from .timeline import timeline
from .watch import watch

app = typer.Typer(
    name="mien",
    help="Read facial expressions from images, videos and cameras, on your own machine, and say how sure the reading is.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(read)
app.command()(watch)
app.command()(timeline)
app.command()(explain)
app.command()(bench)
app.add_typer(apps, name="app")
app.add_typer(lab, name="lab")
app.add_typer(audit, name="audit")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"mien {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    pass


def guarded(run: Callable[[], None]) -> None:
    """Run the command line, and turn an error of mien's into words and an exit code.

    Exit codes: 0 all went well, 2 an option that cannot be meant, 3 an image that cannot be read, 4 a result that cannot
    be written, 5 a model that cannot be used, 6 data that cannot be used, 7 a missing package, 130 interrupted.
    """
    try:
        run()
    except MienError as error:
        sys.stderr.write(f"mien: {error}\n")
        if error.hint:
            sys.stderr.write(f"      {error.hint}\n")
        sys.exit(error.exit_code)


def main() -> None:
    """The command ``mien``."""
    os.environ["ORT_DISABLE_TELEMETRY"] = (
        "1"  # here and in processes to come, whoever imports onnxruntime (models.runtime)
    )
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file name that the terminal cannot spell must not end the run
            stream.reconfigure(errors="backslashreplace")
    guarded(app)
