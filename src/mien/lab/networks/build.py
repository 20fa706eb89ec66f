"""From a recipe to a network."""

from __future__ import annotations

from torch import nn

from ..recipe import Recipe
from .backbone import BackboneTrunk, start
from .heads import MultiHead
from .instance_norm import Standardised
from .layer_spec import LayeredTrunk, Shape
from .vgg import PlainTrunk


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
    plain = PlainTrunk(network.widths, network.depths, given.channels, branches=network.branches)
    return Standardised(plain) if network.standardize else plain
