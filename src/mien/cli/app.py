"""The command line: ``mien read`` and the other commands."""

from __future__ import annotations

import io
import os
import re
import sys
import threading
from collections.abc import Callable
from typing import Annotated

import typer

from .. import __version__
from ..errors import LIBRARY_HINT, MienError, MissingExtraError
from .apps import apps
from .audit import audit
from .bench import bench
from .explain import explain
from .help import HelpCommand, RootGroup
from .lab import lab
from .operate import feedback, models, monitor, retrain
from .read import read
from .serve import keys, serve
from .timelines import timelines
from .watch import watch

#: Exit code after Ctrl-C.
_INTERRUPTED = 130

app = typer.Typer(
    name="mien",
    help="""Recognize facial expressions in images, videos and camera streams.

    mien runs locally and returns calibrated probabilities. Without a command, the sources are read.

    Examples:
      mien photo.jpg
      mien read holiday/ --out faces.csv
      mien COMMAND --help

    Exit codes: 0 success, 2 invalid option, 3 source, 4 output, 5 model, 6 data, 7 missing package, 1 other.
    """,
    cls=RootGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=HelpCommand)(read)
app.command(cls=HelpCommand)(watch)
app.command(cls=HelpCommand)(explain)
app.command(cls=HelpCommand)(bench)
app.command(cls=HelpCommand)(serve)
app.add_typer(timelines, name="timeline")
app.add_typer(keys, name="keys")
app.add_typer(monitor, name="monitor")
app.add_typer(feedback, name="feedback")
app.add_typer(models, name="models")
app.add_typer(apps, name="app")
lab.command(cls=HelpCommand, rich_help_panel="Training")(retrain)
app.add_typer(lab, name="lab")
app.add_typer(audit, name="audit")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"mien {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def guarded(run: Callable[[], None]) -> None:
    """Run the command line; print errors of mien and exit with their code (``docs/reference/errors.md``)."""
    try:
        run()
    except MienError as error:
        sys.stderr.write(f"mien: {error}\n")
        if error.hint:
            sys.stderr.write("".join(f"      {line}\n" for line in error.hint.splitlines()))
        sys.exit(error.exit_code)
    except ImportError as error:  # such as a shared library that Pillow or numpy needs
        sys.stderr.write(f"mien: a library cannot be loaded: {error}\n      {LIBRARY_HINT}\n")
        sys.exit(MissingExtraError.exit_code)


def main() -> None:
    """The command ``mien``."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # for child processes too; see model.session
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # some file names cannot be encoded
            stream.reconfigure(errors="backslashreplace")
    try:
        guarded(_run)
    except SystemExit as ending:
        if ending.code == _INTERRUPTED:
            _leave_networks()
        raise


def _run() -> None:
    sys.argv[1:] = map(_expanded, sys.argv[1:])
    app()


def _expanded(argument: str) -> str:
    """Expand what shells do not: ``~`` in quotes or after ``--option=``, and ``file://`` addresses."""
    from ..io.sources import local_path

    option, path = re.fullmatch(r"(?s)(--[\w-]+=)?(.*)", argument).groups("")  # type: ignore[union-attr]  # always fits
    is_path = path.startswith("~/") or path[:6].lower() == "file:/"
    try:
        return f"{option}{local_path(path)}" if is_path else argument
    except MienError:  # a file of another computer: the command reports it
        return argument


def _leave_networks() -> None:
    """End the process at once if threads search images: Python would wait for them, which can take seconds."""
    from ..reader import WORKER_THREADS

    if any(thread.name.startswith(WORKER_THREADS) for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_INTERRUPTED)
