"""An int8 copy of a model, which is written only where it is as good as the model itself."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...crop.prepare import network_input, resize
from ...errors import ModelError
from ...models.card import ModelCard
from ...models.catalogue import load_model
from ..dataset.faces import TRAIN, VALIDATION, FaceSet
from ..dataset.targets import hard_targets
from ..evaluate.calibrating import calibrated, chosen_by
from ..evaluate.predict import Classifier, Logits, classifier_of_onnx, predict
from ..evaluate.protocol import evaluate
from ..recipe import recipe_from_dict
from ..split.drawing import drawn
from .naming import checked_name, int8_name, write_pair
from .quantize import quantized

#: Share of pictures by which a head may be less often right, and share of equal answers that it needs at least.
MOST_LOST, LEAST_AGREEMENT = 0.003, 0.9
_RANGES_FROM = 300  # training pictures, each with its mirror image


def to_int8(card: ModelCard, weights: bytes, faces: FaceSet) -> tuple[ModelCard, bytes]:
    """Quantise a model, check that it is still as good, and fit its temperatures anew.

    Ranges come from 300 training pictures and their mirror images; it is judged on the part that settings are chosen by.

    Args:
        card: of the float32 model.
        weights: its ONNX file's content.
        faces: the data it was trained on, in the parts in which it had them.

    Returns:
        The card, named by ``int8_name``, with temperatures and scores of its own; and the ONNX file's content.

    Raises:
        ModelError: nothing in the model can be quantised, or it answers worse than before by more than ``MOST_LOST``
            (one picture is always forgiven), or gives the same answers too seldom.
        DataError: ``faces`` lacks a part that is needed.
    """
    learned = faces.part(TRAIN).images
    chosen = np.random.default_rng(0).permutation(len(learned))[:_RANGES_FROM]
    some = resize(learned[chosen], card.input.size)
    smaller = quantized(weights, network_input(np.concatenate([some, some[:, :, ::-1]]), card.input))
    name = int8_name(card.name)
    unfitted = replace(
        card,
        name=name,
        weights=f"{name}.onnx",
        sha256=hashlib.sha256(smaller).hexdigest(),
        precision="int8",
        scores={},
    )
    classifier = classifier_of_onnx(smaller, unfitted)
    fitted_on = chosen_by(faces)
    _check(classifier_of_onnx(weights, card), classifier, faces.part(fitted_on))
    fitted = replace(unfitted, heads=calibrated(classifier, faces, fitted_on).heads)
    judged_by = VALIDATION if (faces.split == VALIDATION).any() else fitted_on
    scores = evaluate(classifier_of_onnx(smaller, fitted), faces, judged_by).summary()
    return replace(fitted, scores=scores), smaller


def export_int8(model: str | Path, faces: FaceSet, out: Path, *, name: str = "") -> Path:
    """Write ``NAME-int8.onnx`` and its card into ``out``, from an exported model; torch is not needed.

    Of a model called ``NAME-float32``, it writes ``NAME.onnx``.

    Args:
        model: name of a model that comes with mien, or an ONNX file with its card beside it.
        faces: the data it was trained on.
        out: the folder; files of that name are replaced.
        name: of the float32 model, which gives its copy's; empty takes the one on its card.

    Returns:
        The path of the ONNX file.

    Raises:
        ModelError: there is no such model, it is int8 already, or ``to_int8`` refuses it.
        DataError: ``faces`` lacks a part that is needed, or pictures that its recipe asks for.
        OptionError: ``name`` cannot be a file name.
        OutputError: ``out`` cannot be written to.
    """
    card, weights = load_model(model)
    if card.precision != "float32":
        raise ModelError(f"{model}: got weights in {card.precision}, expected float32", hint="Start from the original.")
    card = replace(card, name=checked_name(name or card.name))
    seen = drawn(faces, recipe_from_dict(card.recipe)) if card.recipe else faces
    return write_pair(out, *to_int8(card, weights, seen))


def _check(before: Classifier, after: Classifier, part: FaceSet) -> None:
    logits = [predict(classifier, part.images, flip=True) for classifier in (before, after)]
    for head, mark in before.marks.items():
        if mark.targets == "votes" and part.votes is None:
            continue
        answers = hard_targets(part, mark)
        rows = np.flatnonzero(answers >= 0)
        old, new = (_right(one, head, answers, rows) for one in logits)
        agreement = float((logits[0][head].argmax(1) == logits[1][head].argmax(1)).mean())
        if old - new > max(1, MOST_LOST * len(rows)) or not agreement >= LEAST_AGREEMENT:
            raise ModelError(
                f"head {head!r} loses too much in int8: got {new} of {len(rows)} pictures right and {agreement:.1%} equal "
                f"answers, expected at most {MOST_LOST:.1%} fewer than {old} and {LEAST_AGREEMENT:.0%}",
                hint="Nothing was written. Use the float32 model (--to onnx).",
            )


def _right(logits: Logits, head: str, answers: np.ndarray, rows: np.ndarray) -> int:
    return int((logits[head][rows].argmax(1) == answers[rows]).sum())
