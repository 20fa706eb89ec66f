"""A network of the timm library as a base, and a recipe's own rows on top of it: transfer learning."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from torch import nn

from ...errors import ModelError, RecipeError
from ..recipe import Network
from .layer_spec import LayeredTrunk, Shape

_FETCH_HINT = (
    "Fetch them once on a machine with a network and give the file with --weights FILE, or train the base from scratch with "
    "--weights none."
)


#: What reading a damaged file raises.
_DAMAGED = (
    OSError, EOFError, RuntimeError, ValueError, LookupError, AttributeError, TypeError, pickle.UnpicklingError,
    SafetensorError,
)  # fmt: skip


class BackboneTrunk(nn.Module):
    """RGB image in, one feature vector out. The base starts from random weights; see ``start``.

    Args:
        network: the recipe's table; its rows follow the base's last feature map.
        side: of the images in pixels.

    Attributes:
        features: length of the vector.
        penalties: L2 penalty of each kernel that has one, by the name of the parameter.

    Raises:
        RecipeError: timm has no network of that name, or a row makes no sense.
    """

    base: Any  # timm's networks have methods that torch's base class lacks

    def __init__(self, network: Network, side: int) -> None:
        super().__init__()
        self.base = _bare(network.backbone)
        self.frozen = network.frozen
        self.base.requires_grad_(not network.frozen)
        own = network.base_range == "own"
        config = self.base.pretrained_cfg
        for name in ("mean", "std"):
            values = config[name] if own else ((0.0,) * 3 if name == "mean" else (1.0,) * 3)
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


def start(trunk: BackboneTrunk, network: Network) -> None:
    """Give the base the weights that the recipe starts from.

    Raises:
        ModelError: they cannot be fetched or read, or are another network's.
    """
    if network.weights == "none":
        return
    found = _fetched(network.backbone) if network.weights == "imagenet" else _read(Path(network.weights))
    found = {name.removeprefix("network.trunk.base."): value for name, value in found.items()}
    own = trunk.base.state_dict()
    missing = sorted(name for name in own if name not in found and not name.endswith("num_batches_tracked"))
    try:
        trunk.base.load_state_dict({name: found[name] for name in own if name in found}, strict=False)
    except RuntimeError as error:
        raise ModelError(f"{network.weights}: the weights are not those of {network.backbone}: {error}") from error
    if missing:
        raise ModelError(
            f"{network.weights}: lacks {len(missing)} of the tensors of {network.backbone}, such as {missing[0]}",
            hint=f"Give weights that timm's {network.backbone} can load.",
        )


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
