"""A training run for ``test_parallel.py``, which starts it in several processes; it writes the loss of each step."""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

import lightning.pytorch as lightning
import torch

from mien.lab import train
from mien.lab.recipe import recipe_from_dict


class Losses(lightning.Callback):  # type: ignore[misc]
    """The loss of each step over all processes."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.values.append(float(trainer.strategy.reduce(outputs["loss"].detach(), reduce_op="mean")))


class KillIn(lightning.Callback):  # type: ignore[misc]
    """Kills the last process in the middle of an epoch, unless ``torchrun`` has restarted it."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        last = trainer.global_rank == trainer.world_size - 1
        first_attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0"
        if last and first_attempt and trainer.current_epoch == self._epoch and batch_idx == 4:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.lab.conftest import two_classes

    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    parser.add_argument("--devices", type=int)
    parser.add_argument("--kill-in", type=int, default=-1)
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    losses = Losses()
    result = train(
        recipe_from_dict(json.loads((given.folder / "recipe.json").read_text())),
        two_classes(427),
        given.folder / given.name,
        devices=given.devices,
        sync_batch_norm=True,
        resume=given.resume,
        callbacks=(losses, KillIn(given.kill_in)),
    )
    if os.environ.get("LOCAL_RANK", "0") == "0":
        content = {"losses": losses.values, "history": result.history}
        (given.folder / f"{given.name}.json").write_text(json.dumps(content))


if __name__ == "__main__":
    main()
