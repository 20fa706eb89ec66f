"""Quantize an exported model to int8."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from ...data.dataset import TRAIN, VALIDATION, Dataset
from ...errors import ModelError
from ...model import session  # noqa: F401  # imports onnxruntime with its telemetry off, before quantization does
from ...model.card import ModelCard, load_model
from ...model.preprocess import resize, to_tensor
from ..evaluate.predict import Classifier, Logits, classifier_of_onnx, predict
from ..evaluate.protocol import evaluate
from ..evaluate.temperature import calibrated, chosen_by
from ..recipe import recipe_from_dict
from ..sampling import subset
from ..targets import hard_targets
from .naming import checked_name, int8_name, write_pair

_WEIGHTED = ("Conv", "Gemm", "MatMul")
_BATCH = 32


def quantized(weights: bytes, images: npt.NDArray[np.float32], *, keep_first: bool = False) -> bytes:
    """The same network with whole numbers inside (static quantization, Jacob et al. 2018, arXiv 1712.05877).

    Weights become int8, symmetric, of 7 bits, with a scale for each output channel; activations uint8, the form that x86's
    VNNI multiplies with int8 directly. Their ranges are the smallest and largest values that ``images`` excite: on FER2013
    cutting them tighter (percentiles, entropy) gained nothing (``docs/edge.md``). The last layer before each output stays
    float32: it costs next to no time, and logits keep their fine steps.

    Args:
        weights: content of a float32 ONNX file with the input ``images``.
        images: float32 (N, C, S, S), network input; some hundred, of the kind that the network learned from.
        keep_first: leave the first convolution in float32: onnxruntime's int8 convolution of 3 channels is slower.

    Returns:
        An ONNX file in QDQ form; input and outputs are float32 and called as before.

    Raises:
        ModelError: there is no convolution or product in it whose weights could be made smaller.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static  # noqa: PLC0415  # slow

    model = onnx.load_from_string(weights)
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type.lower()}_{number}"  # the quantizer leaves nodes out by their names
    kept = last_layers(model.graph)
    if keep_first:
        kept |= {next(node.name for node in model.graph.node if node.op_type == "Conv")}
    if not any(node.op_type in _WEIGHTED and node.name not in kept for node in model.graph.node):
        raise ModelError(
            f"nothing to quantize: got layers of the kinds {', '.join(sorted({n.op_type for n in model.graph.node}))}, "
            "expected convolutions or products before the last layer",
            hint="Export it with --to onnx.",
        )
    with tempfile.TemporaryDirectory(prefix="mien-") as folder, _quiet():
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        onnx.save(model, before)
        quantize_static(
            before,
            after,
            _Reader(images),  # it asks for get_next() only
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            reduce_range=True,  # x86 without VNNI adds two products in 16 bits: with weights of 8 bits they may not fit
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=sorted(kept),
        )
        smaller = onnx.load(after)
    smaller.ClearField("metadata_props")
    del smaller.graph.value_info[:]  # onnxruntime infers them
    return bytes(smaller.SerializeToString(deterministic=True))


def last_layers(graph: onnx.GraphProto) -> set[str]:
    """Names of the nodes from each output back to the first one with weights, itself included."""
    makers = {output: node for node in graph.node for output in node.output}
    names: set[str] = set()
    waiting = [output.name for output in graph.output]
    while waiting:
        node = makers.get(waiting.pop())
        if node is None or node.name in names:
            continue
        names.add(node.name)
        if node.op_type not in _WEIGHTED:
            waiting += node.input
    return names


class _Reader:
    """Images for onnxruntime's calibration, batch by batch."""

    def __init__(self, pictures: npt.NDArray[np.float32]) -> None:
        batch = max(1, min(_BATCH, 1_000_000 // (pictures.shape[-1] * pictures.shape[-2])))
        self._rest = iter([pictures[start : start + batch] for start in range(0, len(pictures), batch)])

    def get_next(self) -> dict[str, Any] | None:
        """The next batch, or None."""
        some = next(self._rest, None)
        return None if some is None else {"images": some}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer's remarks, which go to the root logger, from setting up logging for the whole process."""
    root, nowhere = logging.getLogger(), logging.NullHandler()
    root.addHandler(nowhere)
    try:
        yield
    finally:
        root.removeHandler(nowhere)


#: Share of images by which a head may be less often right, and share of equal answers that it needs at least.
MOST_LOST, LEAST_AGREEMENT = 0.003, 0.9
_RANGES_FROM = 300  # training images, each with its mirror image


def to_int8(card: ModelCard, weights: bytes, faces: Dataset) -> tuple[ModelCard, bytes]:
    """Quantise a model, check that it is still as good, and fit its temperatures anew.

    Ranges come from 300 training images and their mirror images; it is judged on the part that settings are chosen by.

    Args:
        card: of the float32 model.
        weights: its ONNX file's content.
        faces: the data it was trained on, in the parts in which it had them.

    Returns:
        The card, named by ``int8_name``, with temperatures and scores of its own; and the ONNX file's content.

    Raises:
        ModelError: nothing in the model can be quantized, or it answers worse than before by more than ``MOST_LOST``
            (one image is always forgiven), or gives the same answers too seldom.
        DataError: ``faces`` lacks a part that is needed.
    """
    learned = faces.part(TRAIN).images
    chosen = np.random.default_rng(0).permutation(len(learned))[:_RANGES_FROM]
    some = resize(learned[chosen], card.input.size)
    smaller = quantized(weights, to_tensor(np.concatenate([some, some[:, :, ::-1]]), card.input))
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


def export_int8(model: str | Path, faces: Dataset, out: Path, *, name: str = "") -> Path:
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
        DataError: ``faces`` lacks a part that is needed, or images that its recipe asks for.
        OptionError: ``name`` cannot be a file name.
        OutputError: ``out`` cannot be written to.
    """
    card, weights = load_model(model)
    if card.precision != "float32":
        raise ModelError(f"{model}: got weights in {card.precision}, expected float32", hint="Start from the original.")
    card = replace(card, name=checked_name(name or card.name))
    seen = subset(faces, recipe_from_dict(card.recipe)) if card.recipe else faces
    return write_pair(out, *to_int8(card, weights, seen))


def _check(before: Classifier, after: Classifier, part: Dataset) -> None:
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
                f"head {head!r} loses too much in int8: got {new} of {len(rows)} images right and {agreement:.1%} equal "
                f"answers, expected at most {MOST_LOST:.1%} fewer than {old} and {LEAST_AGREEMENT:.0%}",
                hint="Nothing was written. Use the float32 model (--to onnx).",
            )


def _right(logits: Logits, head: str, answers: np.ndarray, rows: np.ndarray) -> int:
    return int((logits[head][rows].argmax(1) == answers[rows]).sum())
