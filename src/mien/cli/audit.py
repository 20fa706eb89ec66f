"""``mien audit``: for whom, and under which conditions, readings are right."""

from __future__ import annotations

import typer

from .conditions import conditions

audit = typer.Typer(
    name="audit",
    help="Ask for whom, and under which conditions, readings are right: [bold]mien audit conditions photos/[/bold]",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@audit.callback()
def _group() -> None:
    """Keep the name of a command necessary while there is only one."""


audit.command()(conditions)
