"""What an exported model's files are called, and how they are written: weights and card together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from ...data.dataset import TRAIN, VALIDATION, Dataset
from ...errors import OptionError
from ...io.atomic import write_atomically
from ...model.card import ORIGINAL, InputSpec, ModelCard
from ..evaluate.predict import classifier_of_network, classifier_of_onnx
from ..evaluate.protocol import evaluate
from ..evaluate.temperature import calibrated, chosen_by
from ..networks.heads import MultiHead
from ..recipe import Recipe


def checked_name(name: str) -> str:
    """``name``, which must be fit to be a file's.

    Raises:
        OptionError: it has folders in it, or is empty.
    """
    if not name or Path(name).name != name:
        raise OptionError(
            f"name: got {name!r}, expected a file name without folders", hint="Choose the folder with --out."
        )
    return name


def int8_name(name: str) -> str:
    """What the int8 copy of a model is called: ``default`` that of ``default-float32``, ``mine-int8`` that of ``mine``."""
    plain = name.removesuffix(ORIGINAL)
    return plain if plain not in ("", name) else f"{name}-int8"


def card_path(weights: Path) -> Path:
    """Where the card of a weights file lies: ``a.onnx`` has ``a.json``; any other kind keeps its ending, ``a.pt2.json``."""
    return weights.with_suffix(".json") if weights.suffix == ".onnx" else weights.with_name(f"{weights.name}.json")


def write_pair(out: Path, card: ModelCard, weights: bytes) -> Path:
    """Write weights and card into ``out``, each whole or not at all.

    Returns:
        The path of the weights.

    Raises:
        OutputError: ``out`` cannot be written to.
    """
    path = out / card.weights
    write_atomically(path, weights)
    write_atomically(card_path(path), card.to_json().encode())
    return path


_FER2013_TRAINING = 28_709  # images, Goodfellow et al. 2013


def model_card(
    recipe: Recipe,
    network: MultiHead,
    weights: bytes,
    faces: Dataset,
    *,
    name: str,
    license: str,
    data: str,
    training: Mapping[str, Any] | None = None,
) -> ModelCard:
    """The whole card: temperatures and scores come from the part that the recipe chooses by: ``inner`` or ``validation``.

    The temperatures (one or two numbers a head) are fitted to the very images that the calibration scores are then
    measured on, but for copies of training images, which are left out of the fit.

    Args:
        recipe: how the network was trained.
        network: in evaluation mode, on the CPU.
        weights: content of the ONNX file.
        faces: the data it was trained on, with ``train`` and ``validation`` parts.
        name: of the model; the weights are called ``NAME.onnx``.
        license: of the weights.
        data: what it was trained on, in words.
        training: what that cost, where it is known.

    Raises:
        DataError: there is no validation part, or nothing in it marks a head.
    """
    fitted_on = chosen_by(faces)
    classifier = calibrated(classifier_of_network(recipe, network), faces, fitted_on)
    card = ModelCard(
        name=name,
        weights=f"{name}.onnx",
        sha256=hashlib.sha256(weights).hexdigest(),
        license=license,
        data=data,
        input=classifier.input,
        heads=classifier.heads,
        parameters=classifier.parameters,
        macs=count_macs(network, classifier.input),
        recipe=recipe.model_dump(),
        training=dict(training or {}),
    )
    judged_by = VALIDATION if (faces.split == VALIDATION).any() else fitted_on
    return replace(card, scores=evaluate(classifier_of_onnx(weights, card), faces, judged_by).summary())


def count_macs(network: MultiHead, spec: InputSpec) -> int:
    """Multiply-adds of one image: those of convolutions and matrix products, as is usual."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, spec.channels, spec.size, spec.size))
    return int(counter.get_total_flops()) // 2


def describe(faces: Dataset) -> str:
    """What a model trained on ``faces`` was trained on, in words, unless its maker knows better."""
    n = int((faces.split == TRAIN).sum())
    if faces.votes is not None and n == _FER2013_TRAINING:
        return (
            "FER2013, Training part (Goodfellow et al. 2013), with the annotators' votes of FER+ (Barsoum et al. 2016): "
            "28,709 gray images of 48 x 48 pixels, found by a web search"
        )
    truth = "one label each" if faces.votes is None else "labels and annotators' votes"
    return f"{faces.name}: {n:,} training images with {truth}"
