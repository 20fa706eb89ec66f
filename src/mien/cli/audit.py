"""``mien audit``: for whom, and under which conditions, readings are right."""

from __future__ import annotations

import typer

from .change import change
from .conditions import conditions
from .fairness import fairness
from .thresholds import thresholds

audit = typer.Typer(
    name="audit",
    help="Ask for whom, and in what light, readings are right: "
    "[bold]mien audit fairness predictions.csv --groups gender[/bold]",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
audit.command()(fairness)
audit.command()(change)
audit.command()(thresholds)
audit.command()(conditions)
