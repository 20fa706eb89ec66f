"""Results of a study: its trials, the recipe with the best values, Optuna's figures, and the report."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import tomli_w
from optuna.trial import FrozenTrial, TrialState

from ...io.atomic import write_atomically
from ...report import Document, Note, count, interval, join, percent
from ...stats import wilson
from ..evaluation.report import save, table
from ..recipe import Recipe, changed
from .space import Space

#: Importances of fewer completed trials are meaningless.
_MIN_TRIALS_FOR_IMPORTANCE = 4
_SHOWN = 10


@dataclass(frozen=True)
class Trial:
    """One trial of a study.

    Attributes:
        state: Optuna's.
        interrupted: whether its values were queued again, because it was stopped or its process ended.
        values: the recipe's fields that vary, by their path.
        score: mean accuracy of the heads, 0 to 1, at the kept epoch; None before the first epoch.
        loss: the validation loss at that epoch, in nats.
        epochs: number of completed epochs.
        reason: why it failed.
    """

    number: int
    state: TrialState
    interrupted: bool
    values: Mapping[str, Any]
    score: float | None
    loss: float | None
    epochs: int
    seconds: float
    reason: str = ""

    def objective(self, space: Space) -> float | None:
        """The value that the study optimizes."""
        return self.score if space.maximize else self.loss

    @property
    def outcome(self) -> str:
        """``complete``, ``pruned``, ``fail``, ``running`` or ``interrupted``."""
        return "interrupted" if self.interrupted else self.state.name.lower()


@dataclass(frozen=True)
class StudyResult:
    """The result of a study: all trials, those of earlier runs included, and the search space, fitted to the recipe.

    ``n_validation`` has the number of images that each head was evaluated on.
    """

    trials: tuple[Trial, ...]
    space: Space
    n_validation: dict[str, int]
    written: tuple[Path, ...]

    @property
    def best(self) -> Trial | None:
        """The best completed trial, if there is one."""
        return next(iter(ranked(self.trials, self.space)), None)


def retried(trials: Sequence[FrozenTrial]) -> set[int]:
    """Numbers of the trials whose values were queued again under another number."""
    return {number for trial in trials for number in trial.system_attrs.get("retry_history", ())}


def as_trials(trials: Sequence[FrozenTrial], space: Space) -> list[Trial]:
    """The study's trials in their order, without those that wait."""
    again = retried(trials)
    return [
        Trial(
            trial.number,
            trial.state,
            trial.number in again,
            space.values(trial.params),
            trial.user_attrs.get("score"),
            trial.user_attrs.get("loss"),
            len(trial.intermediate_values),
            trial.duration.total_seconds() if trial.duration else 0.0,
            trial.user_attrs.get("reason", ""),
        )
        for trial in trials
        if trial.state != TrialState.WAITING
    ]


def ranked(trials: Sequence[Trial], space: Space) -> list[Trial]:
    """The completed trials, the best first; of equals the earlier first."""
    sign = -1 if space.maximize else 1
    completed = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return sorted(completed, key=lambda trial: sign * (trial.objective(space) or 0.0))


def tuning_report(found: StudyResult) -> Document:
    """Turn a study into a report: the best trials, with 95% Wilson intervals if there is one head."""
    n = next(iter(found.n_validation.values())) if len(found.n_validation) == 1 else 0
    rows = []
    for trial in ranked(found.trials, found.space)[:_SHOWN]:
        score = trial.score or 0.0
        ends = (interval(wilson(round(score * n), n)),) if n else ()
        measured = (f"{trial.loss or 0.0:.4f}", str(trial.epochs), f"{trial.seconds:.1f}")
        values = (trial.values.get(path, "") for path in found.space.space)
        shown = (f"{value:.3g}" if isinstance(value, float) else str(value) for value in values)
        rows.append((str(trial.number), percent(score, 2), *ends, *measured, *shown))
    names = ("trial", "score", *(("95% CI",) if n else ()), "loss", "epochs", "seconds", *found.space.space)
    counts = join([f"{name}: {count(images, 'image')}" for name, images in found.n_validation.items()])
    note = "The best of many trials is optimistic: evaluate it on images that it was not chosen by."
    note = note if rows else "No trial completed: see the column 'reason' of results.csv."
    metadata = {"evaluated on": f"held-out training images ({counts})"}
    return Document(f"Tuning: {found.space.name}", (table(names, rows, words=0), Note(note)), metadata=metadata)


def write_results(trials: Sequence[Trial], recipe: Recipe, space: Space, out: Path) -> list[Path]:
    """Write ``results.csv``, and ``best.toml``, the recipe with the best values, if a trial has completed."""
    columns = ("trial", "state", "score", "loss", "epochs", "seconds", *space.space, "reason")
    rows = [
        (
            one.number, one.outcome, one.score, one.loss, one.epochs, round(one.seconds, 1),
            *map(one.values.get, space.space), one.reason,
        )
        for one in trials
    ]  # fmt: skip
    content = pd.DataFrame(rows, columns=columns, dtype=object).to_csv(index=False)
    write_atomically(out / "results.csv", content.encode())
    order = ranked(trials, space)
    if not order:
        return [out / "results.csv"]
    best = order[0]
    comment = (
        f"# {recipe.name}, tuned over {space.name}: trial {best.number}, the best of {len(order)} completed trials; "
        f"{space.objective} {best.objective(space):.4f} on held-out training images.\n"
    )
    toml = tomli_w.dumps(changed(recipe, best.values).model_dump())
    write_atomically(out / "best.toml", (comment + toml).encode())
    return [out / "results.csv", out / "best.toml"]


def draw_figures(study: optuna.Study, space: Space, title: str, out: Path) -> list[Path]:
    """Write Optuna's figures: ``history.png``, ``slice.png``, and ``importance.png`` if enough trials differ.

    None are drawn if no trial has completed. ``title`` says what was tuned on which images.
    """
    from matplotlib import pyplot  # noqa: PLC0415  # chooses a window system
    from optuna.visualization import matplotlib as plots  # noqa: PLC0415

    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    drawers: dict[str, Callable[..., Any]] = {}
    if trials:
        drawers = {"history": plots.plot_optimization_history, "slice": plots.plot_slice}
    if len(trials) >= _MIN_TRIALS_FOR_IMPORTANCE and len({trial.value for trial in trials}) > 1:
        shares = optuna.importance.get_param_importances(study).values()
        if shares and all(map(math.isfinite, shares)):
            drawers["importance"] = plots.plot_param_importances
    title = f"{title}\n{count(len(trials), 'completed trial')}, objective: {space.objective}"
    for name, draw in drawers.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the module is experimental; matplotlib warns of axes with a single value
            figure = np.ravel(draw(study, target_name=space.objective))[0].figure
            figure.suptitle(title, fontsize=10)
            save(figure, out / f"{name}.png")
            pyplot.close(figure)
    return [out / f"{name}.png" for name in drawers]
