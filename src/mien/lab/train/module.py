"""One training step and one validation step: the losses and the scores of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

import lightning.pytorch as lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch.nn import functional
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from ...emotions import label_set
from ...errors import RecipeError
from ..augment.pictures import augment, glance, mixup_pairs, resize
from ..nets.heads import MultiHead
from ..recipe import Augment, Recipe
from .losses import soft_cross_entropy, teaching_loss
from .optimizing import optimizer_of, scheduler_of


class Training(lightning.LightningModule):
    """A network with its losses.

    Logs ``train_loss``, and at validation ``val_loss``, ``val_acc_<head>`` and ``val_score``, the mean accuracy of the
    heads.

    Args:
        recipe: how to train.
        network: what to train.
        class_weights: float (K,) for each head: how much a picture of each class counts.
        ratio: pictures without labels that follow each one with a label in a batch.
    """

    def __init__(
        self,
        recipe: Recipe,
        network: MultiHead,
        class_weights: Mapping[str, torch.Tensor],
        ratio: int = 0,
    ) -> None:
        super().__init__()
        self._ratio = ratio
        self._changes = seen_by_student(recipe)
        self._train_loss = torch.zeros(())
        self._val_losses = {name: MeanMetric() for name in recipe.heads}
        self.recipe = recipe
        # The layout of pixels in which processors convolve fastest.
        self.network = network.to(memory_format=torch.channels_last)
        self._class_weights = class_weights
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
        labelled = len(images) // (1 + self._ratio)
        with torch.autocast(self.device.type, enabled=False):
            size = recipe.schedule.size_at(self.current_epoch, recipe.input.size)
            pictures = augment(images.float() / 255, self._changes, size, strong)
            if strong and recipe.augment.mixup and not self._ratio:
                partner, share = mixup_pairs(len(pictures), recipe.augment.mixup)
                pictures = share * pictures + (1 - share) * pictures[partner]
                targets = [share * target + (1 - share) * target[partner] for target in targets]
        logits = {name: value.float() for name, value in self.network(self._normalised(pictures)).items()}
        losses = [
            head.weight
            * soft_cross_entropy(logits[name][:labelled], target[:labelled], self._class_weights[name].to(self.device))
            for (name, head), target in zip(recipe.heads.items(), targets)
        ]
        loss = torch.stack(losses).sum()
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        if recipe.distil.taught:
            answers = {name: answer.float() for name, answer in zip(recipe.heads, targets[len(recipe.heads) :])}
            taught = teaching_loss(logits, answers, recipe)
            loss = (1 - recipe.distil.weight) * loss + recipe.distil.weight * taught
        self._train_loss = loss.detach()
        if self._ratio:
            loss = loss + recipe.semi.weight * self._unlabelled_loss(images[labelled:], logits, labelled, size)
        return loss

    def _unlabelled_loss(
        self, images: torch.Tensor, logits: Mapping[str, torch.Tensor], labelled: int, size: int
    ) -> torch.Tensor:
        """FixMatch: what the network is sure of at a glance becomes the label of the changed picture."""
        semi = self.recipe.semi
        with torch.no_grad():
            with torch.autocast(self.device.type, enabled=False):
                plain = glance(images.float() / 255, self.recipe.augment, size)
            self.network.eval()  # a guess with features dropped is less sure and less often right
            guesses = {name: value.float().softmax(1) for name, value in self.network(self._normalised(plain)).items()}
            self.network.train()
        losses, sure = [], []
        for name, head in self.recipe.heads.items():
            confidence, label = guesses[name].max(1)
            counted = (confidence >= semi.threshold).float()
            loss = functional.cross_entropy(logits[name][labelled:], label, reduction="none")
            losses.append(head.weight * (loss * counted).mean())
            sure.append(counted.mean())
        total = torch.stack(losses).sum()
        self.log("unlabelled_loss", total, on_step=False, on_epoch=True)
        self.log("unlabelled_sure", torch.stack(sure).mean(), on_step=False, on_epoch=True)
        return total

    def validation_step(self, batch: list[torch.Tensor]) -> None:
        images, *answers = batch
        pictures = resize(images.float() / 255, self.recipe.input.size)
        logits = self.network(self._normalised(pictures))
        for name, given in zip(self.recipe.heads, answers, strict=True):
            scores, answer = logits[name].float().cpu(), given.cpu()
            self._accuracies[name].update(scores, answer)
            known = answer >= 0
            if known.any():
                self._val_losses[name].update(functional.cross_entropy(scores[known], answer[known], reduction="none"))

    def on_validation_epoch_start(self) -> None:
        if not torch.isfinite(self._train_loss):
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
        checkpoint["recipe"] = asdict(self.recipe)

    def _normalised(self, pictures: torch.Tensor) -> torch.Tensor:
        given = self.recipe.input
        scaled = (pictures - given.mean) / given.std
        return scaled.expand(-1, given.channels, -1, -1).contiguous(memory_format=torch.channels_last)


def seen_by_student(recipe: Recipe) -> Augment:
    """How pictures are changed: those that teachers answered for were moved and relit before, and are no further.

    What hides or spoils a part of the picture stays: the student is to give the answer that the teachers gave to all of it.
    """
    if not recipe.distil.taught:
        return recipe.augment
    return replace(
        recipe.augment, rotate=0.0, shift=0.0, shear=0.0, zoom=(1.0, 1.0), contrast=0.0, brightness=0.0, gamma=0.0
    )
