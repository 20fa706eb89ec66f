"""From a recipe to a network: a trunk (VGG-style, rows of layers, or a base of timm) and a classifier per head."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from torch import nn

from ...emotions import label_set
from ...errors import ModelError, RecipeError
from ..recipe import Head, Network, Recipe
from .layer_spec import LayeredTrunk, Shape
from .vgg import ImageNorm, PlainTrunk

_FETCH_HINT = (
    "Fetch them once on a machine with a network and give the file with --weights FILE, or train the base from scratch with "
    "--weights none."
)
#: What reading a damaged file raises.
_DAMAGED = (
    OSError, EOFError, RuntimeError, ValueError, LookupError, AttributeError, TypeError, pickle.UnpicklingError,
    SafetensorError,
)  # fmt: skip


class MultiHead(nn.Module):
    """A shared trunk with named heads, one linear classifier each, in the order of the outputs.

    The trunk has an attribute ``features``, the length of its output vector; ``dropout`` is the share of features dropped
    before the heads while training. A ``RecipeError`` says that torch reserves the name of a head.
    """

    def __init__(self, trunk: nn.Module, heads: Mapping[str, Head], dropout: float) -> None:
        super().__init__()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        features: int = trunk.features  # type: ignore[assignment]  # torch types attributes as tensors or modules
        taken = [name for name in heads if hasattr(nn.ModuleDict, name)]
        if taken:
            raise RecipeError(field=f"heads.{taken[0]}", value=taken[0], expected="a name that torch does not reserve")
        self.heads = nn.ModuleDict(
            {
                name: SigmoidUnit(features)
                if head.output == "sigmoid"
                else nn.Linear(features, len(label_set(head.emotions)))
                for name, head in heads.items()
            }
        )

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


def build_network(recipe: Recipe) -> MultiHead:
    """The network that ``recipe`` asks for, with random weights; ``RecipeError`` for unknown networks or layers."""
    network, given = recipe.network, recipe.input
    trunk: nn.Module
    if network.name == "layers":
        trunk = LayeredTrunk(network.layers, Shape(given.channels, given.size))
    elif network.name == "timm":
        trunk = BackboneTrunk(network, given.size)
    else:
        trunk = PlainTrunk(
            network.widths, network.depths, given.channels,
            reparameterize=network.reparameterize, batch_norm=network.batch_norm,
        )  # fmt: skip
        trunk = ImageNorm(trunk) if network.instance_norm else trunk
    return MultiHead(trunk, recipe.heads, network.dropout)


def start_network(recipe: Recipe) -> MultiHead:
    """The network that ``recipe`` asks for, its base with the weights it names; ``ModelError`` if they cannot be read."""
    network = build_network(recipe)
    if isinstance(network.trunk, BackboneTrunk) and recipe.network.weights != "none":
        _start(network.trunk, recipe.network)
    return network


class BackboneTrunk(nn.Module):
    """A base of timm, randomly initialized (see ``start_network``), and the recipe's rows on its last feature map.

    ``features`` and ``penalties`` are as in ``LayeredTrunk``; images are RGB with ``side`` pixels.
    """

    base: Any  # timm's networks have methods that torch's base class lacks

    def __init__(self, network: Network, side: int) -> None:
        super().__init__()
        self.base = _bare(network.backbone)
        self.frozen = network.frozen
        self.base.requires_grad_(not network.frozen)
        for name, zero_one in (("mean", (0.0,) * 3), ("std", (1.0,) * 3)):
            values = self.base.pretrained_cfg[name] if network.base_range == "own" else zero_one
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        with torch.no_grad():
            _, channels, height, _ = self.base.eval().forward_features(torch.zeros(1, 3, side, side)).shape
        self.base.train(not network.frozen)
        self.rows = LayeredTrunk(network.layers, Shape(channels, height))
        self.features = self.rows.features
        self.penalties = {f"rows.{name}": value for name, value in self.rows.penalties.items()}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Float (N, 3, S, S), 0-1 -> float (N, features)."""
        scaled = (images - self.get_buffer("mean")) / self.get_buffer("std")
        return torch.as_tensor(self.rows(self.base.forward_features(scaled)))

    def train(self, mode: bool = True) -> BackboneTrunk:
        """As in torch, but a frozen base stays as it is: its batch norms keep their statistics."""
        super().train(mode)
        if self.frozen:
            self.base.eval()
        return self


def _start(trunk: BackboneTrunk, network: Network) -> None:
    """Give the base the weights that the recipe starts from."""
    found = _fetched(network.backbone) if network.weights == "imagenet" else _read(Path(network.weights))
    found = {name.removeprefix("network.trunk.base."): value for name, value in found.items()}
    own = trunk.base.state_dict()
    missing = sorted(name for name in own if name not in found and not name.endswith("num_batches_tracked"))
    try:
        trunk.base.load_state_dict({name: found[name] for name in own if name in found}, strict=False)
    except RuntimeError as error:
        raise ModelError(f"{network.weights}: the weights are not those of {network.backbone}: {error}") from error
    if missing:
        message = f"{network.weights}: lacks {len(missing)} of the tensors of {network.backbone}, such as {missing[0]}"
        raise ModelError(message, hint=f"Give weights that timm's {network.backbone} can load.")


def _bare(name: str) -> Any:
    if name not in timm.list_models():
        near = ", ".join(timm.list_models(f"*{name.lower()}*")[:5])
        hint = f"Did you mean one of {near}?" if near else "timm.list_models() lists them all."
        raise RecipeError(field="network.backbone", value=name, expected="the name of a timm network", hint=hint)
    base = timm.create_model(name, pretrained=False, num_classes=0, global_pool="")
    if hasattr(base, "pre_logits"):  # VGG's dense layers stay although no classifier is asked for
        base.pre_logits = nn.Identity()
    return base


def _fetched(backbone: str) -> dict[str, torch.Tensor]:
    try:
        return dict(timm.create_model(backbone, pretrained=True).state_dict())
    except (OSError, RuntimeError, ValueError) as error:
        why = str(error).strip().partition("\n")[0][:200]
        raise ModelError(f"the ImageNet weights of {backbone} cannot be fetched: {why}", hint=_FETCH_HINT) from error


def _read(path: Path) -> dict[str, torch.Tensor]:
    hint = "Give a .safetensors, .pth or .ckpt file."
    try:
        return dict(timm.models.load_state_dict(str(path), use_ema=False, device="cpu", weights_only=True))
    except FileNotFoundError as error:
        raise ModelError(f"no weights at {path}", hint=hint) from error
    except _DAMAGED as error:
        raise ModelError(f"{path}: cannot be read as weights ({type(error).__name__})", hint=hint) from error
