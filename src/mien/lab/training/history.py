"""Lightning callbacks that record a run and report its progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import pandas as pd
import torch

from ...io.atomic import write_atomically
from ...progress import Progress
from ..evaluation.evaluate import machine
from ..evaluation.report import learning_curves, save

Row = dict[str, float]


class History(lightning.Callback):
    """The scores and costs of each epoch, in the checkpoint, ``history.csv`` and ``curves.png``.

    Lightning's CSVLogger begins a new file when a run is resumed; these rows travel in the checkpoint, so a resumed run
    continues them.

    Args:
        out: folder for the files.
        on_epoch: called with the rows so far after each epoch.
    """

    def __init__(self, out: Path, on_epoch: Callable[[list[Row]], None]) -> None:
        self.rows: list[Row] = []
        self.cost: dict[str, Any] = {}
        self._out, self._on_epoch, self._started, self._worked = out, on_epoch, 0.0, 0.0

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
        if trainer.logger:
            trainer.logger.log_metrics({"lr": row["lr"]}, trainer.global_step)
        row |= {name: round(float(value), 5) for name, value in sorted(trainer.callback_metrics.items())}
        self.rows.append(row)
        write_atomically(self._out / "history.csv", pd.DataFrame(self.rows).to_csv(index=False).encode())
        save(learning_curves(self.rows), self._out / "curves.png")
        self._on_epoch(self.rows)

    def _add_cost(self, seconds: float, cpu_seconds: float, device: torch.device) -> None:
        if self.rows and not self.cost:
            return  # the run began before costs were recorded
        self.cost = {
            "epochs": len(self.rows) + 1,
            "seconds": round(self.cost.get("seconds", 0.0) + seconds, 1),
            "cpu_seconds": round(self.cost.get("cpu_seconds", 0.0) + cpu_seconds, 1),
            "machine": machine(),
            "accelerator": torch.cuda.get_device_name(device) if device.type == "cuda" else "",
        }


class BatchProgress(lightning.Callback):
    """Reports each training batch: batches done and batches of the epoch.

    Args:
        progress: where to report to.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._progress(batch_idx + 1, int(trainer.num_training_batches), f"epoch {trainer.current_epoch + 1}")
