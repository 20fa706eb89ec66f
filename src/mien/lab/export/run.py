"""Export a trained network: ONNX weights and the card beside them, or nothing."""

from __future__ import annotations

from pathlib import Path

from ...crop.prepare import network_input, resize
from ...errors import OptionError
from ...models.card import InputSpec
from ...sinks.atomic import write_atomically
from ..dataset.faces import FaceSet
from ..evaluate.calibrating import chosen_by
from ..nets.branched import folded
from ..train.checkpoint import find_checkpoint, pictures_of, restore_network
from .carding import describe, model_card
from .parity import check_parity
from .to_onnx import to_onnx


def export_model(
    checkpoint: Path, faces: FaceSet, out: Path, *, name: str = "", licence: str = "MIT", data: str = ""
) -> Path:
    """Write ``NAME.onnx`` and ``NAME.json`` into ``out``.

    Both are written whole or not at all, and only after onnxruntime gave the same logits as torch on real pictures.

    Args:
        checkpoint: a checkpoint, or the folder of a run.
        faces: the data it was trained on; temperatures and scores come from its validation part.
        out: the folder; files of that name are replaced.
        name: of the model; empty takes the recipe's.
        licence: of the weights.
        data: what it was trained on, in words, for the card; empty describes ``faces``.

    Returns:
        The path of the ONNX file.

    Raises:
        ModelError: the checkpoint is missing or damaged, or the exported file does not compute what the network computes.
        DataError: ``faces`` lacks pictures that the run had, has no validation part, or lacks the votes that a head is
            marked against.
        OptionError: ``name`` cannot be a file name.
        OutputError: ``out`` cannot be written to.
    """
    file = find_checkpoint(checkpoint)
    recipe, trained = restore_network(file)
    network = folded(trained)
    name = name or recipe.name
    if Path(name).name != name:
        raise OptionError(
            f"name: got {name!r}, expected a file name without folders", hint="Choose the folder with --out."
        )
    spec = InputSpec(recipe.input.size, recipe.input.mean, recipe.input.std, recipe.input.colour)
    weights = to_onnx(network, spec.size, spec.channels)
    faces = pictures_of(file, recipe, faces)
    pictures = faces.part(chosen_by(faces)).images[:64]
    check_parity(trained, weights, network_input(resize(pictures, spec.size), spec))
    card = model_card(recipe, network, weights, faces, name=name, licence=licence, data=data or describe(faces))
    path = out / card.weights
    write_atomically(path, weights)
    write_atomically(path.with_suffix(".json"), card.to_json().encode())
    return path
