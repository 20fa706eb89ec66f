"""The study on disk: which trials there are, who runs them, and how they ended; several processes may share it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy.exc
from filelock import FileLock, Timeout
from optuna.trial import TrialState

from ...errors import OutputError, RecipeError
from ...io.atomic import writing_to
from .plan import Outcome, Plan
from .results import Row, best_row, rows_of, write_table
from .sampling import RETRY_OF, distributions, grid_size, pruner_of, retried, sampler_of

_NAME = "mien"


class Ledger:
    """An open study. A trial belongs to the process that holds the lock of its number.

    The operating system frees the locks of a process that ends in whatever way, so trials that were cut off are known as
    such without waiting for anything.

    Args:
        plan: what is tried.
        study: the open study.
    """

    def __init__(self, plan: Plan, study: optuna.Study) -> None:
        self._plan, self._study = plan, study
        self._running: dict[int, FileLock] = {}
        self._budget = min(plan.trials, grid_size(plan.space)) if plan.space.sampler == "grid" else plan.trials

    @property
    def about(self) -> dict[str, Any]:
        """What was written down as the study began."""
        return dict(self._study.user_attrs)

    def rows(self) -> list[Row]:
        """The trials so far, without those that wait."""
        return rows_of(self._plan, self._study.get_trials(deepcopy=False))

    @property
    def study(self) -> optuna.Study:
        """The study itself, to compute from."""
        return self._study

    def claim(self) -> optuna.Trial | None:
        """The next trial, now this process's; None when there are enough, or the time is up.

        Values of an interrupted trial come before new ones.
        """
        if self._plan.ends is not None and time.time() >= self._plan.ends:
            return None
        with self._alone():
            self._free_the_cut_off()
            trials = self._study.get_trials(deepcopy=False)
            begun = sum(trial.state != TrialState.WAITING for trial in trials) - len(retried(trials))
            if begun >= self._budget:
                return None
            trial = self._study.ask(distributions(self._plan.space))
            self._running[trial.number] = self._lock(trial.number)
            self._running[trial.number].acquire()
        return trial

    def finish(self, trial: optuna.Trial, outcome: Outcome, *, again: bool = False) -> Row:
        """Write down how a trial ended, and delete the weights of all trials but the best.

        Args:
            trial: as ``claim`` gave it.
            outcome: how it ended.
            again: whether its values shall be tried again.

        Returns:
            The trial's line in the table.
        """
        with self._alone():
            if outcome.why:
                trial.set_user_attr("why", outcome.why)
            self._study.tell(trial, outcome.value, state=outcome.state)
            if again:
                self._study.enqueue_trial(trial.params, user_attrs={RETRY_OF: trial.number})
            self._drop(self._running.pop(trial.number), trial.number)
            rows = self.rows()
            best = best_row(rows, self._plan.space)
            for row in rows:
                if row.state != "running" and (best is None or row.number != best.number):
                    for weights in self._plan.run(row.number).glob("*.ckpt"):
                        weights.unlink(missing_ok=True)
            write_table(rows, self._plan)
        return next(row for row in rows if row.number == trial.number)

    def _free_the_cut_off(self) -> None:
        """Mark trials whose process is gone as failed, and queue their values to be tried again."""
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            lock = self._lock(trial.number)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue  # it runs, here or elsewhere
            self._study.tell(trial.number, state=TrialState.FAIL)
            self._study.enqueue_trial(trial.params, user_attrs={RETRY_OF: trial.number})
            self._drop(lock, trial.number)

    def _alone(self) -> FileLock:
        return FileLock(self._plan.out / "study.lock")

    def _lock(self, number: int) -> FileLock:
        return FileLock(self._lock_file(number))

    def _lock_file(self, number: int) -> Path:
        folder = self._plan.out / "running"
        folder.mkdir(exist_ok=True)
        return folder / f"{number:04}.lock"

    def _drop(self, lock: FileLock, number: int) -> None:
        lock.release()
        self._lock_file(number).unlink(missing_ok=True)


def begin(plan: Plan, images: dict[str, Any], *, resume: bool) -> None:
    """Make the study's file, or see that the one that is there belongs to the same question.

    Args:
        plan: what is tried.
        images: what identifies the images, and what the results shall say of them; plain values.
        resume: whether a study is expected in ``plan.out``.

    Raises:
        OutputError: there is a study and ``resume`` is False, or none and it is True; or it cannot be made or read.
        RecipeError: the study there is about another recipe, search space or data.
    """
    file = plan.out / "study.db"
    found = file.exists() or (not resume and (plan.out / "trials").exists())
    if found != resume:
        what = "holds a study already" if found else "holds no study to resume"
        raise OutputError(
            f"{plan.out} {what}", hint="Use --resume to go on with a study, or another --out for a new one."
        )
    with writing_to(plan.out):
        plan.out.mkdir(parents=True, exist_ok=True)
    space = {name: value for name, value in asdict(plan.space).items() if name not in ("name", "trials")}
    question = {"recipe": asdict(plan.recipe), "space": space, "epochs": plan.epochs, "images": images}
    question = json.loads(json.dumps(question))  # as the file will give it back: lists for tuples
    with _storage(plan.out, new=not resume) as storage:
        if resume:
            asked = _load(storage).user_attrs
            differing = [name for name, value in question.items() if asked.get(name) != value]
            if differing:
                raise RecipeError(
                    f"{plan.out} holds a study of another question: {', '.join(differing)} differ from what is given",
                    hint="Resume with the recipe, search space, data and epochs it began with, or choose another --out.",
                )
            return
        study = optuna.create_study(
            study_name=_NAME, storage=storage, direction="maximize" if plan.space.rising else "minimize"
        )
        for name, value in question.items():
            study.set_user_attr(name, value)


@contextmanager
def opened(plan: Plan) -> Iterator[Ledger]:
    """The study in ``plan.out``, which ``begin`` has made.

    Raises:
        OutputError: it cannot be read.
    """
    epochs = plan.epochs or plan.recipe.schedule.epochs
    with _storage(plan.out) as storage:
        study = _load(storage)
        study.sampler, study.pruner = sampler_of(plan.space), pruner_of(plan.space, epochs)
        yield Ledger(plan, study)


def _load(storage: optuna.storages.RDBStorage) -> optuna.Study:
    try:
        return optuna.load_study(study_name=_NAME, storage=storage)
    except KeyError as error:
        raise OutputError(
            f"{storage.url.removeprefix('sqlite:///')} holds no study of mien's", hint="Begin anew with another --out."
        ) from error


@contextmanager
def _storage(out: Path, *, new: bool = False) -> Iterator[optuna.storages.RDBStorage]:
    file = (out / "study.db").resolve()
    try:
        # Several processes write: wait for each other rather than fail.
        storage = optuna.storages.RDBStorage(
            sqlalchemy.URL.create("sqlite", database=str(file)).render_as_string(),
            engine_kwargs={"connect_args": {"timeout": 120}},
            skip_table_creation=not new,
        )
        try:
            yield storage
        finally:
            storage.remove_session()
            storage.engine.dispose()
    except (sqlalchemy.exc.DatabaseError, optuna.exceptions.StorageInternalError) as error:
        raise OutputError(
            f"{file} cannot be used as a study: {str(error).partition(chr(10))[0]}",
            hint="Check that the folder is writable and the disk has room, or begin anew with another --out.",
        ) from error
