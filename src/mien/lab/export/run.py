"""Export a trained network: weights in each format asked for, each with its card, or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...data.dataset import Dataset
from ...model.card import InputSpec, ModelCard
from ...model.preprocess import resize, to_tensor
from ..evaluate.temperature import chosen_by
from ..networks.heads import MultiHead
from ..networks.reparameterized import folded
from ..training.checkpoint import cost_of, find_checkpoint, images_of, restore_network
from .int8 import to_int8
from .naming import checked_name, describe, model_card, write_pair
from .onnx import check_difference, check_parity, largest_difference, to_onnx
from .program import run_program, to_program

#: ``onnx``: float32. ``onnx-int8``: quantized. ``pt2``: a program of torch's.
FORMATS = ("onnx", "onnx-int8", "pt2")


def export_model(
    checkpoint: Path, faces: Dataset, out: Path, *, name: str = "", license: str = "MIT", data: str = ""
) -> Path:
    """``export_formats`` for ONNX in float32 alone: writes ``NAME.onnx`` and ``NAME.json``, and gives the former's path."""
    return export_formats(checkpoint, faces, out, name=name, license=license, data=data)[0]


def export_formats(
    checkpoint: Path,
    faces: Dataset,
    out: Path,
    *,
    formats: Sequence[str] = ("onnx",),
    name: str = "",
    license: str = "MIT",
    data: str = "",
) -> list[Path]:
    """Write weights and cards into ``out``: NAME.onnx and NAME.json, NAME-int8.onnx and .json, NAME.pt2 and .pt2.json.

    Each file is written whole or not at all, and the first only after all formats were checked on real images: those in
    float32 give the same logits as torch, int8 is as often right (``to_int8``).

    Args:
        checkpoint: a checkpoint, or the folder of a run.
        faces: the data it was trained on; temperatures and scores come from its validation part.
        out: the folder; files of that name are replaced.
        formats: of ``FORMATS``.
        name: of the model; empty takes the recipe's.
        license: of the weights.
        data: what it was trained on, in words, for the card; empty describes ``faces``.

    Returns:
        The paths of the weights, in the order of ``formats``.

    Raises:
        ModelError: the checkpoint is missing or damaged, or an exported file does not compute what the network computes.
        DataError: ``faces`` lacks images that the run had, has no validation part, or lacks the votes that a head is
            marked against.
        OptionError: ``name`` cannot be a file name.
        OutputError: ``out`` cannot be written to.
    """
    file = find_checkpoint(checkpoint)
    recipe, trained = restore_network(file)
    network = folded(trained)
    name = checked_name(name or recipe.name)
    spec = InputSpec(recipe.input.size, recipe.input.mean, recipe.input.std, recipe.input.color)
    weights = to_onnx(network, spec.size, spec.channels)
    faces = images_of(file, recipe, faces)
    pictures = to_tensor(resize(faces.part(chosen_by(faces)).images[:64], spec.size), spec)
    check_parity(trained, weights, pictures)
    words = data or describe(faces)
    card = model_card(recipe, network, weights, faces, name=name, license=license, data=words, training=cost_of(file))
    made = []
    for wanted in formats:
        if wanted == "onnx-int8":
            made.append(to_int8(card, weights, faces))
        elif wanted == "pt2":
            made.append(_program(card, trained, network, pictures))
        else:
            made.append((card, weights))
    return [write_pair(out, *pair) for pair in made]


def _program(
    card: ModelCard, trained: MultiHead, network: MultiHead, pictures: npt.NDArray[np.float32]
) -> tuple[ModelCard, bytes]:
    content = to_program(network, card.input.size, card.input.channels)
    check_difference(largest_difference(trained, run_program(content, pictures), pictures))
    return replace(card, weights=f"{card.name}.pt2", sha256=hashlib.sha256(content).hexdigest()), content
