"""From float32 to int8: a quarter of the size, and several times as fast where the processor multiplies bytes."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from ...errors import ModelError
from ...models import runtime  # noqa: F401  # the door, before the room behind it is entered below

_WEIGHTED = ("Conv", "Gemm", "MatMul")
_BATCH = 32


def quantized(weights: bytes, pictures: npt.NDArray[np.float32]) -> bytes:
    """The same network with whole numbers inside (static quantisation, Jacob et al. 2018, arXiv 1712.05877).

    Weights become int8, symmetric, of 7 bits, with a scale for each output channel; activations uint8, the form that x86's
    VNNI multiplies with int8 directly. Their ranges are the smallest and largest values that ``pictures`` excite: on FER2013
    cutting them tighter (percentiles, entropy) gained nothing (``docs/edge.md``). The last layer before each output stays
    float32: it costs next to no time, and logits keep their fine steps.

    Args:
        weights: content of a float32 ONNX file with the input ``pictures``.
        pictures: float32 (N, C, S, S), network input; some hundred, of the kind that the network learned from.

    Returns:
        An ONNX file in QDQ form; input and outputs are float32 and called as before.

    Raises:
        ModelError: there is no convolution or product in it whose weights could be made smaller.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static  # noqa: PLC0415  # slow

    model = onnx.load_from_string(weights)
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type.lower()}_{number}"  # the quantiser leaves nodes out by their names
    kept = last_layers(model.graph)
    if not any(node.op_type in _WEIGHTED and node.name not in kept for node in model.graph.node):
        raise ModelError(
            f"nothing to quantise: got layers of the kinds {', '.join(sorted({n.op_type for n in model.graph.node}))}, "
            "expected convolutions or products before the last layer",
            hint="Export it with --to onnx.",
        )
    with tempfile.TemporaryDirectory(prefix="mien-") as folder, _quiet():
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        onnx.save(model, before)
        quantize_static(
            before,
            after,
            _Reader(pictures),  # it asks for get_next() only
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
    """Pictures for onnxruntime's calibration, batch by batch."""

    def __init__(self, pictures: npt.NDArray[np.float32]) -> None:
        batch = max(1, min(_BATCH, 1_000_000 // (pictures.shape[-1] * pictures.shape[-2])))
        self._rest = iter([pictures[start : start + batch] for start in range(0, len(pictures), batch)])

    def get_next(self) -> dict[str, Any] | None:
        """The next batch, or None."""
        some = next(self._rest, None)
        return None if some is None else {"pictures": some}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's remarks, which go to the root logger, from setting up logging for the whole process."""
    root, nowhere = logging.getLogger(), logging.NullHandler()
    root.addHandler(nowhere)
    try:
        yield
    finally:
        root.removeHandler(nowhere)
