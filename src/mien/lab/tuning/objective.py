"""The objective of a study: train a recipe with a trial's values, report each epoch to Optuna, prune."""

from __future__ import annotations

import gc
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import optuna
import torch
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, GridSampler, RandomSampler, TPESampler
from optuna.storages import RetryHeartbeatStaleTrialCallback

from ...data.dataset import Dataset
from ...errors import MienError, RecipeError
from ..recipe import Data, Recipe, changed
from ..training.run import train
from .space import Space

#: Errors of a trial that do not end the study.
FAILURES = (MienError, MemoryError, torch.OutOfMemoryError)


@dataclass(frozen=True)
class Plan:
    """What the trials of a study share, except the images; ``ends`` is in seconds since 1970, None for no limit."""

    recipe: Recipe
    space: Space
    out: Path
    budget: int
    epochs: int | None
    ends: float | None = None

    def trial_recipe(self, values: Mapping[str, Any]) -> Recipe:
        """The recipe of a trial; its images are drawn already."""
        epochs = {} if self.epochs is None else {"schedule.epochs": self.epochs}
        chosen = changed(self.recipe, epochs | dict(values))
        return chosen.model_copy(update={"data": Data(sampling=chosen.data.sampling)})

    def run_folder(self, number: int) -> Path:
        """Where a trial's run goes."""
        return self.out / "trials" / f"{number:04}"


def sampler_for(space: Space, index: int) -> BaseSampler:
    """The sampler for the draw of this index, whose seed depends on nothing else."""
    if space.sampler == "grid":
        return GridSampler(space.grid, seed=space.seed)  # the seed also numbers the points
    seed = int(np.random.SeedSequence([space.seed, index]).generate_state(1)[0])
    return TPESampler(seed=seed) if space.sampler == "tpe" else RandomSampler(seed=seed)


def pruner_for(plan: Plan) -> BasePruner:
    """Compares with the median from the sixth trial and after the first fifth of the epochs."""
    epochs = plan.epochs or plan.recipe.schedule.epochs
    return MedianPruner(5, n_warmup_steps=epochs // 5) if plan.space.pruner == "median" else NopPruner()


def train_trial(trial: optuna.Trial, plan: Plan, images: Dataset) -> float:
    """Train one trial; its objective is that of the epoch that the recipe keeps.

    Raises:
        MienError, MemoryError, torch.OutOfMemoryError: the trial failed, and the study goes on.
        optuna.TrialPruned: it was stopped early.
        KeyboardInterrupt: the user interrupted it; its values are queued again.
    """
    labels = {path: parameter.suggest(trial, path) for path, parameter in plan.space.space.items()}
    try:
        recipe = plan.trial_recipe(plan.space.values(labels))
        pruning = _Pruning(trial, plan.space.objective)
        train(recipe, images, plan.run_folder(trial.number), callbacks=(pruning,))
        return pruning.objective_value(recipe)
    except KeyboardInterrupt:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            retry = RetryHeartbeatStaleTrialCallback()
        retry(trial.study, trial.study.get_trials(deepcopy=False)[trial.number])
        raise
    except (MienError, MemoryError, RuntimeError) as error:
        trial.set_user_attr("reason", str(error).partition("\n")[0] or type(error).__name__)
        raise
    finally:
        gc.collect()
        torch.cuda.empty_cache()


class _Pruning(lightning.Callback):
    """Reports each epoch to Optuna, and stops the training if the trial is pruned or the loss is not finite.

    Optuna's own callback reports one metric; the epoch that a recipe keeps depends on the score and loss of all epochs.

    Args:
        trial: where to report to.
        objective: ``score`` or ``loss``.
    """

    def __init__(self, trial: optuna.Trial, objective: str) -> None:
        self._trial, self._objective = trial, objective
        self._epochs: list[dict[str, float]] = []
        self._pruned = False

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002  # Lightning's hook
        """Report the epoch; the last one is never pruned, since a complete trial tells more."""
        found = {name: float(trainer.callback_metrics[f"val_{name}"]) for name in ("score", "loss")}
        self._epochs.append(found)
        done, finite = len(self._epochs), math.isfinite(found["loss"])
        self._trial.report(found[self._objective], done)
        self._pruned = done < (trainer.max_epochs or 0) and finite and self._trial.should_prune()
        if self._pruned or not finite:
            trainer.should_stop = True

    def objective_value(self, recipe: Recipe) -> float:
        """The objective at the epoch that the recipe keeps.

        Raises:
            RecipeError: the training diverged.
            optuna.TrialPruned: it was pruned.
        """
        loss = self._epochs[-1]["loss"]
        if not math.isfinite(loss):
            raise RecipeError(f"training diverged: the loss is {loss} after epoch {len(self._epochs)}")
        monitor, sign = recipe.schedule.monitor, 1 if recipe.schedule.monitor == "score" else -1
        best = max(self._epochs, key=lambda epoch: sign * epoch[monitor])
        kept = best if recipe.schedule.keep == "best" else self._epochs[-1]
        for name, value in kept.items():
            self._trial.set_user_attr(name, value)
        if self._pruned:
            raise optuna.TrialPruned
        return kept[self._objective]
