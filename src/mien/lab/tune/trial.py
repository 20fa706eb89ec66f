"""One trial: a recipe with some values changed is trained, watched, and maybe ended early."""

from __future__ import annotations

import gc
import math
import re
from collections.abc import Callable
from typing import Any

import lightning.pytorch as lightning
import optuna
import torch
from optuna.trial import TrialState

from ...data.dataset import Dataset
from ...errors import MienError
from ..recipe import Recipe
from ..train.run import train
from .plan import Epoch, Outcome, Plan

_NO_MEMORY = re.compile(r"out of memory|not enough memory|(can't|cannot|failed to|unable to) allocate", re.IGNORECASE)


def run_trial(
    trial: optuna.Trial,
    plan: Plan,
    images: Dataset,
    say: Callable[[Epoch], None],
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Train one trial. Its objective is that of the epoch that the recipe keeps (``schedule.keep``).

    Args:
        trial: its values, and where each epoch is reported to.
        plan: what it shares with the others.
        images: see ``mien.lab.tune.images.tuning_images``.
        say: called after each epoch.
        stop: asked after each batch whether to end as on Ctrl-C.

    Returns:
        What to write down; a recipe that cannot be trained and a lack of memory are failures, not errors.

    Raises:
        KeyboardInterrupt: the user stopped the run, or ``stop`` did.
    """
    try:
        recipe = plan.tried_recipe(trial.params)
        watcher = _Watcher(trial, plan.space.objective, say, stop)
        train(recipe, images, plan.run(trial.number), callbacks=(watcher,))
    except MienError as error:
        return Outcome(TrialState.FAIL, why=str(error))
    except (MemoryError, RuntimeError) as error:
        if not _is_lack_of_memory(error):
            raise
        first = str(error).partition("\n")[0]
        return Outcome(TrialState.FAIL, why=f"not enough memory: {first}" if first else "not enough memory")
    finally:
        gc.collect()
        torch.cuda.empty_cache()
    return watcher.outcome(recipe)


class _Watcher(lightning.Callback):
    """Reports each epoch to the study, and ends the training where that says so.

    Args:
        trial: where to report to.
        objective: ``score`` or ``loss``.
        say: called after each epoch.
        stop: asked after each batch.
    """

    def __init__(
        self, trial: optuna.Trial, objective: str, say: Callable[[Epoch], None], stop: Callable[[], bool]
    ) -> None:
        self._trial, self._objective, self._say, self._stop = trial, objective, say, stop
        self._epochs: list[dict[str, float]] = []
        self._pruned = False

    def on_train_batch_end(self, *_: Any) -> None:
        """See whether someone wants an end."""
        if self._stop():
            raise KeyboardInterrupt

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:  # noqa: ARG002  # Lightning's hook
        """Report, and end the training that does worse than the others or has lost its way."""
        found = {name: float(trainer.callback_metrics[f"val_{name}"]) for name in ("score", "loss")}
        self._epochs.append(found)
        value, done, epochs = found[self._objective], len(self._epochs), trainer.max_epochs or 0
        self._trial.report(value, done)
        self._say(Epoch(self._trial.number, done, epochs, value))
        # The last epoch is paid for: a whole trial tells more than a pruned one.
        self._pruned = done < epochs and math.isfinite(found["loss"]) and self._trial.should_prune()
        if self._pruned or not math.isfinite(found["loss"]):
            trainer.should_stop = True

    def outcome(self, recipe: Recipe) -> Outcome:
        """What came of the trial."""
        if not math.isfinite(self._epochs[-1]["loss"]):
            return Outcome(
                TrialState.FAIL,
                why=f"the loss is {self._epochs[-1]['loss']} after epoch {len(self._epochs)}: it diverged",
            )
        watched, sign = recipe.schedule.watch, 1 if recipe.schedule.watch == "score" else -1
        best = max(self._epochs, key=lambda epoch: sign * epoch[watched])
        kept = best if recipe.schedule.keep == "best" else self._epochs[-1]
        for name, value in kept.items():
            self._trial.set_user_attr(name, value)
        if self._pruned:
            return Outcome(TrialState.PRUNED)
        return Outcome(TrialState.COMPLETE, kept[self._objective])


def _is_lack_of_memory(error: MemoryError | RuntimeError) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or bool(_NO_MEMORY.search(str(error)))
