"""Fit training to the machine: memory and precision."""

from __future__ import annotations

import time
import typing
from typing import Literal

import torch
from torch.nn import functional

from ...errors import OptionError
from ..networks.build import MultiHead, build_network
from ..recipe import Recipe, changed

Precision = Literal["32-true", "bf16-mixed"]

#: What torch, Lightning and Python themselves take, measured.
_RUNTIME_BYTES = 600_000_000
#: Gradients of activations and scratch space of the convolutions, relative to the activations kept.
_SCRATCH = 2.0


def fit_to_memory(recipe: Recipe, data_bytes: int, limit_bytes: int) -> Recipe:
    """Divide the batches of a recipe so that training with images of ``data_bytes`` fits into ``limit_bytes``.

    An estimate from what torch keeps of two images between the forward and the backward pass; ``OptionError`` if not even
    these fit. The recipe's ``schedule.accumulate`` is the least number of parts.
    """
    network = build_network(recipe)
    copies = 3 + (recipe.optimizer.name != "sgd") + bool(recipe.schedule.ema)  # weights, gradients, moments, average
    weights = copies * sum(weight.numel() * weight.element_size() for weight in network.parameters())
    fixed = _RUNTIME_BYTES + data_bytes + weights
    each = _SCRATCH * kept_bytes(recipe, network) / 2 * (1 + (recipe.semi.ratio if recipe.semi.labels < 1 else 0))
    images = int((limit_bytes - fixed) / each)
    if images < 2:
        raise OptionError(
            f"the memory limit of {limit_bytes / 1e9:.1f} GB is too small for {recipe.name}: expected at least "
            f"{(fixed + 2 * each) / 1e9:.1f} GB",
            hint="Raise the limit, or choose a recipe with a smaller network or smaller images.",
        )
    batch, parts = recipe.schedule.batch, recipe.schedule.accumulate
    while batch // parts > images or batch % parts:
        parts += 1
    if batch // parts < 2:
        raise OptionError(
            f"the memory limit of {limit_bytes / 1e9:.1f} GB: a batch of {batch} cannot be divided into equal parts of 2 to "
            f"{images} images",
            hint="Choose a batch with more divisors, such as --set schedule.batch=32.",
        )
    return changed(recipe, {"schedule.accumulate": parts})


def kept_bytes(recipe: Recipe, network: MultiHead) -> int:
    """Bytes that torch keeps for the backward pass of two images, weights not counted."""
    own = {weight.data_ptr() for weight in network.parameters()}
    kept: dict[int, int] = {}

    def keep(value: torch.Tensor) -> torch.Tensor:
        if value.data_ptr() not in own:
            kept[value.data_ptr()] = value.numel() * value.element_size()
        return value

    network.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        _stand_in_loss(network(torch.rand(2, recipe.input.channels, recipe.input.size, recipe.input.size)))
    return sum(kept.values())


def chosen_precision(recipe: Recipe) -> Precision:
    """The precision of the recipe, or the faster one if the recipe does not set it."""
    return _asked_precision(recipe) or _fastest_precision(recipe)


def agreed_precision(recipe: Recipe) -> Precision:
    """The precision of several processes, which must not depend on measurements: bfloat16 on GPUs that compute in it."""
    capable = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return _asked_precision(recipe) or ("bf16-mixed" if capable else "32-true")


def _asked_precision(recipe: Recipe) -> Precision | None:
    return next((known for known in typing.get_args(Precision) if known == recipe.schedule.precision), None)


def estimated_seconds(recipe: Recipe, n_train: int, n_validation: int, precision: Precision) -> float:
    """Estimated seconds of an epoch, from a few steps on random images; an image to validate takes a third of a step."""
    with torch.random.fork_rng():  # a run must not depend on whether it was estimated
        return _image_seconds(recipe, enabled=precision == "bf16-mixed") * (n_train + n_validation / 3)


def _fastest_precision(recipe: Recipe) -> Precision:
    """Time a few steps: bfloat16 doubles the speed of processors that compute in it and slows others down."""
    faster = _image_seconds(recipe, enabled=True) < 0.9 * _image_seconds(recipe, enabled=False)
    return "bf16-mixed" if faster else "32-true"


def _image_seconds(recipe: Recipe, *, enabled: bool, steps: int = 3) -> float:
    """Seconds of a training step for each image, with bfloat16 if ``enabled``."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = build_network(recipe).to(device).to(memory_format=torch.channels_last)
    side, part = recipe.input.size, recipe.schedule.batch // recipe.schedule.accumulate
    count = max(2, min(64, part, 64 * 48 * 48 // side**2))  # of large images, fewer tell as much
    images = torch.rand(count, recipe.input.channels, side, side, device=device)
    started = 0.0
    for step in range(steps + 1):
        if step == 1:  # the first step warms up
            started = time.perf_counter()
        with torch.autocast(device, torch.bfloat16, enabled=enabled):
            logits = network(images)
        loss = _stand_in_loss(logits)
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        loss.item()  # waits for a GPU to finish
    return (time.perf_counter() - started) / steps / count


def _stand_in_loss(logits: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.stack([functional.softmax(value.float(), 1).pow(2).sum() for value in logits.values()]).sum()
