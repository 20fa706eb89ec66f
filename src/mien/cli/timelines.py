"""``mien timeline``: the group of commands on tables of videos; without a name, ``summary``."""

from __future__ import annotations

import typer

from .help import DefaultGroup, HelpCommand
from .timeline import timeline


class _Timelines(DefaultGroup):
    """Without the name of a command, a table is summarized."""

    def default_for(self, args: list[str]) -> str:
        """The summary, unless help is asked for."""
        return "" if args[0] in ("-h", "--help") else "summary"


timelines = typer.Typer(
    cls=_Timelines,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Analyze tables of videos: who expressed what, when, and how surely.

    Without the name of a command, the tables are summarized.

    Examples:
      mien timeline talk.parquet
      mien timeline summary --help
    """,
)
timelines.command("summary", cls=HelpCommand)(timeline)
