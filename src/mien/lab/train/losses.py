"""What a batch is marked by: labels or votes, and the answers of teachers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.nn import functional

from ..recipe import Recipe


def soft_cross_entropy(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy against distributions, over the rows that have one.

    Args:
        logits: float (N, K).
        targets: float (N, K); rows sum to 1, to 0 (left out), or between (mixed with such a row).
        weights: float (K,), how much each class counts.
    """
    weighted = targets * weights
    total = -(weighted * functional.log_softmax(logits, dim=1)).sum()
    return total / weighted.sum().clamp(min=1e-6)


def teaching_loss(
    logits: Mapping[str, torch.Tensor], answers: Mapping[str, torch.Tensor], recipe: Recipe
) -> torch.Tensor:
    """Cross entropy of the student's softened probabilities against the teachers', over the heads by their weights.

    Times the square of the temperature, which keeps its gradients as large as those of the labels (Hinton et al. 2015).

    Args:
        logits: the student's, float (N, K) for each head.
        answers: the teachers' probabilities, float (N, K) for each head; rows sum to 1.
        recipe: heads, their weights, and the temperature.
    """
    temperature = recipe.distil.temperature
    losses = []
    for name, head in recipe.heads.items():
        softened = answers[name].clamp(min=1e-6) ** (1 / temperature)
        softened = softened / softened.sum(1, keepdim=True)
        alike = torch.ones_like(softened[0])
        losses.append(head.weight * soft_cross_entropy(logits[name] / temperature, softened, alike))
    return temperature**2 * torch.stack(losses).sum()
