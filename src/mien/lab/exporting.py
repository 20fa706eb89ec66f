"""Export a model: weights in each requested format, each with its card. int8 copies of exported models need no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..data.dataset import TRAIN, Dataset
from ..data.loading import load
from ..errors import ModelError, OptionError
from ..extras import require
from ..io.atomic import write_atomically
from ..model.card import ORIGINAL, InputSpec, ModelCard, load_model, shipped_models
from ..model.preprocess import resize, to_tensor
from .calibration import chosen_by, scored_card
from .quantization import to_int8
from .recipe import recipe_from_dict
from .sampling import subset

#: ``onnx``: float32. ``onnx-int8``: quantized. ``pt2``: an ``ExportedProgram`` of torch.
FORMATS = ("onnx", "onnx-int8", "pt2")
_FER2013_TRAINING = 28_709  # images, Goodfellow et al. 2013


def export(
    model: str | Path,
    data: str | Path | Dataset,
    out: str | Path,
    *,
    formats: Sequence[str] = ("onnx",),
    name: str = "",
    license: str = "not stated",
    trained_on: str = "",
) -> list[Path]:
    """Write weights and cards into ``out``: NAME.onnx and NAME.json, NAME-int8.onnx and .json, NAME.pt2 and .pt2.json.

    Nothing is written before all formats were checked on images of the data: float32 formats give the logits of torch,
    int8 is as accurate (``to_int8``). The int8 copy of ``NAME-float32`` is called ``NAME``.

    Args:
        model: a checkpoint or the folder of a run; for ``onnx-int8`` alone also an exported float32 model, which needs no
            torch: an ONNX file, or the name of a model that comes with mien.
        data: the data the model was trained on, as in ``mien.data.load``, or a loaded data set. Temperatures and scores
            come from its validation part.
        out: the folder; files of the same name are replaced.
        formats: of ``FORMATS``.
        name: of the model; empty takes the recipe's or the card's.
        license: of the weights.
        trained_on: the training data in words, for the card; empty describes ``data``.

    Returns:
        The paths of the weights, in the order of ``formats``.

    Raises:
        ModelError: the model is missing or damaged, an exported file does not compute what the network computes, or int8
            is not possible or less accurate.
        DataError: ``data`` lacks images that the run had, a validation part, or the votes that a head is compared with.
        OptionError: a format is unknown or not possible for an exported model, or ``name`` is not a file name.
        OutputError: ``out`` cannot be written to.

    Example:
        >>> from mien import lab
        >>> lab.export("runs/mine", "fer2013.csv", "models", formats=["onnx", "onnx-int8"])  # doctest: +SKIP
    """
    wanted = tuple(dict.fromkeys(formats))
    input_of(model, wanted)
    if name and Path(name).name != name:
        raise OptionError(f"name: got {name!r}, expected a file name without folders", hint="Use --out for the folder.")
    if is_exported(model):
        made = [_int8_of_exported(model, data, name)]
    else:
        made = _from_checkpoint(Path(model), data, wanted, name, license, trained_on)
    for card, weights in made:
        write_atomically(Path(out) / card.weights, weights)
        write_atomically(card_path(Path(out) / card.weights), card.to_json().encode())
    return [Path(out) / card.weights for card, _ in made]


def input_of(model: str | Path, formats: Sequence[str] = ("onnx",)) -> InputSpec:
    """How the network takes its images; checks that the model can be exported to the formats.

    Raises:
        ModelError: the model is missing or damaged.
        OptionError: a format is unknown, or not possible for an exported model.
    """
    if not formats or set(formats) - set(FORMATS):
        raise OptionError(f"formats: got {', '.join(formats) or 'none'}, expected some of {', '.join(FORMATS)}")
    if not is_exported(model):
        require("torch", "lab")
        from .training.checkpoint import find_checkpoint, restore_network  # noqa: PLC0415  # needs torch

        given = restore_network(find_checkpoint(Path(model)))[0].input
        return InputSpec(given.size, given.mean, given.std, given.color)
    if tuple(formats) != ("onnx-int8",):
        raise OptionError(
            f"formats: got {', '.join(formats)} for {model}, which is exported already; expected onnx-int8",
            hint="Give --to onnx-int8 alone, or start from the checkpoint.",
        )
    return load_model(model)[0].input


def is_exported(model: str | Path) -> bool:
    """Whether ``model`` is an ONNX file or the name of a model that comes with mien, and no checkpoint or run."""
    path = Path(model)
    return path.suffix.lower() == ".onnx" or (str(model) in shipped_models() and not path.is_dir())


def card_path(weights: Path) -> Path:
    """The card of a weights file: ``a.json`` beside ``a.onnx``; other formats keep their ending, ``a.pt2.json``."""
    return weights.with_suffix(".json") if weights.suffix == ".onnx" else weights.with_name(f"{weights.name}.json")


def int8_name(name: str) -> str:
    """The name of the int8 copy of a model: ``default`` for ``default-float32``, ``mine-int8`` for ``mine``."""
    plain = name.removesuffix(ORIGINAL)
    return plain if plain not in ("", name) else f"{name}-int8"


def describe(faces: Dataset) -> str:
    """The training data in words, for the card."""
    n = int((faces.split == TRAIN).sum())
    if faces.votes is not None and n == _FER2013_TRAINING:
        return (
            "FER2013, Training part (Goodfellow et al. 2013), with the annotators' votes of FER+ (Barsoum et al. 2016): "
            "28,709 gray images of 48 x 48 pixels, found by a web search"
        )
    truth = "one label each" if faces.votes is None else "labels and annotators' votes"
    return f"{faces.name}: {n:,} training images with {truth}"


def _int8_of_exported(model: str | Path, data: str | Path | Dataset, name: str) -> tuple[ModelCard, bytes]:
    card, weights = load_model(model)
    if card.precision != "float32":
        raise ModelError(f"{model}: got weights in {card.precision}, expected float32", hint="Start from the original.")
    faces = _loaded(data, card.input)
    seen = subset(faces, recipe_from_dict(card.recipe)) if card.recipe else faces
    return to_int8(card, weights, seen, int8_name(name or card.name))


def _from_checkpoint(
    model: Path, data: str | Path | Dataset, formats: Sequence[str], name: str, license: str, trained_on: str
) -> list[tuple[ModelCard, bytes]]:
    require("torch", "lab")
    from . import torch_export  # noqa: PLC0415  # needs torch
    from .networks.vgg import folded  # noqa: PLC0415
    from .training.checkpoint import cost_of, find_checkpoint, images_of, restore_network  # noqa: PLC0415

    file = find_checkpoint(model)
    recipe, trained = restore_network(file)
    network, made = folded(trained), []
    spec = InputSpec(recipe.input.size, recipe.input.mean, recipe.input.std, recipe.input.color)
    weights = torch_export.to_onnx(network, spec.size, spec.channels)
    faces = images_of(file, recipe, _loaded(data, spec))
    images = to_tensor(resize(faces.part(chosen_by(faces)).images[:64], spec.size), spec)
    torch_export.check_parity(trained, torch_export.run_onnx(network, weights, images), images)
    card = torch_export.describe_weights(recipe, network, weights, name or recipe.name)
    card = replace(card, license=license, data=trained_on or describe(faces), training=cost_of(file))
    card = scored_card(card, weights, faces)
    for wanted in formats:
        if wanted == "onnx-int8":
            made.append(to_int8(card, weights, faces, int8_name(card.name)))
        elif wanted == "pt2":
            content = torch_export.to_program(network, spec.size, spec.channels)
            torch_export.check_parity(trained, torch_export.run_program(content, images), images)
            sha256 = hashlib.sha256(content).hexdigest()
            made.append((replace(card, weights=f"{card.name}.pt2", sha256=sha256), content))
        else:
            made.append((card, weights))
    return made


def _loaded(data: str | Path | Dataset, spec: InputSpec) -> Dataset:
    return data if isinstance(data, Dataset) else load(data, spec.size, color=spec.color)
