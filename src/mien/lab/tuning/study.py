"""Run a study: Optuna draws the trials and stores them; processes that share the storage train them."""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import math
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import optuna
import torch
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import BaseSampler, GridSampler, RandomSampler, TPESampler
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.study import StudyDirection
from optuna.trial import TrialState

from ...data.dataset import INNER, TRAIN, VALIDATION, Dataset
from ...data.loading import load
from ...errors import DataError, MienError, OptionError, OutputError, RecipeError
from ...io.atomic import writing_to
from ..recipe import Data, Recipe, changed, load_recipe
from ..sampling import hard_targets, subset
from ..training.run import train
from .report import StudyResult, Trial, as_trials, draw_figures, ranked, retried, write_results
from .space import Space, fit_space, largest_input, load_space
from .storage import no_experimental_warnings, open_storage, study_names

#: Errors of a trial that do not end the study.
FAILURES = (MienError, MemoryError, torch.OutOfMemoryError)
#: Share of the training part to evaluate trials on, where the recipe itself sets none aside.
VALIDATION_SHARE = 0.2
_NAME = "mien"


@dataclass(frozen=True)
class Plan:
    """Common settings of the trials of a study; ``ends`` is in seconds since 1970, None for no limit.

    ``storage`` is the URL of a database that machines share; None stands for ``study.db`` in ``out``.
    """

    recipe: Recipe
    space: Space
    out: Path
    budget: int
    epochs: int | None
    ends: float | None = None
    storage: str | None = None

    @property
    def name(self) -> str:
        """The name of the study in its database: in a shared one, that of the folder."""
        return self.out.resolve().name if self.storage else _NAME

    def trial_recipe(self, values: Mapping[str, Any]) -> Recipe:
        """The recipe of a trial; its images are drawn already."""
        epochs = {} if self.epochs is None else {"schedule.epochs": self.epochs}
        chosen = changed(self.recipe, epochs | dict(values))
        return chosen.model_copy(update={"data": Data(sampling=chosen.data.sampling)})

    def run_folder(self, number: int) -> Path:
        """The folder of a trial's run."""
        return self.out / "trials" / f"{number:04}"


def tune(
    recipe: Recipe | str,
    space: Space | str,
    data: str | Path | Dataset,
    out: str | Path,
    *,
    trials: int | None = None,
    seconds: float | None = None,
    workers: int = 1,
    epochs: int | None = None,
    resume: bool = False,
    storage: str | None = None,
    on_trial: Callable[[Trial], None] = lambda _trial: None,
) -> StudyResult:
    """Train ``recipe`` with different values of the fields that ``space`` names, and keep the best.

    Trials are evaluated on a share of the training part; the validation and test parts are not used. The same recipe, space,
    data and seed produce the same trials with one worker, resumed or not.

    Args:
        recipe: a recipe, or its name or path.
        space: a search space, or its name or path.
        data: as in ``mien.data.load``, or a loaded dataset, with a ``train`` part.
        out: folder for ``study.db`` (Optuna's storage), ``best.toml``, ``results.csv``, figures, and ``trials/`` with the
            runs, of which only the best keeps its weights.
        trials: total number of trials, without interrupted ones; None uses that of the space.
        seconds: time after which no trial starts; None sets no limit.
        workers: number of processes.
        epochs: epochs of each trial, instead of the recipe's.
        resume: continue the study in ``out``, or join it while another process runs it.
        storage: URL of a database, such as ``postgresql://user@host/studies``, for several machines; the study has the name
            of the folder ``out``. Each machine keeps the runs of its own trials. None uses ``study.db`` in ``out``.
        on_trial: called after each trial.

    Raises:
        DataError: there is no training part, or too little of it.
        OptionError: a number is out of range, or ``storage`` is no URL of a database.
        OutputError: ``out`` holds a study and ``resume`` is False, or holds none and it is True, or cannot be written to.
        MissingExtraError: the driver of the database is not installed.
        RecipeError: the space does not fit the recipe, or the study in ``out`` has another recipe, space or data.
        KeyboardInterrupt: the user stopped the study; results so far are written.

    Example:
        >>> from mien import lab
        >>> lab.tune("seven", "quick", "fer2013.csv", "tuned", epochs=5).best.values  # doctest: +SKIP
    """
    recipe = load_recipe(recipe) if isinstance(recipe, str) else recipe
    space = fit_space(load_space(space) if isinstance(space, str) else space, recipe)
    budget = space.trials if trials is None else trials
    if workers < 1 or budget < 1 or (seconds is not None and seconds <= 0):
        raise OptionError(f"got {budget} trials, {workers} workers, {seconds} seconds, expected more than 0 of each")
    if epochs is not None and "schedule.epochs" in space.space:
        raise OptionError("epochs: got a fixed number, but the search space varies schedule.epochs")
    if space.sampler == "grid":
        budget = min(budget, math.prod(map(len, space.grid.values())))
    out = Path(out)
    plan = Plan(recipe, space, out, budget, epochs, None if seconds is None else time.time() + seconds, storage)
    plan.trial_recipe({})  # raises for epochs that no recipe can have
    if not isinstance(data, Dataset):
        size, color = largest_input(space, recipe)
        data = load(data, size, color=color)
    images = tuning_images(data, recipe)
    part = images.part(VALIDATION)
    counts = {name: int((hard_targets(part, head) >= 0).sum()) for name, head in recipe.heads.items()}
    _create(plan, _digest(images), resume=resume)
    with _open_study(plan) as study:
        reported = {trial.number for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()}

    def report(found: list[Trial]) -> None:
        for trial in found:
            if trial.state.is_finished() and trial.number not in reported:
                reported.add(trial.number)
                on_trial(trial)

    try:
        with _processes(plan, images, workers - 1):
            _work(plan, images, report)
    finally:
        with _open_study(plan) as study:
            found = as_trials(study.get_trials(deepcopy=False), space)
            report(found)
            written = write_results(found, recipe, space, out)
            title = f"{recipe.name} on {len(part):,} held-out training images of {data.name}"
            written += draw_figures(study, space, title, out)
    return StudyResult(tuple(found), space, counts, tuple(written if storage else (out / "study.db", *written)))


