"""How much memory a training step takes, and how to make it fit into less."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn import functional

from ...errors import OptionError
from ..dataset.faces import FaceSet
from ..nets.choosing import build_network
from ..nets.heads import MultiHead
from ..recipe import Recipe

#: What torch, Lightning and Python themselves take, measured: 0.6 GB.
RUNTIME_BYTES = 600_000_000
#: Gradients of activations and scratch space of the convolutions, in comparison with the activations kept.
_SCRATCH = 2.0


def fitted(recipe: Recipe, faces: FaceSet, limit_bytes: int) -> Recipe:
    """The recipe, its batches divided into so many parts that training stays below ``limit_bytes``.

    Raises:
        OptionError: not even two pictures at a time fit.
    """
    parts = parts_that_fit(recipe, build_network(recipe), 4 * faces.images.nbytes, limit_bytes)
    return replace(recipe, schedule=replace(recipe.schedule, accumulate=parts))


def parts_that_fit(recipe: Recipe, network: MultiHead, data_bytes: int, limit_bytes: int) -> int:
    """In how many parts a batch must go through the network so that training stays below ``limit_bytes``.

    An estimate from what torch keeps of two pictures between the forward and the backward pass.

    Args:
        recipe: whose batches they are.
        network: as ``build_network`` makes it.
        data_bytes: memory of the pictures themselves.
        limit_bytes: what the whole process may take.

    Returns:
        The number of parts, at least what the recipe itself asks for.

    Raises:
        OptionError: not even two pictures at a time fit.
    """
    copies = (
        2 + (recipe.optimizer.name != "sgd") + 1 + bool(recipe.schedule.ema)
    )  # weights, gradients, moments, average
    weights = copies * sum(weight.numel() * weight.element_size() for weight in network.parameters())
    fixed = RUNTIME_BYTES + data_bytes + weights
    each = _SCRATCH * kept_bytes(recipe, network) / 2 * (1 + (recipe.semi.ratio if recipe.semi.labels < 1 else 0))
    pictures = int((limit_bytes - fixed) / each)
    if pictures < 2:
        raise OptionError(
            f"the memory limit of {limit_bytes / 1e9:.1f} GB is too small for {recipe.name}: expected at least "
            f"{(fixed + 2 * each) / 1e9:.1f} GB",
            hint="Raise the limit, or choose a recipe with a smaller network or smaller pictures.",
        )
    parts = recipe.schedule.accumulate
    while recipe.schedule.batch // parts > pictures or recipe.schedule.batch % parts:
        parts += 1
    if recipe.schedule.batch // parts < 2:
        raise OptionError(
            f"the memory limit of {limit_bytes / 1e9:.1f} GB: a batch of {recipe.schedule.batch} cannot be divided into "
            f"equal parts of 2 to {pictures} pictures",
            hint="Choose a batch with more divisors, such as --set schedule.batch=32.",
        )
    return parts


def kept_bytes(recipe: Recipe, network: MultiHead) -> int:
    """Bytes that torch keeps for the backward pass of two pictures, weights not counted."""
    own = {weight.data_ptr() for weight in network.parameters()}
    seen: dict[int, int] = {}

    def keep(value: torch.Tensor) -> torch.Tensor:
        if value.data_ptr() not in own:
            seen[value.data_ptr()] = value.numel() * value.element_size()
        return value

    given = recipe.input
    network.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        logits = network(torch.rand(2, given.channels, given.size, given.size))
        torch.stack([functional.softmax(value, 1).pow(2).sum() for value in logits.values()]).sum()
    return sum(seen.values())
