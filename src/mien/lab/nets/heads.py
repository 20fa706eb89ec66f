"""A trunk with one linear classifier per set of labels."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn


class MultiHead(nn.Module):
    """A shared trunk with named heads.

    Args:
        trunk: a module with an attribute ``features``, the length of its output vector.
        classes: head name -> number of classes, in the order of the outputs.
        dropout: share of features dropped before the heads while training.
    """

    def __init__(self, trunk: nn.Module, classes: Mapping[str, int], dropout: float) -> None:
        super().__init__()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        features = trunk.features
        if not isinstance(features, int):
            raise TypeError(f"trunk.features: got {type(features).__name__}, expected int")
        self.heads = nn.ModuleDict({name: nn.Linear(features, n) for name, n in classes.items()})

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """Float (N, 1, S, S) -> logits, float (N, classes) for each head."""
        features = self.dropout(self.trunk(pictures))
        return {name: head(features) for name, head in self.heads.items()}
