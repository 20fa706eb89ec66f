"""What moves the weights, and how fast: optimizers and learning rates as a recipe names them."""

from __future__ import annotations

import math

import torch
from lightning.pytorch.utilities.types import LRSchedulerConfigType
from torch import nn

from ..nets.heads import MultiHead
from ..recipe import Recipe

#: Keras's, in which the reports trained; torch's own is 1e-8.
_ADAM_EPSILON = 1e-7


def optimizer_of(recipe: Recipe, network: MultiHead) -> torch.optim.Optimizer:
    """The optimizer for those weights that are not frozen.

    Kernels get the recipe's weight decay and, where their row of layers asks for it, an L2 penalty on top; biases and batch
    norms neither.
    """
    how = recipe.optimizer
    groups = []
    for decay, members in _by_decay(recipe, network).items():
        groups.append({"params": members, "weight_decay": decay})
    if how.name == "sgd":
        return torch.optim.SGD(groups, lr=how.lr, momentum=how.momentum, nesterov=how.momentum > 0)
    kind = torch.optim.Adam if how.name == "adam" else torch.optim.AdamW
    return kind(groups, lr=how.lr, eps=_ADAM_EPSILON)


def scheduler_of(recipe: Recipe, optimizer: torch.optim.Optimizer, steps: int) -> LRSchedulerConfigType | None:
    """How the learning rate changes over ``steps`` steps; None where it does not."""
    how = recipe.optimizer
    if how.decay == "plateau":
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=how.plateau_factor, patience=how.plateau_patience, threshold=1e-4, threshold_mode="abs"
        )
        return {"scheduler": plateau, "interval": "epoch", "monitor": "val_loss"}
    warmup = round(steps * how.warmup_epochs / recipe.schedule.epochs)
    if how.decay == "constant" and not warmup:
        return None

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        if how.decay == "constant":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    return {"scheduler": torch.optim.lr_scheduler.LambdaLR(optimizer, factor), "interval": "step"}


def _by_decay(recipe: Recipe, network: MultiHead) -> dict[float, list[nn.Parameter]]:
    penalties = {f"trunk.{name}": value for name, value in getattr(network.trunk, "penalties", {}).items()}
    groups: dict[float, list[nn.Parameter]] = {}
    for name, weight in network.named_parameters():
        if weight.requires_grad:
            decay = recipe.optimizer.weight_decay if weight.ndim > 1 else 0.0
            decay += 2 * penalties.get(name, 0.0)  # the slope of x times the sum of squares
            groups.setdefault(decay, []).append(weight)
    return groups
