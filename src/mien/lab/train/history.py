"""Training history: progress, curves and TensorBoard."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from torch.utils.tensorboard import SummaryWriter

from ...io.atomic import write_atomically
from ..evaluation.evaluate import machine
from ..evaluation.report import learning_curves, save

Row = dict[str, float]


class History(lightning.Callback):
    """Keep, save and show the scores of each epoch, and what it cost.

    They travel in the checkpoint, so a resumed run continues them.

    Args:
        out: folder for ``history.csv`` and ``curves.png``.
        show: called with the rows so far after each epoch.
    """

    def __init__(self, out: Path, show: Callable[[list[Row]], None]) -> None:
        self.rows: list[Row] = []
        self.cost: dict[str, Any] = {}
        self._out, self._show, self._started, self._worked = out, show, 0.0, 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "cost": self.cost}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])
        self.cost = dict(state_dict.get("cost", {}))

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._started, self._worked = time.perf_counter(), time.process_time()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        row: Row = {"epoch": trainer.current_epoch + 1, "seconds": round(time.perf_counter() - self._started, 1)}
        self._add_cost(row["seconds"], time.process_time() - self._worked, trainer.strategy.root_device)
        row["lr"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        row |= {name: round(float(value), 5) for name, value in sorted(trainer.callback_metrics.items())}
        self.rows.append(row)
        write_atomically(self._out / "history.csv", _as_csv(self.rows))
        save(learning_curves(self.rows), self._out / "curves.png")
        self._show(self.rows)

    def _add_cost(self, seconds: float, cpu_seconds: float, device: torch.device) -> None:
        if self.rows and not self.cost:
            return  # begun before costs were recorded: a part of them would pass for the whole
        self.cost = {
            "epochs": len(self.rows) + 1,
            "seconds": round(self.cost.get("seconds", 0.0) + seconds, 1),
            "cpu_seconds": round(self.cost.get("cpu_seconds", 0.0) + cpu_seconds, 1),
            "machine": machine(),
            "accelerator": torch.cuda.get_device_name(device) if device.type == "cuda" else "",
        }


def _as_csv(rows: list[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[-1]), restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


class TensorBoard(lightning.Callback):
    """Adds what each epoch logged to a file of TensorBoard's.

    Args:
        out: folder for ``events.*``.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._writer: SummaryWriter | None = None

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if self._writer is None:
            self._writer = SummaryWriter(str(self._out))
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        values["lr"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        for name, value in values.items():
            self._writer.add_scalar(name, value, trainer.current_epoch + 1)
        self._writer.flush()

    def teardown(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        if self._writer is not None:
            self._writer.close()


class BatchProgress(lightning.Callback):
    """Calls ``show`` after each training batch.

    Args:
        show: called with (epoch, from 1; batches done; batches in the epoch).
    """

    def __init__(self, show: Callable[[int, int, int], None]) -> None:
        self._show = show

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._show(trainer.current_epoch + 1, batch_idx + 1, int(trainer.num_training_batches))
