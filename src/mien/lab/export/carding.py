"""Write the card of an exported model: how to feed it, how sure it may be, and how good it is."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.flop_counter import FlopCounterMode

from ...models.card import InputSpec, ModelCard
from ..dataset.faces import INNER, TRAIN, VALIDATION, FaceSet, copies_of_training
from ..dataset.targets import hard_targets
from ..evaluate.calibration import fit_temperature, fit_vote_temperature
from ..evaluate.predict import Classifier, classifier_of_network, classifier_of_onnx, predict
from ..evaluate.protocol import Evaluation, evaluate, vote_truth
from ..nets.heads import MultiHead
from ..recipe import Recipe

_FER2013_TRAINING = 28_709  # pictures, Goodfellow et al. 2013


def model_card(
    recipe: Recipe, network: MultiHead, weights: bytes, faces: FaceSet, *, name: str, licence: str, data: str
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

    Raises:
        DataError: there is no validation part, or nothing in it marks a head.
    """
    chosen_by = INNER if recipe.data.inner else VALIDATION
    classifier = calibrated(classifier_of_network(recipe, network), faces, chosen_by)
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
    )
    judged_by = VALIDATION if (faces.split == VALIDATION).any() else chosen_by
    return replace(card, scores=summary(evaluate(classifier_of_onnx(weights, card), faces, judged_by)))


def calibrated(classifier: Classifier, faces: FaceSet, split: str = VALIDATION) -> Classifier:
    """The classifier with temperatures fitted on one part of the data, read with mirror images.

    Copies of training pictures are left out, unless nothing else is left; a temperature that nothing in the part can be
    fitted to stays as it is.

    Raises:
        DataError: there is no such part, or it lacks the votes that a head is marked against.
    """
    part = faces.part(split)
    fresh = ~copies_of_training(faces, split)
    logits = predict(classifier, part.images, flip=True)
    heads = {}
    for name, head in classifier.heads.items():
        mark = classifier.marks[name]
        answers, votes = hard_targets(part, mark), vote_truth(part, mark, head)
        temperature, vote_temperature = head.temperature, head.vote_temperature
        rows = _preferred(answers >= 0, fresh)
        if rows.any():
            temperature = fit_temperature(logits[name][rows], answers[rows])
        rows = _preferred(votes.distribution.sum(1) > 0, fresh) if votes else np.zeros(len(part), bool)
        if votes and rows.any():
            vote_temperature = fit_vote_temperature(logits[name][rows], votes.distribution[rows])
        heads[name] = replace(head, temperature=temperature, vote_temperature=vote_temperature)
    return replace(classifier, heads=heads)


def _preferred(usable: npt.NDArray[np.bool_], fresh: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Those of the usable rows that are fresh, or all usable ones where none is."""
    both = usable & fresh
    return both if both.any() else usable


def count_macs(network: MultiHead, spec: InputSpec) -> int:
    """Multiply-adds of one picture: those of convolutions and matrix products, as is usual."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, spec.channels, spec.size, spec.size))
    return int(counter.get_total_flops()) // 2


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation without confusion matrices and reliability bins, which a card has no room for."""
    table = evaluation.as_dict()
    for result in table["results"]:
        del result["scores"]["confusion"], result["scores"]["reliability"]
    return table


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
