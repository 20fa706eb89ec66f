"""bfloat16 or float32: whichever trains faster on this machine."""

from __future__ import annotations

import time
import typing
from typing import Literal

import torch
from torch.nn import functional

from ..nets.choosing import build_network
from ..recipe import Recipe

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
    count = max(2, min(64, part, 64 * 48 * 48 // side**2))  # large pictures: fewer of them tell as much
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
