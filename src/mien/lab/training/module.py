"""The Lightning module: losses, optimizer and training step."""

from __future__ import annotations

import math
from collections.abc import Mapping

import lightning.pytorch as lightning
import torch
from lightning.pytorch.utilities.types import LRSchedulerConfigType, OptimizerLRScheduler
from torch import nn
from torch.nn import functional
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from ...emotions import label_set
from ...errors import RecipeError
from ..augment import augment, glance, mixup_pairs, resize
from ..networks.build import MultiHead
from ..recipe import Augment, Recipe
from .parallel import mean_over_processes


def soft_cross_entropy(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy against distributions, over the rows that have one: logits and targets (N, K), class weights (K,).

    Rows of targets sum to 1, to 0 (left out), or between (mixed with such a row). With several processes, the mean of their
    losses is that of all rows.
    """
    weighted = targets * weights
    total = -(weighted * functional.log_softmax(logits, dim=1)).sum()
    return total / mean_over_processes(weighted.sum()).clamp(min=1e-6)


def distillation_loss(
    logits: Mapping[str, torch.Tensor], answers: Mapping[str, torch.Tensor], recipe: Recipe
) -> torch.Tensor:
    """Cross entropy of the student's softened probabilities against the teachers', over the heads by their weights.

    ``logits`` are the student's, ``answers`` the teachers' probabilities, float (N, K) for each head. Times the square of
    the temperature, which keeps its gradients as large as those of the labels (Hinton et al. 2015).
    """
    temperature = recipe.distillation.temperature
    losses = []
    for name, head in recipe.heads.items():
        softened = answers[name].clamp(min=1e-6) ** (1 / temperature)
        softened = softened / softened.sum(1, keepdim=True)
        alike = torch.ones_like(softened[0])
        losses.append(head.weight * soft_cross_entropy(logits[name] / temperature, softened, alike))
    return temperature**2 * torch.stack(losses).sum()


#: Keras's, in which the reports trained; torch's own is 1e-8.
_ADAM_EPSILON = 1e-7


def optimizer_of(recipe: Recipe, network: MultiHead) -> torch.optim.Optimizer:
    """The optimizer for those weights that are not frozen.

    Kernels get the recipe's weight decay and the L2 penalty of their row of layers; biases and batch norms neither.
    """
    how = recipe.optimizer
    penalties = {f"trunk.{name}": value for name, value in getattr(network.trunk, "penalties", {}).items()}
    by_decay: dict[float, list[nn.Parameter]] = {}
    for name, weight in network.named_parameters():
        if weight.requires_grad:
            decay = how.weight_decay if weight.ndim > 1 else 0.0
            decay += 2 * penalties.get(name, 0.0)  # the slope of x times the sum of squares
            by_decay.setdefault(decay, []).append(weight)
    groups = [{"params": weights, "weight_decay": decay} for decay, weights in by_decay.items()]
    if how.name == "sgd":
        return torch.optim.SGD(groups, lr=how.lr, momentum=how.momentum, nesterov=how.momentum > 0)
    kind = torch.optim.Adam if how.name == "adam" else torch.optim.AdamW
    return kind(groups, lr=how.lr, eps=_ADAM_EPSILON)


def scheduler_of(recipe: Recipe, optimizer: torch.optim.Optimizer, steps: int) -> LRSchedulerConfigType | None:
    """Schedule of the learning rate over ``steps`` steps; None if it is constant."""
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


class Training(lightning.LightningModule):
    """A network with its losses.

    Logs ``train_loss``, and at validation ``val_loss``, ``val_acc_<head>`` and ``val_score``, the mean accuracy of the
    heads. ``class_weights`` are float (K,) for each head; ``ratio`` images without labels follow each one with a label in
    a batch.
    """

    def __init__(
        self, recipe: Recipe, network: MultiHead, class_weights: Mapping[str, torch.Tensor], ratio: int = 0
    ) -> None:
        super().__init__()
        self._ratio = ratio
        self._changes = _augmentation(recipe)
        self._train_loss = torch.zeros(())
        self._val_losses = {name: MeanMetric() for name in recipe.heads}
        self.recipe = recipe
        self.network = network.to(memory_format=torch.channels_last)  # in which processors convolve fastest
        self._class_weights = class_weights
        self._accuracies = {
            name: MulticlassAccuracy(len(label_set(head.emotions)), average="micro", ignore_index=-1)
            for name, head in recipe.heads.items()
        }

    def on_train_epoch_start(self) -> None:
        # a resumed run draws what an uninterrupted one would have drawn
        torch.manual_seed(self.recipe.seed * 100_003 + self.current_epoch + 1_000_000_007 * self.global_rank)

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        recipe, (images, *targets) = self.recipe, batch
        strong = recipe.augment.strong_until == 0 or self.current_epoch < recipe.augment.strong_until
        labeled = len(images) // (1 + self._ratio)
        with torch.autocast(self.device.type, enabled=False):
            size = recipe.schedule.size_at(self.current_epoch, recipe.input.size)
            views = augment(images.float() / 255, self._changes, size, strong)
            if strong and recipe.augment.mixup and not self._ratio:
                partner, share = mixup_pairs(len(views), recipe.augment.mixup)
                views = share * views + (1 - share) * views[partner]
                targets = [share * target + (1 - share) * target[partner] for target in targets]
        logits = {name: value.float() for name, value in self.network(self._normalized(views)).items()}
        losses = [
            head.weight
            * soft_cross_entropy(logits[name][:labeled], target[:labeled], self._class_weights[name].to(self.device))
            for (name, head), target in zip(recipe.heads.items(), targets)
        ]
        loss = torch.stack(losses).sum()
        self.log("train_loss", loss, on_step=False, on_epoch=True, sync_dist=True)
        if recipe.distillation.teachers:
            answers = {name: answer.float() for name, answer in zip(recipe.heads, targets[len(recipe.heads) :])}
            distilled = distillation_loss(logits, answers, recipe)
            loss = (1 - recipe.distillation.weight) * loss + recipe.distillation.weight * distilled
        self._train_loss = loss.detach()
        if self._ratio:
            loss = loss + recipe.semi.weight * self._unlabeled_loss(images[labeled:], logits, labeled, size)
        return loss

    def _unlabeled_loss(
        self, images: torch.Tensor, logits: Mapping[str, torch.Tensor], labeled: int, size: int
    ) -> torch.Tensor:
        """FixMatch: a confident prediction for the weakly changed image becomes the label of the strongly changed one."""
        semi = self.recipe.semi
        with torch.no_grad():
            with torch.autocast(self.device.type, enabled=False):
                plain = glance(images.float() / 255, self.recipe.augment, size)
            self.network.eval()  # without dropout
            predictions = {
                name: value.float().softmax(1) for name, value in self.network(self._normalized(plain)).items()
            }
            self.network.train()
        losses, sure = [], []
        for name, head in self.recipe.heads.items():
            confidence, label = predictions[name].max(1)
            counted = (confidence >= semi.threshold).float()
            loss = functional.cross_entropy(logits[name][labeled:], label, reduction="none")
            losses.append(head.weight * (loss * counted).mean())
            sure.append(counted.mean())
        total = torch.stack(losses).sum()
        self.log("unlabeled_loss", total, on_step=False, on_epoch=True, sync_dist=True)
        self.log("unlabeled_sure", torch.stack(sure).mean(), on_step=False, on_epoch=True, sync_dist=True)
        return total

    def validation_step(self, batch: list[torch.Tensor]) -> None:
        images, *answers = batch
        views = resize(images.float() / 255, self.recipe.input.size)
        logits = self.network(self._normalized(views))
        for name, given in zip(self.recipe.heads, answers, strict=True):
            scores, answer = logits[name].float(), given.to(self.device)
            self._accuracies[name].update(scores, answer)
            known = answer >= 0
            if known.any():
                self._val_losses[name].update(functional.cross_entropy(scores[known], answer[known], reduction="none"))

    def on_validation_epoch_start(self) -> None:
        for metric in (*self._val_losses.values(), *self._accuracies.values()):
            metric.to(self.device)  # where processes exchange them
        if not torch.isfinite(mean_over_processes(self._train_loss.to(self.device))):
            raise RecipeError(
                f"training diverged: got a training loss of {float(self._train_loss)} in epoch {self.current_epoch + 1}",
                hint="Lower optimizer.lr. What was saved of the epochs before stays.",
            )

    def on_validation_epoch_end(self) -> None:
        losses = [head.weight * self._val_losses[name].compute() for name, head in self.recipe.heads.items()]
        self.log("val_loss", torch.stack(losses).sum())
        for metric in self._val_losses.values():
            metric.reset()
        values = {}
        for name, accuracy in self._accuracies.items():
            values[f"val_acc_{name}"] = accuracy.compute()
            accuracy.reset()
        self.log_dict(values)
        self.log("val_score", torch.stack(list(values.values())).mean())

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = optimizer_of(self.recipe, self.network)
        scheduler = scheduler_of(self.recipe, optimizer, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": scheduler} if scheduler else {"optimizer": optimizer}

    def on_save_checkpoint(self, checkpoint: dict[str, object]) -> None:
        checkpoint["recipe"] = self.recipe.model_dump()

    def _normalized(self, views: torch.Tensor) -> torch.Tensor:
        given = self.recipe.input
        scaled = (views - given.mean) / given.std
        return scaled.expand(-1, given.channels, -1, -1).contiguous(memory_format=torch.channels_last)


def _augmentation(recipe: Recipe) -> Augment:
    """Augment images. The views of teachers are already moved and relit, so they are only erased or corrupted."""
    if not recipe.distillation.teachers:
        return recipe.augment
    still = ("rotate", "shift", "shear", "contrast", "brightness", "gamma")
    return recipe.augment.model_copy(update={**dict.fromkeys(still, 0.0), "zoom": (1.0, 1.0)})
