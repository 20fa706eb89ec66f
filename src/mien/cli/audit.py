"""``mien audit``: the group of commands."""

from __future__ import annotations

import typer

from .audit_attributes import attributes
from .audit_compare import compare
from .audit_fairness import fairness
from .audit_predict import predict
from .audit_thresholds import thresholds

audit = typer.Typer(
    name="audit",
    help="Compare performance between groups of people or images: "
    "[bold]mien audit fairness predictions.csv --groups gender[/bold]",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
for command in (fairness, predict, compare, thresholds, attributes):
    audit.command()(command)
