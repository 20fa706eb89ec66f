"""A trunk with one linear classifier per set of labels."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from ...emotions import label_set
from ...errors import RecipeError
from ..recipe import Head


class MultiHead(nn.Module):
    """A shared trunk with named heads.

    Args:
        trunk: a module with an attribute ``features``, the length of its output vector.
        heads: what each head tells apart, by its name; the order is that of the outputs.
        dropout: share of features dropped before the heads while training.

    Raises:
        RecipeError: a head has a name that torch keeps for itself.
    """

    def __init__(self, trunk: nn.Module, heads: Mapping[str, Head], dropout: float) -> None:
        super().__init__()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        features = trunk.features
        if not isinstance(features, int):
            raise TypeError(f"trunk.features: got {type(features).__name__}, expected int")
        taken = [name for name in heads if hasattr(nn.ModuleDict, name)]
        if taken:
            raise RecipeError(f"heads.{taken[0]}: torch keeps the name {taken[0]!r} for itself, expected another one")
        self.heads = nn.ModuleDict({name: _classifier(features, head) for name, head in heads.items()})

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Float (N, C, S, S) -> logits, float (N, classes) for each head."""
        features = self.dropout(self.trunk(images))
        return {name: head(features) for name, head in self.heads.items()}


class SigmoidUnit(nn.Linear):
    """One unit that says how likely the first of two classes is; its logits for both differ by the unit's value."""

    def __init__(self, features: int) -> None:
        super().__init__(features, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        half = super().forward(features) / 2
        return torch.cat([half, -half], dim=1)


def _classifier(features: int, head: Head) -> nn.Linear:
    return SigmoidUnit(features) if head.output == "sigmoid" else nn.Linear(features, len(label_set(head.emotions)))
