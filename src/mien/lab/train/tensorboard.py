"""The scores of a run for TensorBoard: ``tensorboard --logdir runs`` shows all runs in a folder, also while they go on."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as lightning
from torch.utils.tensorboard import SummaryWriter


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
