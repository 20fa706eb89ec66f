"""The plain network: stages of 3x3 convolutions, each followed by batch norm and ReLU, halved between stages.

After Simonyan and Zisserman (2015), with batch norm (Ioffe and Szegedy 2015) and global average pooling in place of the
dense layers. Dense 3x3 convolutions are what CPUs are fastest at, and every batch norm folds away on export.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from .reparameterized import BranchedConv


class PlainTrunk(nn.Module):
    """Image in, one feature vector out.

    Args:
        widths: channels of each stage.
        depths: convolutions of each stage.
        channels: of the images.
        branches: train each convolution as several that are folded into one on export (``branched``).
    """

    def __init__(
        self, widths: Sequence[int], depths: Sequence[int], channels: int = 1, *, branches: bool = False
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            if stage:
                layers.append(nn.MaxPool2d(2))
            for _ in range(depth):
                if branches:
                    layers.append(BranchedConv(channels, width))
                else:
                    layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
                layers.append(nn.ReLU(inplace=True))
                channels = width
        self.layers = nn.Sequential(*layers)
        self.features = channels

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Float (N, C, S, S), normalized, any S the stages can halve -> float (N, features)."""
        return torch.mean(self.layers(images), dim=(2, 3))
