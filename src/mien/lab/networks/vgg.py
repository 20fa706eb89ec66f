"""The plain network: stages of 3x3 convolutions, each followed by batch norm and ReLU, halved between stages.

After Simonyan and Zisserman (2015), with batch norm (Ioffe and Szegedy 2015) and global average pooling in place of the
dense layers. Dense 3x3 convolutions are what CPUs are fastest at, and every batch norm folds away on export.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import nn
from torch.nn import functional

Network = TypeVar("Network", bound=nn.Module)

#: Added to an image's contrast (of normalized values), so that a blank image does not become noise: 5 of 255 levels.
_CONTRAST_FLOOR = 0.08


class PlainTrunk(nn.Module):
    """Image in, one feature vector out; ``widths`` are the channels of the stages and ``depths`` their convolutions."""

    def __init__(
        self,
        widths: Sequence[int],
        depths: Sequence[int],
        channels: int = 1,
        *,
        reparameterize: bool = False,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            if stage:
                layers.append(nn.MaxPool2d(2))
            for _ in range(depth):
                if reparameterize:
                    layers.append(BranchedConv(channels, width))
                else:
                    layers.append(nn.Conv2d(channels, width, 3, padding=1, bias=not batch_norm))
                    layers += [nn.BatchNorm2d(width)] * batch_norm
                layers.append(nn.ReLU(inplace=True))
                channels = width
        self.layers = nn.Sequential(*layers)
        self.features = channels

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Float (N, C, S, S), normalized, any S the stages can halve -> float (N, features)."""
        return torch.mean(self.layers(images), dim=(2, 3))


class ImageNorm(nn.Module):
    """A trunk that sees every image with the same mean and contrast; it is part of the exported network."""

    def __init__(self, trunk: PlainTrunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.features = trunk.features

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Float (N, C, S, S), normalized -> float (N, features)."""
        centered = images - images.mean((1, 2, 3), keepdim=True)
        variance = (centered * centered).mean((1, 2, 3), keepdim=True)
        return torch.as_tensor(self.trunk(centered / (variance + _CONTRAST_FLOOR**2).sqrt()))


class BranchedConv(nn.Module):
    """The sum of a 3x3 convolution, a 1x1 convolution and, where the shape allows it, the input, each normalized.

    Trains as several branches and is folded into one convolution (RepVGG: Ding et al. 2021, arXiv 2101.03697).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.square = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.square_norm = nn.BatchNorm2d(outputs)
        self.point = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.point_norm = nn.BatchNorm2d(outputs)
        self.same_norm = nn.BatchNorm2d(outputs) if inputs == outputs else None

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Float (N, inputs, H, W) -> float (N, outputs, H, W)."""
        total = self.square_norm(self.square(images)) + self.point_norm(self.point(images))
        return torch.as_tensor(total if self.same_norm is None else total + self.same_norm(images))

    def folded(self) -> nn.Conv2d:
        """One 3x3 convolution that computes the same, once training is over."""
        point = functional.pad(self.point.weight, (1, 1, 1, 1))
        parts = [_scaled(self.square.weight, self.square_norm), _scaled(point, self.point_norm)]
        if self.same_norm is not None:
            identity = torch.zeros_like(self.square.weight)
            channels = torch.arange(len(identity))
            identity[channels, channels, 1, 1] = 1
            parts.append(_scaled(identity, self.same_norm))
        conv = nn.Conv2d(self.square.in_channels, self.square.out_channels, 3, padding=1)
        conv.weight = nn.Parameter(torch.stack([kernel for kernel, _ in parts]).sum(0))
        conv.bias = nn.Parameter(torch.stack([bias for _, bias in parts]).sum(0))
        return conv.to(memory_format=torch.channels_last)


def folded(network: Network) -> Network:
    """A copy of a trained network in which every ``BranchedConv`` is one convolution; it computes the same."""
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, BranchedConv):
                setattr(module, name, child.folded())
    return network


@torch.no_grad()
def _scaled(kernel: torch.Tensor, norm: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    """Kernel and bias of a convolution with the batch norm behind it worked in."""
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError("a batch norm without running statistics cannot be folded")
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    return kernel * factor[:, None, None, None], norm.bias - norm.running_mean * factor
