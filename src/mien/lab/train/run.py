"""A whole training run: data and recipe in, checkpoints, history and curves out."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint

from ...data.dataset import INNER, TRAIN, VALIDATION, Dataset
from ...data.manifest import read_manifest, write_manifest
from ...errors import DataError, OutputError, RecipeError
from ...io.atomic import writing_to
from ..networks.build import build_network, start_network
from ..networks.heads import MultiHead
from ..recipe import Recipe, recipe_from_dict
from ..subsetting import subset
from .checkpoint import WholeCheckpoints, find_checkpoint, load_checkpoint, recipe_values, used_precision
from .hardware import Precision, chosen_precision
from .history import History, Row, TensorBoard
from .loader import class_weights, note_balance, taught_batches, training_batches, unlabeled_ratio, validation_batches
from .module import Training
from .teacher_targets import read_taught


def train(
    recipe: Recipe,
    faces: Dataset,
    out: Path,
    *,
    resume: bool = False,
    show: Callable[[list[Row]], None] = lambda _rows: None,
    tell: Callable[[str], None] = lambda _text: None,
    callbacks: tuple[lightning.Callback, ...] = (),
) -> Path:
    """Fit ``recipe`` on the training part of ``faces``, judging each epoch on the validation part.

    Where the recipe sets an inner part of the training images aside, epochs are judged on that instead, and the validation
    part is not looked at.

    Args:
        recipe: what to train and how.
        faces: a set with ``train`` and ``validation`` parts.
        out: folder for ``last.ckpt``, ``best.ckpt``, ``history.csv``, ``curves.png``, ``images.csv`` (the list of what was
            learned from and judged by), ``balance.csv`` (where the recipe balances groups) and TensorBoard's ``events.*``.
        resume: go on from ``last.ckpt`` in ``out``, with the same result as if never interrupted.
        show: called after each epoch with the rows of the history.
        tell: called once with what is learned from and what is chosen by, in words.
        callbacks: more of Lightning's callbacks, such as a progress bar.

    Returns:
        The checkpoint that the recipe keeps.

    Raises:
        DataError: a part is missing or has nothing to learn from, a head needs votes that the data has not, the groups to
            balance fit no image, or the run to be resumed had other images or groups.
        OutputError: ``out`` already holds a run and ``resume`` is False, or holds none and it is True, or no folder can be
            made there.
        RecipeError: ``resume`` is True and the run in ``out`` follows another recipe.
        ModelError: the weights that the recipe starts from cannot be fetched or read.
        KeyboardInterrupt: the user stopped the run; it can be resumed once ``last.ckpt`` exists.
    """
    last = out / "last.ckpt"
    if last.exists() != resume:
        found = "holds a run already" if last.exists() else "holds no run to resume"
        raise OutputError(f"{out} {found}", hint="Use --resume to go on with a run, or another --out for a new one.")
    if resume:
        _check_same_recipe(recipe, last)
    lightning.seed_everything(recipe.seed, verbose=False)
    faces = subset(faces, recipe)
    learned = faces.part(TRAIN)
    if recipe.distil.taught:
        batches = taught_batches(learned, recipe, read_taught(Path(recipe.distil.taught), recipe))
    else:
        batches = training_batches(learned, recipe)
    judge = faces.part(INNER if recipe.data.inner else VALIDATION)
    checks = validation_batches(judge, recipe)
    tell(f"{len(learned):,} images to learn from, {len(judge):,} ({judge.split[0]}) to choose by")
    network = build_network(recipe) if resume else _started(recipe)
    precision = (used_precision(last) if resume else None) or chosen_precision(recipe)
    with writing_to(out):
        out.mkdir(parents=True, exist_ok=True)
    _note_images(faces, out / "images.csv", resume)
    note_balance(learned, recipe, out / "balance.csv", resume=resume, tell=tell)
    trainer = _trainer(recipe, out, precision, [History(out, show), TensorBoard(out), _Remember(precision)], callbacks)
    module = Training(recipe, network, class_weights(learned, recipe), unlabeled_ratio(batches))
    with _quiet(), _interruptible(trainer):
        trainer.fit(module, batches, checks, ckpt_path=last if resume else None, weights_only=True)
    return out / f"{recipe.schedule.keep}.ckpt"


class _Remember(lightning.Callback):
    """Notes the precision in each checkpoint: a resumed run must not choose anew, and perhaps otherwise."""

    def __init__(self, precision: Precision) -> None:
        self._precision = precision

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["precision"] = self._precision


def _trainer(
    recipe: Recipe,
    out: Path,
    precision: Precision,
    own: list[lightning.Callback],
    callbacks: tuple[lightning.Callback, ...],
) -> lightning.Trainer:
    watched, mode = ("val_loss", "min") if recipe.schedule.watch == "loss" else ("val_score", "max")
    keep_best = ModelCheckpoint(out, "best", monitor=watched, mode=mode, enable_version_counter=False)
    keep_last = ModelCheckpoint(out, "last", save_top_k=1, monitor=None, enable_version_counter=False)
    chosen = [*own, keep_best, keep_last, *callbacks]
    if recipe.schedule.ema:
        chosen.insert(0, EMAWeightAveraging(decay=recipe.schedule.ema))
    if recipe.schedule.patience:
        chosen.append(EarlyStopping(watched, mode=mode, patience=recipe.schedule.patience))
    return lightning.Trainer(
        max_epochs=recipe.schedule.epochs,
        precision=precision,
        callbacks=chosen,
        accumulate_grad_batches=recipe.schedule.accumulate,
        logger=False,
        plugins=[WholeCheckpoints()],
        enable_model_summary=False,
        enable_progress_bar=any(isinstance(callback, lightning.callbacks.ProgressBar) for callback in callbacks),
        num_sanity_val_steps=0,
    )


def _started(recipe: Recipe) -> MultiHead:
    """The network with the weights that the recipe starts from: those of a base, or of a whole run to go on with."""
    if recipe.network.name != "plain" or recipe.network.weights == "none":
        return start_network(recipe)
    network = build_network(recipe)
    before, weights = load_checkpoint(find_checkpoint(Path(recipe.network.weights)))
    inside = "trunk.trunk."  # standardizing adds a level to the names, and no weights
    names = {name.replace(inside, "trunk."): name for name in network.state_dict()}
    plain = {name.replace(inside, "trunk."): value for name, value in weights.items()}
    try:
        network.load_state_dict({names.get(name, name): value for name, value in plain.items()})
    except RuntimeError as error:
        raise RecipeError(
            f"network.weights: {recipe.network.weights} holds another network than the recipe asks for",
            hint=f"The run's was {before['network']['widths']} wide and {before['network']['depths']} deep.",
        ) from error
    return network


def _check_same_recipe(recipe: Recipe, last: Path) -> None:
    begun, given = recipe_values(recipe_from_dict(load_checkpoint(last)[0])), recipe_values(recipe)
    differing = _differences(begun, given)
    if differing:
        raise RecipeError(
            f"{last.parent} holds a run of another recipe: {'; '.join(differing[:3])}",
            hint="Resume with the recipe that the run began with, or choose another --out.",
        )


def _note_images(faces: Dataset, path: Path, resume: bool) -> None:
    """Write the list of images, or see that a resumed run goes on with those that it began with."""
    if not (resume and path.is_file()):
        write_manifest(faces, path)
        return
    begun = read_manifest(path)
    same = (begun.names, faces.names), (begun.split, faces.split), (begun.labels, faces.labels)
    if not all(np.array_equal(before, now) for before, now in same):
        raise DataError(
            f"{path.parent} holds a run on other images: got {len(faces):,}, expected the {len(begun.names):,} that stand "
            f"in {path.name}",
            hint="Resume with the data that the run began with, or choose another --out.",
        )


def _differences(begun: dict[str, Any], given: dict[str, Any], where: str = "") -> list[str]:
    """In words, each field that two recipes do not share."""
    found = []
    for name in given.keys() | begun.keys():
        before, now = begun.get(name), given.get(name)
        if isinstance(before, dict) and isinstance(now, dict):
            found += _differences(before, now, f"{where}{name}.")
        elif before != now:
            found.append(f"{where}{name} was {before!r}, and is {now!r} in the recipe given")
    return sorted(found)


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # The data is in memory: worker processes would only copy it.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # A small data set: Lightning counts batches per log entry, and nothing is logged per step.
        warnings.filterwarnings(
            "ignore", message="The number of training batches.*is smaller than the logging interval"
        )
        # A resumed run writes where the run began: that is what resuming means.
        warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
        # A frozen base is meant to stay in evaluation mode.
        warnings.filterwarnings("ignore", message="Found .* in eval mode at the start of training")
        # Lightning 2.6 on torch 2.11 and later: its own affair.
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        yield


@contextmanager
def _interruptible(trainer: lightning.Trainer) -> Iterator[None]:
    """Lightning answers Ctrl-C by ignoring further ones and ``sys.exit(1)``: give callers the plain KeyboardInterrupt."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as ending:
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from ending
