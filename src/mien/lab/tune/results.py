"""What a study found, as files: the table of its trials, and the recipe with the best values."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import tomli_w
from optuna.trial import FrozenTrial, TrialState

from ...io.atomic import write_atomically
from ..recipe import Recipe, changed
from .plan import Epoch, Plan
from .sampling import retried
from .space import Space

_STATES = {
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True)
class Row:
    """One trial.

    Attributes:
        number: counted from 0.
        state: ``finished``, ``pruned``, ``failed``, ``interrupted`` (tried again under another number) or ``running``.
        values: what the recipe's fields held, by their path.
        score: mean accuracy of the heads, 0 to 1, after the epoch that counts; None before the first.
        loss: the validation loss then, in nats.
        epochs: how many it finished.
        seconds: how long it took.
        why: what went wrong, where it failed.
    """

    number: int
    state: str
    values: Mapping[str, Any]
    score: float | None
    loss: float | None
    epochs: int
    seconds: float
    why: str = ""

    def objective(self, space: Space) -> float | None:
        """What the study went by."""
        return self.score if space.objective == "score" else self.loss


#: What a study tells while it runs: an epoch, or the end of a trial.
Event = Epoch | Row


def rows_of(plan: Plan, trials: Sequence[FrozenTrial]) -> list[Row]:
    """The study's trials in their order, but for those that wait for their turn."""
    again = retried(trials)
    return [
        Row(
            trial.number,
            "interrupted" if trial.number in again else _STATES[trial.state],
            plan.values(trial.params),
            trial.user_attrs.get("score"),
            trial.user_attrs.get("loss"),
            len(trial.intermediate_values),
            trial.duration.total_seconds() if trial.duration else 0.0,
            trial.user_attrs.get("why", ""),
        )
        for trial in trials
        if trial.state in _STATES
    ]


def ranked(rows: Sequence[Row], space: Space) -> list[Row]:
    """The finished trials, the best first; of equals the earlier first."""
    found = [(value, row) for row in rows if row.state == "finished" and (value := row.objective(space)) is not None]
    return [row for _, row in sorted(found, key=lambda pair: -pair[0] if space.rising else pair[0])]


def best_row(rows: Sequence[Row], space: Space) -> Row | None:
    """The best of the finished trials, if there is one."""
    return next(iter(ranked(rows, space)), None)


def best_recipe(plan: Plan, best: Row) -> Recipe:
    """The user's recipe with the best values; its epochs are its own unless they were tuned."""
    return changed(plan.recipe, best.values)


def write_table(rows: Sequence[Row], plan: Plan) -> None:
    """Write ``trials.csv``, and ``best.toml`` as soon as a trial has finished.

    Raises:
        OutputError: the study's folder cannot be written to.
    """
    paths = list(plan.space.ways)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "score", "loss", "epochs", "seconds", *paths, "why"])
    for row in rows:
        measured = ["" if value is None else f"{value:.5f}" for value in (row.score, row.loss)]
        writer.writerow(
            [row.number, row.state, *measured, row.epochs, f"{row.seconds:.1f}"]
            + [row.values.get(path, "") for path in paths]
            + [row.why]
        )
    write_atomically(plan.out / "trials.csv", text.getvalue().encode())
    best = best_row(rows, plan.space)
    if best is not None:
        write_atomically(plan.out / "best.toml", _as_toml(plan, best, len(ranked(rows, plan.space))).encode())


def _as_toml(plan: Plan, best: Row, finished: int) -> str:
    measured = f"{best.score:.4f}" if plan.space.objective == "score" else f"{best.loss:.4f}"
    about = (
        f"# {plan.recipe.name}, tuned over {plan.space.name}: trial {best.number}, the best of {finished} finished; "
        f"{plan.space.objective} {measured} on training images set aside.\n"
    )
    return about + tomli_w.dumps(asdict(best_recipe(plan, best)))
