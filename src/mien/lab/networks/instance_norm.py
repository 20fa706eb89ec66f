"""A first layer that takes an image's light out of it."""

from __future__ import annotations

import torch
from torch import nn

from .vgg import PlainTrunk

#: Contrast (of normalized values) that is added to an image's, lest a blank one be blown up to pure noise: 5 of 255 levels.
_FLOOR = 0.08


class Standardised(nn.Module):
    """A trunk that sees every image with the same mean and the same contrast, however dark or flat it was.

    It stands inside the network, and so in the exported file, and preprocessing need not know of it.

    Args:
        trunk: what the standardized images go through.
    """

    def __init__(self, trunk: PlainTrunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.features = trunk.features

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Float (N, C, S, S), normalized -> float (N, features)."""
        centerd = images - images.mean((1, 2, 3), keepdim=True)
        variance = (centerd * centerd).mean((1, 2, 3), keepdim=True)
        return torch.as_tensor(self.trunk(centerd / (variance + _FLOOR**2).sqrt()))
