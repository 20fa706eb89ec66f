"""A trunk that a recipe writes out row by row."""

from __future__ import annotations

import torch
from torch import nn

from ...errors import RecipeError
from .rows import Shape, build_rows


class LayeredTrunk(nn.Module):
    """Picture in, one feature vector out.

    Args:
        rows: the layers, in the notation of ``mien.lab.nets.rows``.
        shape: channels and side of the pictures.

    Attributes:
        features: length of the vector.
        penalties: L2 penalty of each kernel that has one, by the name of the parameter.

    Raises:
        RecipeError: a row makes no sense, or no vector comes out.
    """

    def __init__(self, rows: tuple[str, ...], shape: Shape) -> None:
        super().__init__()
        self.layers, out, penalties = build_rows(rows, shape)
        if out.side:
            raise RecipeError(
                f"network.layers: got {out.channels} channels of {out.side}x{out.side} pixels at the end, expected a vector",
                hint="End the pictures with 'flatten' or 'mean'; the classifier itself comes from [heads].",
            )
        self.features = out.channels
        self.penalties = {f"layers.{name}": value for name, value in penalties.items()}

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Float (N, C, S, S), normalised -> float (N, features)."""
        return torch.as_tensor(self.layers(pictures))
