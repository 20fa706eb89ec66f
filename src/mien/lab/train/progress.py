"""Tell someone how far an epoch has come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning.pytorch as lightning


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
