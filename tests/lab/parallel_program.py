"""A training run for ``test_parallel.py``, which starts it in several processes; it writes the loss of each step."""

import json
import os
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


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.lab.conftest import two_classes

    torch.set_num_threads(1)
    folder, name, devices = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    losses = Losses()
    recipe = recipe_from_dict(json.loads((folder / "recipe.json").read_text()))
    result = train(recipe, two_classes(427), folder / name, devices=devices, sync_batch_norm=True, callbacks=(losses,))
    if os.environ.get("LOCAL_RANK", "0") == "0":
        (folder / f"{name}.json").write_text(json.dumps({"losses": losses.values, "history": result.history}))


if __name__ == "__main__":
    main()
