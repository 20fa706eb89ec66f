"""Convolutions that train as several branches and run as one (RepVGG: Ding et al. 2021, arXiv 2101.03697)."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn
from torch.nn import functional


class BranchedConv(nn.Module):
    """The sum of a 3x3 convolution, a 1x1 convolution and, where the shape allows it, the input itself, each normalized.

    Args:
        inputs: channels of the input.
        outputs: channels of the output.
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


Network = TypeVar("Network", bound=nn.Module)


def folded(network: Network) -> Network:
    """A copy of a trained network in which every ``BranchedConv`` is one convolution; it computes the same."""
    copied = copy.deepcopy(network)
    _fold(copied)
    return copied


def _fold(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, BranchedConv):
            setattr(module, name, child.folded())
        else:
            _fold(child)


@torch.no_grad()
def _scaled(kernel: torch.Tensor, norm: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    """Kernel and bias of a convolution with the batch norm behind it worked in."""
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError("a batch norm without running statistics cannot be folded")
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    return kernel * factor[:, None, None, None], norm.bias - norm.running_mean * factor
