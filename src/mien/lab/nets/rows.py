"""Networks written out row by row, as reports print them: the notation, and the layers it stands for.

A row is a chain of steps divided by ``>``, such as ``conv 64x3 same > norm > relu > pool > drop 0.25``:

=====================  =================================================================================================
``conv 64x3 same``     64 filters of 3x3 pixels with a bias; ``valid`` does without a border
``dense 256``          a fully connected layer with a bias
``... l2 0.01``        after either: L2 penalty of its kernel, as Keras counts it (0.01 times the sum of squares)
``norm``               batch norm with Keras's momentum (0.99) and epsilon (0.001)
``relu``, ``leaky 0.1``  activation; the number is the slope below zero
``pool``, ``pool same``  largest of 2x2 pixels; an odd last row and column are dropped, or with ``same`` kept
``mean``               mean over all pixels of each channel
``drop 0.25``          dropout
``noise 0.1``          normal noise of this standard deviation, while training
``flatten``            all pixels of all channels, one after the other
=====================  =================================================================================================

Kernels start as Keras's do: uniform after Glorot and Bengio (2010), biases zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from ...errors import RecipeError

_HINT = "The notation stands in mien.lab.nets.rows, and the recipes that come with mien show it."


@dataclass(frozen=True)
class Shape:
    """What flows between layers: channels, and the side of the picture in pixels; side 0 is a plain vector."""

    channels: int
    side: int


class Noise(nn.Module):
    """Adds normal noise while training.

    Args:
        deviation: standard deviation of the noise.
    """

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values + self.deviation * torch.randn_like(values) if self.training else values


def build_rows(rows: tuple[str, ...], shape: Shape) -> tuple[nn.Sequential, Shape, dict[str, float]]:
    """The layers that ``rows`` ask for.

    Args:
        rows: see the notation above.
        shape: what comes in.

    Returns:
        The layers; what comes out of them; and the L2 penalty of each kernel that has one, by its name among the layers'
        parameters.

    Raises:
        RecipeError: a step is unknown, lacks a number, or does not fit what comes before it.
    """
    layers = nn.Sequential()
    penalties: dict[str, float] = {}
    for number, row in enumerate(rows):
        for step in row.split(">"):
            words = step.split()
            where = f"network.layers[{number}]: step {step.strip()!r}"
            if not words or words[0] not in _STEPS:
                raise RecipeError(f"{where}: expected one of {', '.join(_STEPS)}", hint=_HINT)
            if "l2" in words and words[0] in ("conv", "dense"):
                at = words.index("l2")
                penalties[f"{len(layers)}.weight"] = _number(words[at + 1 : at + 2], where)
                del words[at : at + 2]
            layer, shape = _STEPS[words[0]](words[1:], shape, where)
            layers.append(layer)
    return layers, shape, penalties


_Made = tuple[nn.Module, Shape]


def _conv(words: list[str], shape: Shape, where: str) -> _Made:
    _picture(shape, where)
    filters, _, kernel = words[0].partition("x") if words else ("", "", "")
    padding = words[1] if len(words) == 2 else ""
    if not (filters.isdecimal() and kernel.isdecimal() and int(filters) and int(kernel)) or padding not in (
        "same",
        "valid",
    ):
        raise RecipeError(f"{where}: expected a step such as 'conv 64x3 same' or 'conv 64x3 valid'", hint=_HINT)
    size = int(kernel)
    side = shape.side if padding == "same" else shape.side - size + 1
    layer = nn.Conv2d(shape.channels, int(filters), size, padding="same" if padding == "same" else 0)
    return _started(layer), _left(Shape(int(filters), side), where)


def _dense(words: list[str], shape: Shape, where: str) -> _Made:
    if shape.side:
        raise RecipeError(f"{where}: got a picture, expected a vector", hint="Put 'flatten' or 'mean' before it.")
    if len(words) != 1 or not words[0].isdecimal() or not int(words[0]):
        raise RecipeError(f"{where}: expected a step such as 'dense 256'", hint=_HINT)
    return _started(nn.Linear(shape.channels, int(words[0]))), Shape(int(words[0]), 0)


def _norm(words: list[str], shape: Shape, where: str) -> _Made:
    _nothing(words, where)
    kind = nn.BatchNorm2d if shape.side else nn.BatchNorm1d
    return kind(shape.channels, eps=1e-3, momentum=0.01), shape


def _relu(words: list[str], shape: Shape, where: str) -> _Made:
    _nothing(words, where)
    return nn.ReLU(), shape


def _leaky(words: list[str], shape: Shape, where: str) -> _Made:
    return nn.LeakyReLU(_number(words, where)), shape


def _pool(words: list[str], shape: Shape, where: str) -> _Made:
    _picture(shape, where)
    up = words == ["same"]
    _nothing([] if up else words, where)
    side = (shape.side + 1) // 2 if up else shape.side // 2
    return nn.MaxPool2d(2, ceil_mode=up), _left(Shape(shape.channels, side), where)


def _mean(words: list[str], shape: Shape, where: str) -> _Made:
    _nothing(words, where)
    _picture(shape, where)
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), Shape(shape.channels, 0)


def _drop(words: list[str], shape: Shape, where: str) -> _Made:
    share = _number(words, where)
    if not 0 <= share < 1:
        raise RecipeError(f"{where}: got {share}, expected at least 0 and less than 1")
    return nn.Dropout(share), shape


def _noise(words: list[str], shape: Shape, where: str) -> _Made:
    return Noise(_number(words, where)), shape


def _flatten(words: list[str], shape: Shape, where: str) -> _Made:
    _nothing(words, where)
    _picture(shape, where)
    return nn.Flatten(), Shape(shape.channels * shape.side**2, 0)


_STEPS: dict[str, Callable[[list[str], Shape, str], _Made]] = {
    "conv": _conv,
    "dense": _dense,
    "norm": _norm,
    "relu": _relu,
    "leaky": _leaky,
    "pool": _pool,
    "mean": _mean,
    "drop": _drop,
    "noise": _noise,
    "flatten": _flatten,
}


def _started(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _nothing(words: list[str], where: str) -> None:
    if words:
        raise RecipeError(f"{where}: got {' '.join(words)!r} after the step's name, expected nothing", hint=_HINT)


def _picture(shape: Shape, where: str) -> None:
    if not shape.side:
        raise RecipeError(f"{where}: got a vector, expected a picture", hint="Put it before 'flatten'.")


def _left(shape: Shape, where: str) -> Shape:
    if shape.side < 1:
        raise RecipeError(f"{where}: nothing is left of the picture", hint="Use a larger input.size or fewer pools.")
    return shape


def _number(words: list[str], where: str) -> float:
    try:
        (word,) = words
        return float(word)
    except ValueError as error:
        raise RecipeError(f"{where}: got {' '.join(words) or 'nothing'}, expected one number", hint=_HINT) from error
