"""``mien lab``: the group of its commands, one module each."""

from __future__ import annotations

import typer

from .lab_cards import dataset_card, model_card
from .lab_detector import evaluate_detector, export_detector, train_detector
from .lab_evaluate import calibration, compare, evaluate
from .lab_export import ensemble, export
from .lab_fit import baseline, tune
from .lab_inspect import inspect
from .lab_robustness import robustness
from .lab_train import distill, recipes, train

lab = typer.Typer(
    name="lab",
    help="Inspect data; train, tune, evaluate, compare and export models: "
    "[bold]mien lab train seven --data fer2013.csv --out runs/mine[/bold]",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
for command in (
    train,
    evaluate,
    inspect,
    tune,
    baseline,
    ensemble,
    compare,
    export,
    robustness,
    recipes,
    distill,
    calibration,
    model_card,
    dataset_card,
    train_detector,
    evaluate_detector,
    export_detector,
):
    lab.command()(command)
