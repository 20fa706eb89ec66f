"""``mien audit``: for whom it works, and why."""

from __future__ import annotations

import typer

from .fairness import fairness

audit = typer.Typer(
    name="audit",
    help="Ask what can be relied on: [bold]mien audit fairness predictions.csv --groups gender[/bold]",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@audit.callback()
def _root() -> None:
    """A callback keeps ``fairness`` a command of its own while it is the only one."""


audit.command()(fairness)