def tuning_images(faces: Dataset, recipe: Recipe) -> Dataset:
    """The training images that ``recipe`` draws, in the parts ``train`` and ``validation``, exact copies on one side.

    The share of ``validation`` is the recipe's ``data.inner``, or ``VALIDATION_SHARE`` where that is 0. The data's own
    validation and test parts are left out: tuning must not choose by them.

    Raises:
        DataError: there is no training part, or too little of it.
    """
    share = recipe.data.inner or VALIDATION_SHARE
    own = subset(faces.part(TRAIN), changed(recipe, {"data.inner": share, "data.evaluation_counts": {}}))
    held_out = own.split == INNER
    if held_out.all() or not held_out.any():
        hint = "Use more images, or set data.inner in a copy of the recipe."
        raise DataError(f"{faces.name}: got {len(own):,} training images, too few to set {share:.0%} aside", hint=hint)
    return replace(own, split=np.where(held_out, VALIDATION, TRAIN))


def silence_libraries() -> None:
    """Let Lightning and Optuna log errors only."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def _create(plan: Plan, digest: str, *, resume: bool) -> None:
    """Create the study, or check that the existing one has the same recipe, space, epochs and images."""
    exists = study_names(plan.storage).count(plan.name) > 0 if plan.storage else (plan.out / "study.db").exists()
    found = exists or (not resume and (plan.out / "trials").exists())
    if found != resume:
        what, hint = "already holds a study" if found else "holds no study to resume", "or another --out for a new one."
        raise OutputError(f"{plan.out} {what}", hint=f"Use --resume to continue a study, {hint}")
    with writing_to(plan.out):
        plan.out.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {
        "recipe": plan.recipe.model_dump(),
        "space": plan.space.model_dump(exclude={"name", "trials"}),
        "epochs": plan.epochs,
        "images": digest,
    }
    settings = json.loads(json.dumps(settings))  # as the database returns it: lists for tuples
    with open_storage(plan.out, plan.storage) as storage:
        direction = StudyDirection.MAXIMIZE if plan.space.maximize else StudyDirection.MINIMIZE
        study = optuna.create_study(study_name=plan.name, storage=storage, direction=direction, load_if_exists=resume)
        stored = study.user_attrs
        differing = [name for name, value in settings.items() if stored and stored.get(name) != value]
        if differing:
            raise RecipeError(
                f"{plan.out} holds a different study: {', '.join(differing)} differ from what is given",
                hint="Resume with the recipe, search space, data and epochs it began with, or choose another --out.",
            )
        for name, value in settings.items():
            study.set_user_attr(name, value)


@contextmanager
def _open_study(plan: Plan) -> Iterator[optuna.Study]:
    epochs = plan.epochs or plan.recipe.schedule.epochs
    # from the sixth trial and after the first fifth of the epochs
    pruner = MedianPruner(5, n_warmup_steps=epochs // 5) if plan.space.pruner == "median" else NopPruner()
    with open_storage(plan.out, plan.storage) as storage:
        yield optuna.load_study(study_name=plan.name, storage=storage, pruner=pruner)


def _work(plan: Plan, images: Dataset, report: Callable[[list[Trial]], None] = lambda _trials: None) -> None:
    """Run trials in this process until the study holds enough or the time is up; ``report`` gets all trials after each."""

    def finished(study: optuna.Study, _trial: optuna.trial.FrozenTrial) -> None:
        found = as_trials(study.get_trials(deepcopy=False), plan.space)
        best = next(iter(ranked(found, plan.space)), None)
        for trial in found:
            if trial.state != TrialState.RUNNING and trial is not best:
                for weights in plan.run_folder(trial.number).glob("*.ckpt"):
                    weights.unlink(missing_ok=True)
        write_results(found, plan.recipe, plan.space, plan.out)
        report(found)

    with _open_study(plan) as study:
        while plan.ends is None or time.time() < plan.ends:
            existing = study.get_trials(deepcopy=False)
            index = sum(trial.state != TrialState.WAITING for trial in existing) - len(retried(existing))
            if index >= plan.budget:
                return
            # A sampler continued from one seed would repeat its draws in a resumed study and in every other process.
            study.sampler = _sampler(plan.space, index)
            objective = partial(_train_trial, plan=plan, images=images)
            study.optimize(objective, n_trials=1, catch=FAILURES, callbacks=[finished])


@contextmanager
def _processes(plan: Plan, images: Dataset, count: int) -> Iterator[None]:
    """While in this context, ``count`` more processes run trials; its end waits for them."""
    if not count:
        yield
        return
    threads = torch.get_num_threads()
    context = multiprocessing.get_context("spawn")  # forked copies of a process that has used torch's threads hang
    share = max(1, threads // (count + 1))
    arguments = (plan, images, share)
    processes = [context.Process(target=_work_in_process, args=arguments, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    torch.set_num_threads(share)
    completed = False
    try:
        yield
        completed = True
    finally:
        torch.set_num_threads(threads)
        for process in processes:
            if not completed:
                process.terminate()
            process.join()
    if any(process.exitcode for process in processes):
        hint = "--resume retries its trial. Fewer --workers need less memory."
        raise MienError("a worker process ended unexpectedly", hint=hint)


def _work_in_process(plan: Plan, images: Dataset, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one terminates the others
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    torch.set_num_threads(threads)
    silence_libraries()
    with suppress(KeyboardInterrupt):
        _work(plan, images)


def _digest(faces: Dataset) -> str:
    """A fingerprint of images, labels, votes and split: 32 hexadecimal digits."""
    seen = hashlib.blake2b(digest_size=16)
    votes = [faces.votes.emotions, faces.votes.unknown, faces.votes.no_face] if faces.votes else []
    for array in (faces.images, faces.labels, faces.split == TRAIN, *votes):
        seen.update(np.ascontiguousarray(array).tobytes())
    return seen.hexdigest()


def _sampler(space: Space, index: int) -> BaseSampler:
    """The sampler for the draw of this index, whose seed depends on nothing else."""
    if space.sampler == "grid":
        return GridSampler(space.grid, seed=space.seed)  # the seed also numbers the points
    seed = int(np.random.SeedSequence([space.seed, index]).generate_state(1)[0])
    return TPESampler(seed=seed) if space.sampler == "tpe" else RandomSampler(seed=seed)


def _train_trial(trial: optuna.Trial, plan: Plan, images: Dataset) -> float:
    """Train one trial; its objective is that of the epoch that the recipe keeps.

    The values of a trial that the user interrupts are queued again.
    """
    labels = {path: parameter.suggest(trial, path) for path, parameter in plan.space.space.items()}
    try:
        recipe = plan.trial_recipe(plan.space.values(labels))
        pruning = _Pruning(trial, plan.space.objective)
        train(recipe, images, plan.run_folder(trial.number), callbacks=(pruning,))
        return pruning.objective_value(recipe)
    except KeyboardInterrupt:
        with no_experimental_warnings():
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
        """The objective at the epoch that the recipe keeps."""
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
