"""The record of a run: one row an epoch, as a table on the terminal, a CSV file and a picture of the curves."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning

from ...sinks.atomic import write_atomically
from ..evaluate.figures import learning_curves

Row = dict[str, float]


class History(lightning.Callback):
    """Keep, save and show the scores of each epoch; they travel in the checkpoint, so a resumed run continues them.

    Args:
        out: folder for ``history.csv`` and ``curves.png``.
        show: called with the rows so far after each epoch.
    """

    def __init__(self, out: Path, show: Callable[[list[Row]], None]) -> None:
        self.rows: list[Row] = []
        self._out, self._show, self._started = out, show, 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        row: Row = {"epoch": trainer.current_epoch + 1, "seconds": round(time.perf_counter() - self._started, 1)}
        row["lr"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        row |= {name: round(float(value), 5) for name, value in sorted(trainer.callback_metrics.items())}
        self.rows.append(row)
        write_atomically(self._out / "history.csv", _as_csv(self.rows))
        learning_curves(self.rows, self._out / "curves.png")
        self._show(self.rows)


def _as_csv(rows: list[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[-1]), restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
