"""The scores of a run for TensorBoard: ``tensorboard --logdir runs`` shows all runs in a folder, also while they go on."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as lightning
from torch.utils.tensorboard import SummaryWriter


class TensorBoard(lightning.Callback):
    """Adds what an epoch logged to TensorBoard's files.

    Args:
        out: folder for ``events.*``.
    """

    def __init__(self, out: Path) -> None:
        self._out = out

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        values["lr"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        with SummaryWriter(str(self._out)) as writer:
            for name, value in values.items():
                writer.add_scalar(name, value, trainer.current_epoch + 1)
