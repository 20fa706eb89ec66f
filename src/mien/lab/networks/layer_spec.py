"""Networks as rows of layers in a recipe.

A row holds steps with ``>`` between them:

====================================  ==================================================================================
``conv 64x3 same`` (or ``valid``)     64 filters of 3x3, padded or not; ``l2 0.01`` behind it is Keras's L2 penalty
``dense 256``                         a fully connected layer; ``l2 0.01`` as above
``norm``                              batch norm with Keras's momentum (0.99) and epsilon (0.001)
``relu``, ``leaky 0.1``               activations
``pool``, ``pool same``               maximum of 2x2, rounded down or up
``mean``, ``flatten``                 from an image to a vector
``drop 0.5``, ``noise 0.1``           dropout, and normal noise while training
====================================  ==================================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import nn

from ...errors import RecipeError

_SIZE = re.compile(r"([1-9][0-9]*)x([1-9][0-9]*)")


@dataclass(frozen=True)
class Shape:
    """Shape between layers: channels, and the side of the image in pixels; side 0 is a vector."""

    channels: int
    side: int


class Noise(nn.Module):
    """Adds normal noise while training."""

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values + self.deviation * torch.randn_like(values) if self.training else values


class LayeredTrunk(nn.Module):
    """Image of ``shape`` in, one vector of ``features`` out, through ``rows`` of layers in the notation of this module.

    ``penalties`` are the L2 penalties of kernels by the name of the parameter. ``RecipeError`` if no vector comes out.
    """

    def __init__(self, rows: tuple[str, ...], shape: Shape) -> None:
        super().__init__()
        self.layers, out, penalties = build_rows(rows, shape)
        if out.side:
            raise RecipeError(
                field="network.layers",
                value=f"{out.channels} channels of {out.side}x{out.side} pixels at the end",
                expected="a vector",
                hint="End the images with 'flatten' or 'mean'; the classifier itself comes from [heads].",
            )
        self.features = out.channels
        self.penalties = {f"layers.{name}": value for name, value in penalties.items()}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Float (N, C, S, S), normalized -> float (N, features)."""
        return torch.as_tensor(self.layers(images))


def build_rows(rows: tuple[str, ...], shape: Shape) -> tuple[nn.Sequential, Shape, dict[str, float]]:
    """The layers of ``rows``, what comes out of them, and the L2 penalties of kernels by their names among the parameters.

    ``RecipeError`` if a step is unknown, lacks a number, or does not fit what comes before it.
    """
    layers = nn.Sequential()
    penalties: dict[str, float] = {}
    for number, row in enumerate(rows):
        for step in row.split(">"):
            words = step.split()
            try:
                if words[-2:-1] == ["l2"] and words[0] in ("conv", "dense"):
                    *words, _, penalty = words
                    penalties[f"{len(layers)}.weight"] = _number(penalty)
                layer, shape = _layer(words, shape)
            except _StepError as error:
                raise RecipeError(
                    field=f"network.layers[{number}]", value=step.strip(), expected=str(error), hint=error.hint
                ) from error
            layers.append(layer)
    return layers, shape, penalties


class _StepError(Exception):
    """The accepted form of a step."""

    def __init__(self, expected: str, hint: str = "mien.lab.networks.layer_spec documents the notation.") -> None:
        super().__init__(expected)
        self.hint = hint


def _layer(words: list[str], shape: Shape) -> tuple[nn.Module, Shape]:  # noqa: PLR0911, PLR0912  # one case per kind of layer
    match words:
        case ["conv", size, "same" | "valid" as padding] if found := _SIZE.fullmatch(size):
            filters, kernel = int(found[1]), int(found[2])
            side = _image(shape).side - (kernel - 1 if padding == "valid" else 0)
            conv = nn.Conv2d(shape.channels, filters, kernel, padding="same" if padding == "same" else 0)
            return _initialized(conv), _remaining(Shape(filters, side))
        case ["dense", units] if re.fullmatch("[1-9][0-9]*", units):
            if shape.side:
                raise _StepError("a vector before it, not an image", "Put 'flatten' or 'mean' before it.")
            return _initialized(nn.Linear(shape.channels, int(units))), Shape(int(units), 0)
        case ["norm"]:
            kind = nn.BatchNorm2d if shape.side else nn.BatchNorm1d
            return kind(shape.channels, eps=1e-3, momentum=0.01), shape
        case ["relu"]:
            return nn.ReLU(), shape
        case ["leaky", slope]:
            return nn.LeakyReLU(_number(slope)), shape
        case ["pool"]:
            return nn.MaxPool2d(2), _remaining(Shape(shape.channels, _image(shape).side // 2))
        case ["pool", "same"]:
            return nn.MaxPool2d(2, ceil_mode=True), Shape(shape.channels, (_image(shape).side + 1) // 2)
        case ["mean"]:
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), Shape(_image(shape).channels, 0)
        case ["flatten"]:
            return nn.Flatten(), Shape(shape.channels * _image(shape).side ** 2, 0)
        case ["drop", share]:
            if not 0 <= _number(share) < 1:
                raise _StepError("a share of at least 0 and less than 1")
            return nn.Dropout(_number(share)), shape
        case ["noise", deviation]:
            return Noise(_number(deviation)), shape
    raise _StepError(
        "conv FILTERSxSIZE same|valid, dense UNITS, norm, relu, leaky SLOPE, pool [same], mean, flatten, drop SHARE or "
        "noise DEVIATION"
    )


def _initialized(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    """As Keras does: Glorot's uniform kernels and zero biases."""
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _image(shape: Shape) -> Shape:
    if not shape.side:
        raise _StepError("an image before it, not a vector", "Put it before 'flatten'.")
    return shape


def _remaining(shape: Shape) -> Shape:
    if shape.side < 1:
        raise _StepError("a larger image: nothing would be left of it", "Use a larger input.size or fewer pools.")
    return shape


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError as error:
        raise _StepError("one number") from error
