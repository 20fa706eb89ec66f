"""Networks written as rows of layers in a recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from ...errors import RecipeError

_HINT = "The notation stands in mien.lab.networks.layer_spec, and the recipes that come with mien show it."


@dataclass(frozen=True)
class Shape:
    """What flows between layers: channels, and the side of the image in pixels; side 0 is a plain vector."""

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
    _image(shape, where)
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
        raise RecipeError(f"{where}: got an image, expected a vector", hint="Put 'flatten' or 'mean' before it.")
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
    _image(shape, where)
    up = words == ["same"]
    _nothing([] if up else words, where)
    side = (shape.side + 1) // 2 if up else shape.side // 2
    return nn.MaxPool2d(2, ceil_mode=up), _left(Shape(shape.channels, side), where)


def _mean(words: list[str], shape: Shape, where: str) -> _Made:
    _nothing(words, where)
    _image(shape, where)
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
    _image(shape, where)
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


def _image(shape: Shape, where: str) -> None:
    if not shape.side:
        raise RecipeError(f"{where}: got a vector, expected an image", hint="Put it before 'flatten'.")


def _left(shape: Shape, where: str) -> Shape:
    if shape.side < 1:
        raise RecipeError(f"{where}: nothing is left of the image", hint="Use a larger input.size or fewer pools.")
    return shape


def _number(words: list[str], where: str) -> float:
    try:
        (word,) = words
        return float(word)
    except ValueError as error:
        raise RecipeError(f"{where}: got {' '.join(words) or 'nothing'}, expected one number", hint=_HINT) from error


class LayeredTrunk(nn.Module):
    """Image in, one feature vector out.

    Args:
        rows: the layers, in the notation of ``mien.lab.networks.layer_spec``.
        shape: channels and side of the images.

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
                hint="End the images with 'flatten' or 'mean'; the classifier itself comes from [heads].",
            )
        self.features = out.channels
        self.penalties = {f"layers.{name}": value for name, value in penalties.items()}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Float (N, C, S, S), normalized -> float (N, features)."""
        return torch.as_tensor(self.layers(images))
