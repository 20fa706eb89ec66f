"""Write the card of an exported model: how to feed it, how sure it may be, and how good it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from ...models.card import InputSpec, ModelCard
from ..dataset.faces import TRAIN, VALIDATION, FaceSet
from ..evaluate.calibrating import calibrated, chosen_by
from ..evaluate.predict import classifier_of_network, classifier_of_onnx
from ..evaluate.protocol import evaluate
from ..nets.heads import MultiHead
from ..recipe import Recipe

_FER2013_TRAINING = 28_709  # pictures, Goodfellow et al. 2013


def model_card(
    recipe: Recipe,
    network: MultiHead,
    weights: bytes,
    faces: FaceSet,
    *,
    name: str,
    licence: str,
    data: str,
    training: Mapping[str, Any] | None = None,
) -> ModelCard:
    """The whole card: temperatures and scores come from the part that the recipe chooses by: ``inner`` or ``validation``.

    The temperatures (one or two numbers a head) are fitted to the very pictures that the calibration scores are then
    measured on, but for copies of training pictures, which are left out of the fit.

    Args:
        recipe: how the network was trained.
        network: in evaluation mode, on the CPU.
        weights: content of the ONNX file.
        faces: the data it was trained on, with ``train`` and ``validation`` parts.
        name: of the model; the weights are called ``NAME.onnx``.
        licence: of the weights.
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
        licence=licence,
        data=data,
        input=classifier.input,
        heads=classifier.heads,
        parameters=classifier.parameters,
        macs=count_macs(network, classifier.input),
        recipe=asdict(recipe),
        training=dict(training or {}),
    )
    judged_by = VALIDATION if (faces.split == VALIDATION).any() else fitted_on
    return replace(card, scores=evaluate(classifier_of_onnx(weights, card), faces, judged_by).summary())


def count_macs(network: MultiHead, spec: InputSpec) -> int:
    """Multiply-adds of one picture: those of convolutions and matrix products, as is usual."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, spec.channels, spec.size, spec.size))
    return int(counter.get_total_flops()) // 2


def describe(faces: FaceSet) -> str:
    """What a model trained on ``faces`` was trained on, in words, unless its maker knows better."""
    n = int((faces.split == TRAIN).sum())
    if faces.votes is not None and n == _FER2013_TRAINING:
        return (
            "FER2013, Training part (Goodfellow et al. 2013), with the annotators' votes of FER+ (Barsoum et al. 2016): "
            "28,709 gray pictures of 48 x 48 pixels, found by a web search"
        )
    truth = "one label each" if faces.votes is None else "labels and annotators' votes"
    return f"{faces.name}: {n:,} training pictures with {truth}"
