"""Results of a study: the table of its trials, the recipe with the best values, and figures."""

from __future__ import annotations

import csv
import io
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import tomli_w
from optuna.trial import FrozenTrial, TrialState

from ...io.atomic import write_atomically
from ..recipe import Recipe, changed
from .space import Space

#: With fewer completed trials than this, importances say nothing.
MIN_TRIALS_FOR_IMPORTANCE = 4


@dataclass(frozen=True)
class Trial:
    """One trial of a study.

    Attributes:
        number: counted from 0.
        state: Optuna's.
        interrupted: whether its values were queued again, because it was stopped or its process ended.
        values: the recipe's fields that vary, by their path.
        score: mean accuracy of the heads, 0 to 1, after the epoch that counts; None before the first.
        loss: the validation loss then, in nats.
        epochs: how many it completed.
        seconds: how long it took.
        reason: why it failed; empty where it did not.
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


@dataclass(frozen=True)
class StudyResult:
    """What came of a study.

    Attributes:
        trials: all of them, those of earlier runs included.
        space: the search space, fitted to the recipe.
        n_validation: on how many images each head was evaluated.
        written: the files.
    """

    trials: tuple[Trial, ...]
    space: Space
    n_validation: dict[str, int]
    written: tuple[Path, ...]

    @property
    def ranked(self) -> list[Trial]:
        """The completed trials, the best first; of equals the earlier first."""
        return ranked(self.trials, self.space)

    @property
    def best(self) -> Trial | None:
        """The best completed trial, if there is one."""
        return next(iter(self.ranked), None)


def retried(trials: Sequence[FrozenTrial]) -> set[int]:
    """Numbers of the trials whose values were queued again under another number."""
    return {number for trial in trials for number in trial.system_attrs.get("retry_history", ())}


def as_trials(trials: Sequence[FrozenTrial], space: Space) -> list[Trial]:
    """The study's trials in their order, but for those that wait."""
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
    found = [
        (value, trial)
        for trial in trials
        if trial.state == TrialState.COMPLETE and (value := trial.objective(space)) is not None
    ]
    return [trial for _, trial in sorted(found, key=lambda pair: -pair[0] if space.maximize else pair[0])]


def write_results(trials: Sequence[Trial], recipe: Recipe, space: Space, out: Path) -> list[Path]:
    """Write ``results.csv``, and ``best.toml`` where a trial has completed.

    ``best.toml`` is ``recipe`` with the best values; its epochs are its own unless they were tuned.

    Raises:
        OutputError: ``out`` cannot be written to.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = ("trial", "state", "score", "loss", "epochs", "seconds")
    writer.writerow([*columns, *space.parameters, "reason"])
    for trial in trials:
        measured = ["" if value is None else f"{value:.5f}" for value in (trial.score, trial.loss)]
        state = "interrupted" if trial.interrupted else trial.state.name.lower()
        cells = [trial.number, state, *measured, trial.epochs, f"{trial.seconds:.1f}"]
        writer.writerow([*cells, *(trial.values.get(path, "") for path in space.parameters), trial.reason])
    write_atomically(out / "results.csv", text.getvalue().encode())
    order = ranked(trials, space)
    if not order:
        return [out / "results.csv"]
    best = order[0]
    about = (
        f"# {recipe.name}, tuned over {space.name}: trial {best.number}, the best of {len(order)} completed trials; "
        f"{space.objective} {best.objective(space):.4f} on held-out training images.\n"
    )
    table = changed(recipe, best.values).model_dump()
    write_atomically(out / "best.toml", (about + tomli_w.dumps(table)).encode())
    return [out / "results.csv", out / "best.toml"]


def draw_figures(study: optuna.Study, space: Space, title: str, out: Path) -> list[Path]:
    """Write Optuna's figures: ``history.png``, ``slice.png``, and ``importance.png`` where enough trials differ.

    Args:
        study: whose trials to draw.
        space: the search space.
        title: what was tuned on which images.
        out: the folder.

    Returns:
        The files; none where no trial has completed.
    """
    from optuna.visualization import matplotlib as plots  # noqa: PLC0415  # imports pyplot

    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not trials:
        return []
    written = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the module is experimental, and matplotlib warns of axes with a single value
        history = plots.plot_optimization_history(study, target_name=space.objective)
        written.append(_save(history, f"{title}\nObjective: {space.objective}", out / "history.png"))
        written.append(_save(plots.plot_slice(study, target_name=space.objective), title, out / "slice.png"))
        if _has_importance(study, trials):
            importance = plots.plot_param_importances(study, target_name=space.objective)
            few = " (few: a rough guide)" if len(trials) < 10 * len(space.parameters) else ""
            written.append(_save(importance, f"{title}\n{len(trials)} completed trials{few}", out / "importance.png"))
    return written


def _has_importance(study: optuna.Study, trials: Sequence[FrozenTrial]) -> bool:
    if len(trials) < MIN_TRIALS_FOR_IMPORTANCE or len({trial.value for trial in trials}) == 1:
        return False
    shares = optuna.importance.get_param_importances(study)
    return bool(shares) and all(map(math.isfinite, shares.values()))


def _save(axes: Any, title: str, path: Path) -> Path:
    """Write the figure of an ``Axes``, or of an array of them."""
    from matplotlib import pyplot  # noqa: PLC0415  # chooses a window system

    figure = np.ravel(axes)[0].figure
    figure.suptitle(title, fontsize=10)
    with io.BytesIO() as image:
        figure.savefig(image, dpi=120, format="png", bbox_inches="tight")
        write_atomically(path, image.getvalue())
    pyplot.close(figure)
    return path
