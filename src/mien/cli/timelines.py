"""``mien timeline``: the group of commands on tables of videos; without a name, ``summary``."""

from __future__ import annotations

from pathlib import Path

import typer

from .agreement import agreement
from .events import events
from .help import DefaultGroup, HelpCommand
from .imports import import_
from .join import join
from .relink import relink
from .study import study
from .timeline import timeline


class _Timelines(DefaultGroup):
    """Without the name of a command, a table is summarized, and a folder or the videos of a manifest are a study."""

    def default_for(self, args: list[str]) -> str:
        """Return ``study`` for a manifest or a folder, else ``summary``; nothing where help is asked for."""
        if args[0] in ("-h", "--help"):
            return ""
        manifest = any(word == "--manifest" or word.startswith("--manifest=") for word in args)
        return "study" if manifest or Path(args[0]).is_dir() else "summary"


timelines = typer.Typer(
    cls=_Timelines,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Analyze tables of videos: who expressed what, when, and how surely.

    Without the name of a command, a table is summarized; with --manifest, or for a folder, study runs.

    Examples:
      mien timeline talk.parquet
      mien timeline videos/ --manifest study.csv --out results
      mien timeline summary --help
    """,
)
timelines.command("summary", cls=HelpCommand)(timeline)
timelines.command("study", cls=HelpCommand)(study)
timelines.command("agreement", cls=HelpCommand)(agreement)
timelines.command("import", cls=HelpCommand)(import_)
timelines.command("events", cls=HelpCommand)(events)
timelines.command("join", cls=HelpCommand)(join)
timelines.command("relink", cls=HelpCommand)(relink)
