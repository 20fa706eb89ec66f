"""Fit training to the machine: memory and precision."""

from __future__ import annotations

import time
import typing
from typing import Literal

import torch
from torch.nn import functional

from ...data.dataset import Dataset
from ...errors import OptionError
from ..networks.build import MultiHead, build_network
from ..recipe import Recipe, changed

#: What torch, Lightning and Python themselves take, measured: 0.6 GB.
RUNTIME_BYTES = 600_000_000
#: Gradients of activations and scratch space of the convolutions, in comparison with the activations kept.
_SCRATCH = 2.0


def fit_to_memory(recipe: Recipe, faces: Dataset, limit_bytes: int) -> Recipe:
    """The recipe, its batches divided into so many parts that training stays below ``limit_bytes``.

    Raises:
        OptionError: not even two images at a time fit.
    """
    parts = parts_that_fit(recipe, build_network(recipe), 4 * faces.images.nbytes, limit_bytes)
    return changed(recipe, {"schedule.accumulate": parts})


def parts_that_fit(recipe: Recipe, network: MultiHead, data_bytes: int, limit_bytes: int) -> int:
    """In how many parts a batch must go through the network so that training stays below ``limit_bytes``.

    An estimate from what torch keeps of two images between the forward and the backward pass.

    Args:
        recipe: whose batches they are.
        network: as ``build_network`` makes it.
        data_bytes: memory of the images themselves.
        limit_bytes: what the whole process may take.

    Returns:
        The number of parts, at least what the recipe itself asks for.

    Raises:
        OptionError: not even two images at a time fit.
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
            hint="Raise the limit, or choose a recipe with a smaller network or smaller images.",
        )
    parts = recipe.schedule.accumulate
    while recipe.schedule.batch // parts > pictures or recipe.schedule.batch % parts:
        parts += 1
    if recipe.schedule.batch // parts < 2:
        raise OptionError(
            f"the memory limit of {limit_bytes / 1e9:.1f} GB: a batch of {recipe.schedule.batch} cannot be divided into "
            f"equal parts of 2 to {pictures} images",
            hint="Choose a batch with more divisors, such as --set schedule.batch=32.",
        )
    return parts


def kept_bytes(recipe: Recipe, network: MultiHead) -> int:
    """Bytes that torch keeps for the backward pass of two images, weights not counted."""
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


Precision = Literal["32-true", "bf16-mixed"]


def chosen_precision(recipe: Recipe) -> Precision:
    """What the recipe asks for, or the faster where it leaves the choice."""
    asked = next((known for known in typing.get_args(Precision) if known == recipe.schedule.precision), None)
    return asked or fastest_precision(recipe)


def fastest_precision(recipe: Recipe, steps: int = 3) -> Precision:
    """Time a few training steps each way and name the faster, as Lightning's ``precision`` spells it.

    bfloat16 doubles the speed of processors that compute in it (avx512_bf16, amx_bf16, recent GPUs) and slows others
    down, so trying is the only safe rule.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = build_network(recipe).to(device).to(memory_format=torch.channels_last)
    side, channels = recipe.input.size, recipe.input.channels
    part = recipe.schedule.batch // recipe.schedule.accumulate
    count = max(2, min(64, part, 64 * 48 * 48 // side**2))  # large images: fewer of them tell as much
    pictures = torch.rand(count, channels, side, side, device=device)

    def seconds(enabled: bool) -> float:
        started = 0.0
        for step in range(steps + 1):
            if step == 1:  # the first step warms up
                started = time.perf_counter()
            with torch.autocast(device, torch.bfloat16, enabled=enabled):
                logits = network(pictures)
            loss = torch.stack([functional.softmax(value.float(), 1).pow(2).sum() for value in logits.values()]).sum()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            loss.item()  # waits for a GPU to finish
        return time.perf_counter() - started

    return "bf16-mixed" if seconds(True) < 0.9 * seconds(False) else "32-true"
