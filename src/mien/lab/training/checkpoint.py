"""Write and read checkpoints and the files of a run."""

from __future__ import annotations

import io
import pickle
import typing
import zipfile
from pathlib import Path
from typing import Any

import onnx
import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from onnx import numpy_helper
from torch import nn

from ...data.dataset import Dataset
from ...data.manifest import apply_manifest, read_manifest
from ...errors import ModelError
from ...io.atomic import replacing
from ...model.card import ORIGINAL, ModelCard, load_model, shipped_models
from ..networks.build import MultiHead, build_network
from ..recipe import Recipe, recipe_from_dict
from ..sampling import subset
from .hardware import Precision


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints atomically: a full disk leaves the previous one intact."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Save ``checkpoint``, or raise an ``OutputError``."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        with replacing(Path(path)) as file:
            file.write(content.getbuffer())


def load_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The recipe (as plain values) and the network's weights, averaged if the run did; nothing in the file is executed.

    ``ModelError`` if the file is missing, damaged, or no checkpoint of mien's.
    """
    prefix = "network."
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        recipe, state = content["recipe"], content["state_dict"]
        weights = {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
    except FileNotFoundError as error:
        raise ModelError(f"no checkpoint at {path}", hint="Train one with 'mien lab train'.") from error
    except (
        OSError, EOFError, RuntimeError, KeyError, TypeError, AttributeError, ValueError, pickle.UnpicklingError,
        zipfile.BadZipFile,
    ) as error:  # fmt: skip
        message = f"{path} is not a checkpoint of 'mien lab train' ({type(error).__name__})"
        raise ModelError(message, hint="Give last.ckpt or best.ckpt of a run.") from error
    return recipe, weights


def restore_network(path: Path) -> tuple[Recipe, MultiHead]:
    """The recipe and the trained network, in evaluation mode, of a checkpoint; ``ModelError`` if it is damaged."""
    values, weights = load_checkpoint(path)
    recipe = recipe_from_dict(values)
    network = build_network(recipe)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(f"{path}: the weights do not fit the recipe in the file: {error}") from error
    return recipe, network.eval()


def find_checkpoint(run: Path) -> Path:
    """The checkpoint that a run's recipe keeps, or the file itself; ``ModelError`` if the folder holds no run."""
    if not run.is_dir():
        return run
    last = run / "last.ckpt"
    if not last.is_file():
        raise ModelError(
            f"{run} holds no run: it has no last.ckpt", hint="Give the folder that 'mien lab train' wrote."
        )
    values, _ = load_checkpoint(last)
    return run / f"{recipe_from_dict(values).schedule.keep}.ckpt"


def images_of(checkpoint: Path, recipe: Recipe, faces: Dataset) -> Dataset:
    """The images of ``faces`` that a run had, in the parts in which it had them; ``DataError`` if some are missing.

    They are listed in ``images.csv`` beside the checkpoint; without it, the recipe draws them again.
    """
    listed = checkpoint.parent / "images.csv"
    return apply_manifest(faces, read_manifest(listed)) if listed.is_file() else subset(faces, recipe)


def used_precision(path: Path) -> Precision | None:
    """The precision that a run computes in, as Lightning spells it; None if the checkpoint does not say."""
    found = torch.load(path, map_location="cpu", weights_only=True, mmap=True).get("precision")
    return next((known for known in typing.get_args(Precision) if known == found), None)


def cost_of(checkpoint: Path) -> dict[str, Any]:
    """Cost of the whole run, as in a model's card (``ModelCard.training``); empty if it was not recorded.

    The best epoch's checkpoint knows the cost up to itself only, so ``last.ckpt`` is asked where it lies beside it.
    """
    last = checkpoint.with_name("last.ckpt")
    content = torch.load(last if last.is_file() else checkpoint, map_location="cpu", weights_only=True, mmap=True)
    return dict(content.get("callbacks", {}).get("History", {}).get("cost", {}))


def open_base(model: str | Path) -> tuple[ModelCard, bytes]:
    """The card and weights of a float32 model whose network a recipe describes."""
    original = f"{model}{ORIGINAL}"
    card, weights = load_model(original if original in shipped_models() else model)
    if card.precision != "float32" or card.recipe.get("network", {}).get("name") != "vgg":
        message = f"{model} cannot be trained further: expected a float32 model of a network 'vgg' with its recipe"
        raise ModelError(message, hint="Give default or tiny, or export your run with --to onnx.", value=str(model))
    return card, weights


def load_folded(network: MultiHead, weights: bytes) -> None:
    """Give a network without batch norm the weights of an ONNX file: convolutions in their order, heads by name."""
    graph = onnx.load_from_string(weights).graph
    values = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
    layers = [module for module in network.trunk.modules() if isinstance(module, nn.Conv2d)]
    nodes = [node for node in graph.node if node.op_type == "Conv"]
    if len(layers) != len(nodes):
        raise ModelError(f"the weights have {len(nodes)} convolutions, expected {len(layers)}")
    with torch.no_grad():
        for layer, node in zip(layers, nodes):
            layer.weight.copy_(values[node.input[1]])
            if layer.bias is not None:
                layer.bias.copy_(values[node.input[2]])
        for head, linear in network.heads.items():
            for part in ("weight", "bias"):
                getattr(linear, part).copy_(values[f"heads.{head}.{part}"])
