"""Trained networks as teachers of another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from ...errors import RecipeError
from ..augment.pictures import resize
from ..nets.heads import MultiHead
from ..recipe import Recipe
from .checkpoint import find_checkpoint, restore_network


class Teachers:
    """Networks whose answers are averaged.

    Args:
        recipe: of the student: its heads, its teachers and their temperature.

    Raises:
        ModelError: a teacher's checkpoint is missing or damaged.
        RecipeError: a teacher lacks a head of the student, or its head tells other emotions apart.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._temperature = recipe.distil.temperature
        self._members: list[tuple[Recipe, MultiHead]] = []
        for place in recipe.distil.teachers:
            own, network = restore_network(find_checkpoint(Path(place)))
            for name, head in recipe.heads.items():
                if name not in own.heads or own.heads[name].emotions != head.emotions:
                    known = ", ".join(f"{known} ({its.emotions})" for known, its in own.heads.items())
                    raise RecipeError(
                        f"distil.teachers: {place} has the heads {known}, expected {name} ({head.emotions}) among them",
                        hint="Teach with runs whose heads are those of the recipe.",
                    )
            network.requires_grad_(False)
            self._members.append((own, network.to(memory_format=torch.channels_last)))

    @torch.no_grad()
    def answers(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """For each head the mean softened probabilities, float (N, K), for pictures, float (N, C, S, S), 0-1."""
        total: dict[str, torch.Tensor] = {}
        for recipe, network in self._members:
            for name, logits in network.to(pictures.device)(shown(pictures, recipe)).items():
                softened = (logits.float() / self._temperature).softmax(1) / len(self._members)
                total[name] = total[name] + softened if name in total else softened
        return total


def shown(pictures: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """Pictures, float (N, C, S, S), 0-1, as a network of this recipe takes them, at its full size."""
    given = recipe.input
    scaled = (resize(pictures, given.size) - given.mean) / given.std
    return scaled.expand(-1, given.channels, -1, -1).contiguous(memory_format=torch.channels_last)


def teaching_loss(
    logits: Mapping[str, torch.Tensor], answers: Mapping[str, torch.Tensor], recipe: Recipe
) -> torch.Tensor:
    """Cross entropy of the student's softened probabilities against the teachers', over the heads by their weights.

    Times the square of the temperature, which keeps its gradients as large as those of the labels (Hinton et al. 2015).
    """
    temperature = recipe.distil.temperature
    losses = [
        head.weight * -(answers[name] * (logits[name] / temperature).log_softmax(1)).sum(1).mean()
        for name, head in recipe.heads.items()
    ]
    return temperature**2 * torch.stack(losses).sum()
