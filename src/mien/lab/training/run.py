"""A training run: recipe and data in, checkpoints, history and curves out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger

from ...data.dataset import INNER, TRAIN, VALIDATION, Dataset
from ...data.loading import load
from ...data.manifest import read_manifest, write_manifest
from ...errors import DataError, OutputError, RecipeError
from ...io.atomic import write_atomically, writing_to
from ...progress import Progress, no_progress
from ...report.format import seconds
from ..distillation import read_targets
from ..evaluation.evaluate import machine
from ..evaluation.metrics import Weakness
from ..evaluation.report import learning_curves, save
from ..networks.build import MultiHead, build_network, start_network
from ..recipe import Recipe, changed, load_recipe, recipe_from_dict
from ..sampling import hard_targets, subset
from .batches import TrainingBatches, training_batches, validation_batches
from .checkpoint import AtomicCheckpointIO, find_checkpoint, load_checkpoint, load_folded, open_base, used_precision
from .fitting import interruptible, quiet
from .hardware import Precision, agreed_precision, chosen_precision, estimated_seconds, fit_to_memory
from .module import Training
from .parallel import Processes, join_restarted, processes, restarted, synchronize_batch_norm

Row = dict[str, float]


class History(lightning.Callback):
    """Reports each batch, and records scores and costs of each epoch in ``history.csv``, ``curves.png`` and the checkpoint.

    Lightning's CSVLogger begins a new file when a run is resumed; these rows travel in the checkpoint, so a resumed run
    continues them, in the same precision.
    """

    def __init__(
        self,
        out: Path,
        on_epoch: Callable[[list[Row]], None],
        progress: Progress = no_progress,
        precision: Precision = "32-true",
        label_sets: Mapping[str, str] | None = None,
    ) -> None:
        self.rows: list[Row] = []
        self.cost: dict[str, Any] = {}
        self._out, self._on_epoch, self._progress, self._precision = out, on_epoch, progress, precision
        self._label_sets = label_sets
        self._started = self._worked = 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "cost": self.cost}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])
        self.cost = dict(state_dict.get("cost", {}))

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["precision"] = self._precision

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.is_global_zero:
            self._progress(batch_idx + 1, int(trainer.num_training_batches), f"epoch {trainer.current_epoch + 1}")

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._started, self._worked = time.perf_counter(), time.process_time()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        elapsed = time.perf_counter() - self._started
        row: Row = {"epoch": trainer.current_epoch + 1, "seconds": round(elapsed, 1)}
        worked = torch.tensor(time.process_time() - self._worked, device=trainer.strategy.root_device)
        self._add_cost(elapsed, float(trainer.strategy.reduce(worked, reduce_op="sum")), trainer.strategy.root_device)
        row["lr"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        if trainer.logger:
            trainer.logger.log_metrics({"lr": row["lr"]}, trainer.global_step)
        row |= {name: round(float(value), 5) for name, value in sorted(trainer.callback_metrics.items())}
        self.rows.append(row)
        if trainer.is_global_zero:
            write_atomically(self._out / "history.csv", pd.DataFrame(self.rows).to_csv(index=False).encode())
            save(learning_curves(self.rows, self._label_sets), self._out / "curves.png")
            self._on_epoch(self.rows)
        self._started, self._worked = time.perf_counter(), time.process_time()  # with all that is between two epochs

    def _add_cost(self, seconds: float, cpu_seconds: float, device: torch.device) -> None:
        if self.rows and not self.cost:
            return  # the run began before costs were recorded
        self.cost = {
            "epochs": len(self.rows) + 1,
            "seconds": round(self.cost.get("seconds", 0.0) + seconds, 3),
            "cpu_seconds": round(self.cost.get("cpu_seconds", 0.0) + cpu_seconds, 3),
            "machine": machine(),
            "accelerator": torch.cuda.get_device_name(device) if device.type == "cuda" else "",
        }


@dataclass(frozen=True)
class TrainingResult:
    """A finished training run: the checkpoint that the recipe keeps, and the recipe with all changes.

    Rows of the ``history`` have ``epoch``, ``seconds``, ``lr``, ``train_loss``, ``val_loss``, ``val_score`` and
    ``val_acc_<head>``; ``cost`` has epochs, seconds, processor seconds, machine and accelerator; ``weaknesses`` are of the
    heads that are of no use.
    """

    checkpoint: Path
    recipe: Recipe
    history: tuple[Row, ...]
    cost: dict[str, Any]
    weaknesses: dict[str, tuple[Weakness, ...]] = dataclasses.field(default_factory=dict)


def train(
    recipe: Recipe | str | Path,
    data: Dataset | str | Path,
    out: str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    resume: bool = False,
    max_bytes: int | None = None,
    devices: int | None = None,
    nodes: int | None = None,
    strategy: str = "ddp",
    sync_batch_norm: bool = False,
    on_epoch: Callable[[list[Row]], None] = lambda _rows: None,
    notes: Callable[[str], None] = lambda _text: None,
    progress: Progress = no_progress,
    callbacks: tuple[lightning.Callback, ...] = (),
) -> TrainingResult:
    """Train ``recipe`` on the ``train`` part of ``data`` and evaluate each epoch on ``validation``.

    If the recipe holds out an inner part of the training images, epochs are evaluated on that instead, and the validation
    part is not used.

    Args:
        recipe: a recipe, the name of an included one, or a TOML file.
        data: a dataset with ``train`` and ``validation`` parts, or the path of one.
        out: folder for ``last.ckpt``, ``best.ckpt``, ``history.csv``, ``curves.png``, ``images.csv`` (the images and their
            parts), ``balance.csv`` (where the recipe balances groups) and TensorBoard's ``events.*``.
        changes: changed fields of the recipe, such as ``{"optimizer.lr": 0.01}``.
        resume: continue from ``last.ckpt`` in ``out``, with the same result as an uninterrupted run.
        max_bytes: memory limit of a process; batches are divided to stay below it.
        devices: processes on this machine, a GPU or a processor core for each; None takes the number of ``torchrun``, or 1.
            Each gets an equal share of every batch. The script that calls this function is started again for each.
        nodes: number of machines that train together.
        strategy: how processes train together: ``ddp``.
        sync_batch_norm: compute batch norm over all processes, as one process does.
        on_epoch: called after each epoch with the rows of the history.
        notes: called with remarks on the training data, one sentence each.
        progress: called with the batches done in each epoch.
        callbacks: additional Lightning callbacks.

    Raises:
        DataError: a part is missing or has no usable images, a head needs votes that the data lacks, the groups to balance
            fit no image, or the run to be resumed had other images or groups.
        OptionError: ``max_bytes`` is too small, or ``devices`` or ``nodes`` do not fit the machine or the batch.
        OutputError: ``out`` already holds a run and ``resume`` is False, or holds none and it is True, or it cannot be
            written.
        RecipeError: the recipe is not valid, the training diverged, or the run to be resumed has another recipe.
        ModelError: the initial weights of the recipe cannot be downloaded or read.
        KeyboardInterrupt: the user stopped the run; it can be resumed once ``last.ckpt`` exists.
    """
    out = Path(out)
    last = out / "last.ckpt"
    recipe = changed(recipe if isinstance(recipe, Recipe) else load_recipe(recipe), changes or {})
    group = processes(devices, nodes, strategy)
    resume = resume or (restarted() and last.exists())
    notes = notes if group.first else _silent
    if last.exists() != resume:
        found = "already holds a run" if last.exists() else "holds no run to resume"
        raise OutputError(f"{out} {found}", hint="Use --resume to continue a run, or another --out for a new one.")
    if not isinstance(data, Dataset):
        data = load(data, recipe.input.size, color=recipe.input.color)
    if max_bytes is not None:
        recipe = fit_to_memory(recipe, 4 * data.images.nbytes, max_bytes)
        notes(f"memory: each batch of {recipe.schedule.batch} in {recipe.schedule.accumulate} parts")
    group.check(recipe)
    if resume:
        _check_same_recipe(recipe, last)
    lightning.seed_everything(recipe.seed, verbose=False)
    faces = subset(data, recipe)
    learned, held_out = faces.part(TRAIN), faces.part(INNER if recipe.data.inner else VALIDATION)
    teachers = read_targets(Path(recipe.distillation.teachers), recipe) if recipe.distillation.teachers else None
    batches, checks = training_batches(learned, recipe, teachers, group), validation_batches(held_out, recipe, group)
    notes(f"{len(learned):,} training images, {len(held_out):,} ({held_out.split[0]}) to choose by")
    network = build_network(recipe) if resume else _initial_network(recipe)
    if sync_batch_norm and group.world > 1:
        network = synchronize_batch_norm(network)
    precision = (used_precision(last) if resume else None) or (
        agreed_precision if group.world > 1 else chosen_precision
    )(recipe)
    if group.first:
        with writing_to(out):
            out.mkdir(parents=True, exist_ok=True)
        _record_images(faces, out / "images.csv", resume)
        _record_groups(batches, recipe, out / "balance.csv", resume, notes)
    label_sets = {name: head.emotions for name, head in recipe.heads.items()}
    history = History(out, on_epoch, progress, precision, label_sets)
    if not resume and group.world == 1:
        epoch_s = estimated_seconds(recipe, len(learned), len(held_out), precision)
        total = seconds(epoch_s * recipe.schedule.epochs)
        notes(f"estimate: {seconds(epoch_s)} per epoch, {total} for {recipe.schedule.epochs} epochs")
    module = Training(recipe, network, batches.class_weights, batches.ratio)
    with quiet():
        trainer = _trainer(recipe, out, precision, [history, *callbacks], group)
        with interruptible(trainer):
            trainer.fit(module, batches.loader, checks, ckpt_path=last if resume else None, weights_only=True)
    if group.world > 1:
        torch.distributed.destroy_process_group()
    weak = {
        name: weaknesses_of(name, history.rows, hard_targets(held_out, head)) for name, head in recipe.heads.items()
    }
    bad = {head_name: its for head_name, its in weak.items() if its}
    for name, its in bad.items():
        for weakness in its:
            notes(f"WARNING: head {name} {weakness.value}")
    checkpoint = out / f"{recipe.schedule.keep}.ckpt"
    return TrainingResult(checkpoint, recipe, tuple(history.rows), history.cost, bad)


def _silent(_text: str) -> None:
    """The notes of all processes but the first."""


#: Epochs of a run whose accuracy does not move, and the move that counts.
_STUCK_EPOCHS, _MOVE = 3, 0.001


def weaknesses_of(head: str, rows: Sequence[Row], truth: npt.NDArray[np.int64]) -> tuple[Weakness, ...]:
    """What is wrong with a head, from the accuracies of a run; ``truth``, int64 (N,), has -1 for no class."""
    accuracies = [row[f"val_acc_{head}"] for row in rows if f"val_acc_{head}" in row]
    counts = np.bincount(truth[truth >= 0])
    if not accuracies or (counts > 0).sum() < 2:
        return ()
    shares, last = counts / counts.sum(), accuracies[-1]
    recent = accuracies[-max(_STUCK_EPOCHS, len(accuracies) // 2) :]
    below = last <= shares.max() + 1e-5
    found = {
        Weakness.ONE_CLASS: below and bool((abs(shares - last) < 1e-5).any()),
        Weakness.NOT_ABOVE_MAJORITY: below,
        Weakness.STUCK: below and len(recent) >= _STUCK_EPOCHS and max(recent) - min(recent) < _MOVE,
    }
    return tuple(weakness for weakness, holds in found.items() if holds)


def _trainer(
    recipe: Recipe, out: Path, precision: Precision, callbacks: list[lightning.Callback], group: Processes
) -> lightning.Trainer:
    watched, mode = ("val_loss", "min") if recipe.schedule.monitor == "loss" else ("val_score", "max")
    keep_best = ModelCheckpoint(out, "best", monitor=watched, mode=mode, enable_version_counter=False)
    keep_last = ModelCheckpoint(out, "last", save_top_k=1, monitor=None, enable_version_counter=False)
    chosen = [*callbacks, keep_best, keep_last]
    if recipe.schedule.ema:
        chosen.insert(0, EMAWeightAveraging(decay=recipe.schedule.ema))
    if recipe.schedule.patience:
        chosen.append(EarlyStopping(watched, mode=mode, patience=recipe.schedule.patience))
    join_restarted(group)
    return lightning.Trainer(
        max_epochs=recipe.schedule.epochs,
        accelerator="gpu" if torch.cuda.is_available() else "cpu" if group.world > 1 else "auto",
        devices=group.devices,
        num_nodes=group.nodes,
        strategy="ddp" if group.world > 1 else "auto",
        use_distributed_sampler=False,  # the batches are shared already
        precision=precision,
        callbacks=chosen,
        accumulate_grad_batches=recipe.schedule.accumulate,
        logger=TensorBoardLogger(out, name="", version="", default_hp_metric=False),
        plugins=[AtomicCheckpointIO()],
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
    )


def _initial_network(recipe: Recipe) -> MultiHead:
    """The network with the weights that the recipe starts from: those of a base, or of a whole run."""
    if recipe.network.name != "vgg" or recipe.network.weights == "none":
        return start_network(recipe)
    network = build_network(recipe)
    if not recipe.network.batch_norm:
        load_folded(network, open_base(recipe.network.weights)[1])
        return network
    before, weights = load_checkpoint(find_checkpoint(Path(recipe.network.weights)))
    inside = "trunk.trunk."  # standardizing adds a level to the names, and no weights
    names = {name.replace(inside, "trunk."): name for name in network.state_dict()}
    plain = {name.replace(inside, "trunk."): value for name, value in weights.items()}
    try:
        network.load_state_dict({names.get(name, name): value for name, value in plain.items()})
    except RuntimeError as error:
        raise RecipeError(
            field="network.weights",
            value=recipe.network.weights,
            expected="a run of the same network",
            hint=f"That run has widths {before['network']['widths']} and depths {before['network']['depths']}.",
        ) from error
    return network


def _check_same_recipe(recipe: Recipe, last: Path) -> None:
    begun = _flat(recipe_from_dict(load_checkpoint(last)[0]).model_dump())
    given = _flat(recipe.model_dump())
    for field in sorted(begun.keys() | given.keys()):
        if begun.get(field) != given.get(field):
            raise RecipeError(
                field=field,
                value=given.get(field),
                expected=f"{begun.get(field)!r}, as in the run in {last.parent}",
                hint="Resume with the recipe that the run began with, or choose another --out.",
            )


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in table.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def _record_images(faces: Dataset, path: Path, resume: bool) -> None:
    """Write the list of images, or check that a resumed run has those that it began with."""
    if not (resume and path.is_file()):
        write_manifest(faces, path)
        return
    begun = read_manifest(path)
    same = (begun.names, faces.names), (begun.split, faces.split), (begun.labels, faces.labels)
    if not all(np.array_equal(before, now) for before, now in same):
        raise DataError(
            f"{path.parent} holds a run on other images: got {len(faces):,}, expected the {len(begun.names):,} in "
            f"{path.name}",
            hint="Resume with the data that the run began with, or choose another --out.",
        )


def _record_groups(
    batches: TrainingBatches, recipe: Recipe, path: Path, resume: bool, notes: Callable[[str], None]
) -> None:
    """Write the group of each training image, or check that a resumed run has those that it began with."""
    if batches.groups is None:
        return
    content = batches.groups.to_csv(batches.names).encode()
    if not (resume and path.is_file()):
        write_atomically(path, content)
    elif path.read_bytes() != content:
        raise DataError(
            f"{path.parent} holds a run with other groups: {recipe.balance.groups} has changed since the run began",
            hint=f"Restore the groups in {path}, or choose another --out.",
        )
    what = "mean draws per epoch" if recipe.balance.method == "sample" else "weight in the loss"
    notes(f"balanced by {' x '.join(recipe.balance.columns)} ({what}): {batches.groups.summary()}")
