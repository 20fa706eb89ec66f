"""A first layer that takes a picture's light out of it."""

from __future__ import annotations

import torch
from torch import nn

from .plain import PlainTrunk

#: Contrast (of normalised values) that is added to a picture's, lest a blank one be blown up to pure noise: 5 of 255 levels.
_FLOOR = 0.08


class Standardised(nn.Module):
    """A trunk that sees every picture with the same mean and the same contrast, however dark or flat it was.

    It stands inside the network, and so in the exported file, and preprocessing need not know of it.

    Args:
        trunk: what the standardised pictures go through.
    """

    def __init__(self, trunk: PlainTrunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.features = trunk.features

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Float (N, C, S, S), normalised -> float (N, features)."""
        centred = pictures - pictures.mean((1, 2, 3), keepdim=True)
        variance = (centred * centred).mean((1, 2, 3), keepdim=True)
        return torch.as_tensor(self.trunk(centred / (variance + _FLOOR**2).sqrt()))
