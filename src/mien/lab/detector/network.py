"""The network of the face detector: anchor-free, with a feature pyramid of three strides.

Similar to YuNet (Wu, Peng and Yu 2023, doi 10.1007/s11633-023-1423-y): few channels, a top-down feature pyramid, and
depthwise-separable convolutions where maps are small. At strides 2 to 16, dense convolutions are faster on CPUs than
separable ones of the same accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ...detection.anchor_free import STRIDES

#: Outputs per anchor point: score, box (x, y, log width, log height), five landmarks (x, y).
OUTPUTS = 1 + 4 + 10
#: Initial score: faces are rare, and background would dominate the first steps (Lin et al. 2017, arXiv 1708.02002).
_PRIOR_LOGIT = -4.6


class Residual(nn.Module):
    """Adds a layer's output to its input."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Run the layer."""
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


def _residuals(width: int, count: int, dense: bool) -> list[Residual]:
    """Residual layers; only the first may be dense."""
    return [Residual(convolution(width, width) if dense and n == 0 else separable(width, width)) for n in range(count)]


class DetectorNetwork(nn.Module):
    """Images to raw outputs, which ``detection.anchor_free.decode`` turns into boxes.

    Args:
        widths: channels at strides 2, 4, 8, 16 and 32.
        neck: channels of the feature pyramid and the heads.
        depths: residual layers at strides 8, 16 and 32; the first is dense at strides 8 and 16. Boxes of faces larger than
            the receptive field are inaccurate: each layer at stride 32 adds 128 pixels.
        refine: residual layers before each head.
    """

    def __init__(
        self,
        widths: Sequence[int] = (16, 24, 48, 96, 128),
        neck: int = 48,
        depths: Sequence[int] = (1, 1, 1),
        refine: int = 0,
    ) -> None:
        super().__init__()
        self.scale = 1 / 255
        s2, s4, s8, s16, s32 = widths
        stem = [convolution(3, s2, 2), convolution(s2, s4, 2), convolution(s4, s8, 2)]
        self.stages = nn.ModuleList(
            [
                nn.Sequential(*stem, *_residuals(s8, depths[0], dense=True)),
                nn.Sequential(convolution(s8, s16, 2), *_residuals(s16, depths[1], dense=True)),
                nn.Sequential(separable(s16, s32, 2), *_residuals(s32, depths[2], dense=False)),
            ]
        )
        self.lateral = nn.ModuleList([convolution(width, neck, kernel=1) for width in (s8, s16, s32)])
        self.smooth = nn.ModuleList([separable(neck, neck) for _ in STRIDES[:-1]])
        self.refine = nn.ModuleList([nn.Sequential(*_residuals(neck, refine, dense=False)) for _ in STRIDES])
        self.heads = nn.ModuleList([nn.Sequential(separable(neck, neck), nn.Conv2d(neck, OUTPUTS, 1)) for _ in STRIDES])
        for head in self.heads:
            final = head[-1]  # type: ignore[index]
            nn.init.normal_(final.weight, std=0.01)
            nn.init.zeros_(final.bias)
            nn.init.constant_(final.bias[:1], _PRIOR_LOGIT)

    def forward(self, images: Tensor) -> Tensor:
        """Maps of strides 8, 16 and 32, row by row: float32 (N, H W (1/64 + 1/256 + 1/1024), 15).

        Images are float32 (N, 3, H, W), RGB, 0 to 255, H and W multiples of 32.
        """
        features = []
        x = images if self.scale == 1 else images * self.scale
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        *below, top = (lateral(feature) for lateral, feature in zip(self.lateral, features))
        maps = [top]
        for feature, smooth in zip(reversed(below), reversed(list(self.smooth))):
            maps.insert(0, smooth(feature + interpolate(maps[0], scale_factor=2.0, mode="nearest")))
        maps = [refine(x) for refine, x in zip(self.refine, maps)]
        outputs = [head(x).permute(0, 2, 3, 1).flatten(1, 2) for head, x in zip(self.heads, maps)]
        return torch.cat(outputs, 1)

    @torch.no_grad()
    def fold_scale(self) -> None:
        """Move the scale of the pixels into the first convolution, to save a pass over the image."""
        first = self.stages[0][0][0]  # type: ignore[index]
        first.weight.mul_(self.scale)
        self.scale = 1.0

    @torch.no_grad()
    def grow_from(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of a network with fewer layers; additional layers start close to zero."""
        mine = self.state_dict()
        if odd := [name for name, value in weights.items() if name not in mine or mine[name].shape != value.shape]:
            raise ValueError(f"layers do not fit: {odd[:3]}")
        self.load_state_dict(weights, strict=False)
        for name, module in self.named_modules():
            if isinstance(module, Residual) and not any(known.startswith(f"{name}.") for known in weights):
                norm = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)][-1]
                nn.init.zeros_(norm.weight)
                nn.init.constant_(norm.bias, 0.01)  # above 0: the ReLU must pass a gradient
