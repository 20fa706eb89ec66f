"""One training step and one validation step: the losses, the schedule and the scores of a run."""

from __future__ import annotations

import math
from dataclasses import asdict

import lightning.pytorch as lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch.nn import functional
from torchmetrics.classification import MulticlassAccuracy

from ...emotions import label_set
from ..augment.pictures import augment, mixup_pairs, resize
from ..nets.choosing import build_network
from ..recipe import Recipe


class Training(lightning.LightningModule):
    """A network with its losses.

    Logs ``train_loss``, and at validation ``val_loss``, ``val_acc_<head>`` and ``val_score``, the mean accuracy of the
    heads.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        # The layout of pixels in which processors convolve fastest.
        self.network = build_network(recipe).to(memory_format=torch.channels_last)
        self._accuracies = {
            name: MulticlassAccuracy(len(label_set(head.emotions)), average="micro", ignore_index=-1)
            for name, head in recipe.heads.items()
        }

    def on_train_epoch_start(self) -> None:
        # So that a resumed run draws what an uninterrupted one would have drawn.
        torch.manual_seed(self.recipe.seed * 100_003 + self.current_epoch)

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        recipe, (images, *targets) = self.recipe, batch
        strong = recipe.augment.strong_until == 0 or self.current_epoch < recipe.augment.strong_until
        with torch.autocast(self.device.type, enabled=False):
            size = recipe.schedule.size_at(self.current_epoch, recipe.input.size)
            pictures = augment(images.unsqueeze(1).float() / 255, recipe.augment, size, strong)
            if strong and recipe.augment.mixup:
                partner, share = mixup_pairs(len(pictures), recipe.augment.mixup)
                pictures = share * pictures + (1 - share) * pictures[partner]
                targets = [share * target + (1 - share) * target[partner] for target in targets]
        logits = self.network(self._normalised(pictures))
        losses = [
            head.weight * soft_cross_entropy(logits[name].float(), target)
            for (name, head), target in zip(recipe.heads.items(), targets, strict=True)
        ]
        loss = torch.stack(losses).sum()
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: list[torch.Tensor]) -> None:
        images, *answers = batch
        pictures = resize(images.unsqueeze(1).float() / 255, self.recipe.input.size)
        logits = self.network(self._normalised(pictures))
        loss = torch.zeros((), device=self.device)
        for (name, head), answer in zip(self.recipe.heads.items(), answers, strict=True):
            scores = logits[name].float()
            self._accuracies[name].update(scores.cpu(), answer.cpu())
            if (answer >= 0).any():
                loss += head.weight * functional.cross_entropy(scores, answer, ignore_index=-1)
        self.log("val_loss", loss, on_step=False, on_epoch=True, batch_size=len(images))

    def on_validation_epoch_end(self) -> None:
        values = {}
        for name, accuracy in self._accuracies.items():
            values[f"val_acc_{name}"] = accuracy.compute()
            accuracy.reset()
        self.log_dict(values)
        self.log("val_score", torch.stack(list(values.values())).mean())

    def configure_optimizers(self) -> OptimizerLRScheduler:
        how, schedule = self.recipe.optimizer, self.recipe.schedule
        decayed = [p for p in self.parameters() if p.ndim > 1]
        rest = [p for p in self.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": how.weight_decay}, {"params": rest, "weight_decay": 0.0}]
        optimizer: torch.optim.Optimizer
        if how.name == "sgd":
            optimizer = torch.optim.SGD(groups, lr=how.lr, momentum=how.momentum, nesterov=how.momentum > 0)
        else:
            optimizer = torch.optim.AdamW(groups, lr=how.lr)
        steps = int(self.trainer.estimated_stepping_batches)
        warmup = round(steps * how.warmup_epochs / schedule.epochs)

        def factor(step: int) -> float:
            if step < warmup:
                return (step + 1) / warmup
            return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, object]) -> None:
        checkpoint["recipe"] = asdict(self.recipe)

    def _normalised(self, pictures: torch.Tensor) -> torch.Tensor:
        return (pictures - self.recipe.input.mean) / self.recipe.input.std


def soft_cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy against distributions, over the rows that have one.

    Args:
        logits: float (N, K).
        targets: float (N, K); rows sum to 1, to 0 (left out), or between (mixed with such a row).
    """
    total = -(targets * functional.log_softmax(logits, dim=1)).sum()
    return total / targets.sum().clamp(min=1e-6)
