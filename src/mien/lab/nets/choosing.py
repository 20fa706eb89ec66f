"""From a recipe to a network."""

from __future__ import annotations

from ...emotions import label_set
from ...errors import RecipeError
from ..recipe import Recipe
from .heads import MultiHead
from .plain import PlainTrunk

TRUNKS = {"plain": PlainTrunk}


def build_network(recipe: Recipe) -> MultiHead:
    """The untrained network that ``recipe`` asks for.

    Raises:
        RecipeError: there is no trunk of that name.
    """
    network = recipe.network
    if network.name not in TRUNKS:
        raise RecipeError(f"network.name: got {network.name!r}, expected one of {', '.join(TRUNKS)}")
    classes = {name: len(label_set(head.emotions)) for name, head in recipe.heads.items()}
    return MultiHead(TRUNKS[network.name](network.widths, network.depths), classes, network.dropout)
