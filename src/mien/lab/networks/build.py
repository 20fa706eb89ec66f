"""From a recipe to a network: a trunk with a classifier per head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from ...emotions import label_set
from ...errors import RecipeError
from ..recipe import Head, Recipe
from .backbone import BackboneTrunk, start
from .layer_spec import LayeredTrunk, Shape
from .vgg import ImageNorm, PlainTrunk


class MultiHead(nn.Module):
    """A shared trunk with named heads, one linear classifier each.

    Args:
        trunk: a module with an attribute ``features``, the length of its output vector.
        heads: by name, in the order of the outputs.
        dropout: share of features dropped before the heads while training.

    Raises:
        RecipeError: torch reserves the name of a head.
    """

    def __init__(self, trunk: nn.Module, heads: Mapping[str, Head], dropout: float) -> None:
        super().__init__()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        features: int = trunk.features  # type: ignore[assignment]  # torch types attributes as tensors or modules
        taken = [name for name in heads if hasattr(nn.ModuleDict, name)]
        if taken:
            raise RecipeError(field=f"heads.{taken[0]}", value=taken[0], expected="a name that torch does not reserve")
        self.heads = nn.ModuleDict({name: _classifier(features, head) for name, head in heads.items()})

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Float (N, C, S, S) -> logits, float (N, classes) for each head."""
        features = self.dropout(self.trunk(images))
        return {name: head(features) for name, head in self.heads.items()}


class SigmoidUnit(nn.Linear):
    """A single unit for the first of two classes: the logits of both differ by its value."""

    def __init__(self, features: int) -> None:
        super().__init__(features, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        half = super().forward(features) / 2
        return torch.cat([half, -half], dim=1)


def _classifier(features: int, head: Head) -> nn.Linear:
    return SigmoidUnit(features) if head.output == "sigmoid" else nn.Linear(features, len(label_set(head.emotions)))


def build_network(recipe: Recipe) -> MultiHead:
    """The network that ``recipe`` asks for, with random weights.

    Raises:
        RecipeError: a row of layers makes no sense, or timm has no network of that name.
    """
    return MultiHead(_trunk(recipe), recipe.heads, recipe.network.dropout)


def start_network(recipe: Recipe) -> MultiHead:
    """The network that ``recipe`` asks for, ready to be trained: its base with the weights that the recipe names.

    Raises:
        RecipeError: see ``build_network``.
        ModelError: the weights cannot be fetched or read.
    """
    network = build_network(recipe)
    if isinstance(network.trunk, BackboneTrunk):
        start(network.trunk, recipe.network)
    return network


def _trunk(recipe: Recipe) -> nn.Module:
    network, given = recipe.network, recipe.input
    if network.name == "layers":
        return LayeredTrunk(network.layers, Shape(given.channels, given.size))
    if network.name == "timm":
        return BackboneTrunk(network, given.size)
    plain = PlainTrunk(network.widths, network.depths, given.channels, reparameterize=network.reparameterize)
    return ImageNorm(plain) if network.instance_norm else plain
