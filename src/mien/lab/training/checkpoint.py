"""Write and read checkpoints and the files of a run."""

from __future__ import annotations

import io
import pickle
import typing
import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from ...data.dataset import Dataset
from ...data.manifest import apply_manifest, read_manifest
from ...errors import ModelError
from ...io.atomic import replacing
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
