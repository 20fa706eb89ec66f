"""The loop of a process that works on a study."""

from __future__ import annotations

import logging
from collections.abc import Callable

import optuna
from optuna.trial import TrialState

from ...data.dataset import Dataset
from .ledger import opened
from .plan import Outcome, Plan
from .results import Event
from .trial import run_trial


def work(plan: Plan, images: Dataset, say: Callable[[Event], None], stop: Callable[[], bool] = lambda: False) -> None:
    """Run trials of a study, in this process, until there are enough.

    Args:
        plan: what is tried.
        images: see ``mien.lab.tune.images.tuning_images``.
        say: called after each epoch and each trial.
        stop: asked after each batch whether to end as on Ctrl-C.

    Raises:
        KeyboardInterrupt: the user or ``stop`` ended it; the trial under way will be tried again.
    """
    with opened(plan) as ledger:
        while not stop() and (trial := ledger.claim()) is not None:
            outcome, again = Outcome(TrialState.FAIL, why="an error of the program, told on the terminal"), False
            try:
                outcome = run_trial(trial, plan, images, say, stop)
            except KeyboardInterrupt:
                outcome, again = Outcome(TrialState.FAIL), True
                raise
            finally:
                row = ledger.finish(trial, outcome, again=again)
            say(row)


def quieten() -> None:
    """Let Lightning and Optuna speak up only when something is wrong: their greetings would drown the table."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
