"""Quantize an exported model to int8, and check that it is as accurate. Needs no torch."""

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

from ..data.dataset import TRAIN, Dataset
from ..errors import ModelError
from ..model import session  # noqa: F401  # imports onnxruntime with its telemetry off, before quantization does
from ..model.card import ModelCard
from ..model.preprocess import resize, to_tensor
from .calibration import chosen_by, scored_card
from .evaluation.classifier import Classifier, classifier_of_onnx, predict
from .evaluation.evaluate import true_classes

#: The largest accepted loss of accuracy, and the least share of equal predictions.
MAX_LOSS, MIN_AGREEMENT = 0.003, 0.9
_RANGES_FROM = 300  # training images, each with its mirror image
_WEIGHTED = ("Conv", "Gemm", "MatMul")
_BATCH = 32


def to_int8(card: ModelCard, weights: bytes, faces: Dataset, name: str) -> tuple[ModelCard, bytes]:
    """Quantize a model, check that it is as accurate, and fit its temperatures.

    Ranges come from 300 training images and their mirror images; it is compared on the part that settings are chosen by.

    Args:
        card: of the float32 model.
        weights: its ONNX file's content.
        faces: the data it was trained on, in the parts in which it had them.
        name: of the quantized model.

    Returns:
        The card, with its own temperatures and scores, and the content of the ONNX file.

    Raises:
        ModelError: nothing in the model can be quantized, its accuracy falls by more than ``MAX_LOSS`` (one image is
            always accepted), or fewer than ``MIN_AGREEMENT`` of the predictions are equal.
        DataError: ``faces`` lacks a part that is needed.
    """
    learned = faces.part(TRAIN).images
    chosen = np.random.default_rng(0).permutation(len(learned))[:_RANGES_FROM]
    some = resize(learned[chosen], card.input.size)
    content = quantized(weights, to_tensor(np.concatenate([some, some[:, :, ::-1]]), card.input))
    sha256 = hashlib.sha256(content).hexdigest()
    card_int8 = replace(card, name=name, weights=f"{name}.onnx", sha256=sha256, precision="int8", scores={})
    _check(classifier_of_onnx(weights, card), classifier_of_onnx(content, card_int8), faces, chosen_by(faces))
    return scored_card(card_int8, content, faces), content


def quantized(weights: bytes, images: npt.NDArray[np.float32], *, keep_first: bool = False) -> bytes:
    """The same network in int8 (static quantization, Jacob et al. 2018, arXiv 1712.05877), in QDQ form.

    Weights become int8, symmetric, 7 bits, with a scale for each output channel; activations uint8, which x86's VNNI
    multiplies with int8 directly. Their ranges are the smallest and largest activations for ``images``: on FER2013
    percentiles and entropy gained nothing. Input, outputs and the last layer before each stay float32.

    Args:
        weights: content of a float32 ONNX file with the input ``images``.
        images: float32 (N, C, S, S), network input; some hundred, like the training images.
        keep_first: leave the first convolution in float32: onnxruntime's int8 convolution of 3 channels is slower.

    Raises:
        ModelError: there is no convolution or matrix product to quantize.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static  # noqa: PLC0415  # slow

    model = onnx.load_from_string(weights)
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type.lower()}_{number}"  # the quantizer leaves nodes out by their names
    kept = _last_layers(model.graph)
    if keep_first:
        kept |= {next(node.name for node in model.graph.node if node.op_type == "Conv")}
    if not any(node.op_type in _WEIGHTED and node.name not in kept for node in model.graph.node):
        raise ModelError(
            f"nothing to quantize: got layers of the kinds {', '.join(sorted({n.op_type for n in model.graph.node}))}, "
            "expected convolutions or matrix products before the last layer",
            hint="Export it with --to onnx.",
        )
    with tempfile.TemporaryDirectory(prefix="mien-") as folder, _quiet():
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        onnx.save(model, before)
        quantize_static(
            before,
            after,
            _Reader(images),  # only its get_next() is used
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            reduce_range=True,  # x86 without VNNI adds two products in 16 bits, which 8-bit weights can overflow
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=sorted(kept),
        )
        smaller = onnx.load(after)
    smaller.ClearField("metadata_props")
    del smaller.graph.value_info[:]  # onnxruntime infers them
    return bytes(smaller.SerializeToString(deterministic=True))


def _last_layers(graph: onnx.GraphProto) -> set[str]:
    """Names of the nodes from each output back to the first one with weights, inclusive."""
    makers = {output: node for node in graph.node for output in node.output}
    names: set[str] = set()
    waiting = [output.name for output in graph.output]
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.name not in names:
            names.add(node.name)
            waiting += [] if node.op_type in _WEIGHTED else node.input
    return names


class _Reader:
    """Images for onnxruntime's calibration, batch by batch."""

    def __init__(self, images: npt.NDArray[np.float32]) -> None:
        batch = max(1, min(_BATCH, 1_000_000 // (images.shape[-1] * images.shape[-2])))
        self._rest = iter([images[start : start + batch] for start in range(0, len(images), batch)])

    def get_next(self) -> dict[str, Any] | None:
        """The next batch, or None."""
        some = next(self._rest, None)
        return None if some is None else {"images": some}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer, which logs to the root logger, from configuring logging for the whole process."""
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def _check(before: Classifier, after: Classifier, faces: Dataset, split: str) -> None:
    images = faces.part(split).images
    logits = [predict(classifier, images, flip=True) for classifier in (before, after)]
    for head, truth in true_classes(before, faces, split).items():
        known = np.flatnonzero(truth >= 0)
        first, second = (one[head].argmax(1) for one in logits)
        old, new = (int((one[known] == truth[known]).sum()) for one in (first, second))
        agreement = float((first == second).mean())
        if old - new > max(1, MAX_LOSS * len(known)) or not agreement >= MIN_AGREEMENT:
            raise ModelError(
                f"head {head!r} loses too much in int8: got {new} of {len(known)} images right and {agreement:.1%} equal "
                f"predictions, expected at most {MAX_LOSS:.1%} fewer than {old} and {MIN_AGREEMENT:.0%}",
                hint="Nothing was written. Use the float32 model (--to onnx).",
            )
