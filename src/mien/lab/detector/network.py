"""The face detector's network: anchor-free, one set of outputs per place of three feature maps.

Of the family of YuNet (Wu, Peng and Yu 2023, doi 10.1007/s11633-023-1423-y): few channels, a top-down feature pyramid,
depthwise-separable convolutions where maps are small. Dense convolutions at strides 2 to 16 run faster than separable ones
of the same accuracy on processors that multiply matrices.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ...detection_own import STRIDES

#: Outputs per place: score, box (x, y, log width, log height), five landmarks (x, y).
OUTPUTS = 1 + 4 + 10
#: So rare are faces before training: keeps the first steps from drowning in background.
_PRIOR_LOGIT = -4.6


class Residual(nn.Module):
    """Adds a layer's output to its input."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layer(x)  # type: ignore[no-any-return]


def convolution(inputs: int, outputs: int, stride: int = 1, kernel: int = 3, groups: int = 1) -> nn.Sequential:
    """Convolution, batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def separable(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A depthwise, then a pointwise convolution."""
    return nn.Sequential(convolution(inputs, inputs, stride, groups=inputs), convolution(inputs, outputs, kernel=1))


class FaceNetwork(nn.Module):
    """Images to raw outputs; ``detection_own.decode`` makes boxes of them.

    Args:
        widths: channels at strides 2, 4, 8, 16 and 32.
        neck: channels of the feature pyramid and the heads.
    """

    def __init__(self, widths: Sequence[int] = (16, 24, 48, 96, 128), neck: int = 48) -> None:
        super().__init__()
        s2, s4, s8, s16, s32 = widths
        self.stages = nn.ModuleList(
            [
                nn.Sequential(
                    convolution(3, s2, 2), convolution(s2, s4, 2), convolution(s4, s8, 2), Residual(convolution(s8, s8))
                ),
                nn.Sequential(convolution(s8, s16, 2), Residual(convolution(s16, s16))),
                nn.Sequential(separable(s16, s32, 2), Residual(separable(s32, s32))),
            ]
        )
        self.lateral = nn.ModuleList([convolution(width, neck, kernel=1) for width in (s8, s16, s32)])
        self.smooth = nn.ModuleList([separable(neck, neck) for _ in STRIDES[:-1]])
        self.heads = nn.ModuleList([nn.Sequential(separable(neck, neck), nn.Conv2d(neck, OUTPUTS, 1)) for _ in STRIDES])
        for head in self.heads:
            final = head[-1]  # type: ignore[index]
            nn.init.normal_(final.weight, std=0.01)
            nn.init.zeros_(final.bias)
            nn.init.constant_(final.bias[:1], _PRIOR_LOGIT)

    def forward(self, images: Tensor) -> Tensor:
        """Run the network.

        Args:
            images: float32 (N, 3, H, W), RGB, 0 to 255; H and W multiples of 32.

        Returns:
            float32 (N, H W (1/64 + 1/256 + 1/1024), 15): the maps of strides 8, 16 and 32, row by row.
        """
        features = []
        x = images * (1 / 255)
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        *below, top = (lateral(feature) for lateral, feature in zip(self.lateral, features))
        maps = [top]
        for feature, smooth in zip(reversed(below), reversed(list(self.smooth))):
            maps.insert(0, smooth(feature + interpolate(maps[0], scale_factor=2.0, mode="nearest")))
        outputs = [head(x).permute(0, 2, 3, 1).flatten(1, 2) for head, x in zip(self.heads, maps)]
        return torch.cat(outputs, 1)
