"""CenterFace in whole numbers: half the time a look, from ranges that were measured once.

The weights stay those of the package they come in; mien's own is ``centerface-ranges.json``: the smallest and largest value
of each activation over photographs, as ``scripts/measure_ranges.py`` writes it.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

#: What the ranges were measured on, and are good for: no other file.
RANGES = Path(__file__).with_name("centerface-ranges.json")
#: The oldest set of operators in which weights have a scale for each channel; those of the network mean the same in it.
_OPSET = 13
#: Seven bits: x86 without VNNI adds two products in 16 bits (2 x 64 x 255 fits), and with weights of eight they may not fit.
_LARGEST_WEIGHT = 64
_LARGEST_ACTIVATION = 255

Range = tuple[float, float]


@dataclass(frozen=True)
class Layer:
    """A convolution or sum that can be done in whole numbers.

    Attributes:
        node: in the graph.
        sources: the activations it takes, by name.
        result: the activation it makes, after its ReLU if one follows.
    """

    node: onnx.NodeProto
    sources: tuple[str, ...]
    result: str


def layers(graph: onnx.GraphProto) -> list[Layer]:
    """All convolutions and sums but the last ones, which answer: their fine steps are kept, and cost next to nothing."""
    users: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            users[name].append(node)
    found = []
    for node in graph.node:
        kinds = [user.op_type for user in users[node.output[0]]]
        if node.op_type not in ("Conv", "Add") or kinds in ([], ["Sigmoid"]):
            continue
        result = users[node.output[0]][0].output[0] if kinds == ["Relu"] else node.output[0]
        found.append(Layer(node, tuple(node.input[:1] if node.op_type == "Conv" else node.input), result))
    return found


def known_ranges(weights: bytes) -> Mapping[str, Range] | None:
    """The smallest and largest value of each activation, or None where ``weights`` are not the file that was measured."""
    known = json.loads(RANGES.read_text(encoding="utf-8"))
    if hashlib.sha256(weights).hexdigest() != known["sha256"]:
        return None
    return {name: (low, high) for name, (low, high) in known["ranges"].items()}


def quantize(model: onnx.ModelProto, ranges: Mapping[str, Range]) -> None:
    """Round what goes into and out of every layer to bytes (Jacob et al. 2018, arXiv 1712.05877).

    onnxruntime makes byte layers of that. Activations become uint8, weights int8 with a scale for each output channel; input
    and outputs of the network stay float32.

    Args:
        model: float32, with the operators of ONNX 9; changed in place.
        ranges: smallest and largest value of each activation in ``layers``.
    """
    graph, chosen = model.graph, layers(model.graph)
    values = {initialiser.name: numpy_helper.to_array(initialiser) for initialiser in graph.initializer}
    steps = {name: _step(*ranges[name]) for layer in chosen for name in (*layer.sources, layer.result)}
    constants: dict[str, npt.NDArray[np.generic]] = {}
    nodes = [node for value in graph.input for node in _rounded(value.name, steps)]
    convolutions = {layer.node.output[0] for layer in chosen if layer.node.op_type == "Conv"}
    for node in graph.node:
        if node.output[0] in convolutions:
            source = steps[node.input[0]][0]
            weight, bias = (values[name] for name in node.input[1:])
            scale = np.maximum(np.abs(weight).reshape(len(weight), -1).max(1) / _LARGEST_WEIGHT, 1e-12)
            whole = np.round(weight / scale.reshape(-1, 1, 1, 1)).astype(np.int8)
            for name, array, unit in (
                (node.input[1], whole, scale),
                (node.input[2], np.round(bias / (scale * source)).astype(np.int32), scale * source),
            ):
                constants |= {f"{name}_whole": array, f"{name}_unit": unit.astype(np.float32)}
                nodes.append(
                    helper.make_node("DequantizeLinear", [f"{name}_whole", f"{name}_unit"], [f"{name}_float"], axis=0)
                )
            node.input[1:] = [f"{name}_float" for name in node.input[1:]]
        constants |= {name: values[name] for name in node.input if name in values}
        node.input[:] = [f"{name}_rounded" if name in steps else name for name in node.input]
        nodes += [node, *_rounded(node.output[0], steps)]
    for name, (scale, zero) in steps.items():
        constants |= {f"{name}_unit": scale, f"{name}_zero": zero}
    model.opset_import[0].version = _OPSET
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items())


def _step(low: float, high: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """The value of one step, and the step that stands for 0: both without axes."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max((high - low) / _LARGEST_ACTIVATION, 1e-12)
    return np.array(scale, np.float32), np.array(round(-low / scale), np.uint8)


def _rounded(name: str, steps: Mapping[str, object]) -> Iterator[onnx.NodeProto]:
    """The nodes that round an activation to bytes and back, if it is to be."""
    if name in steps:
        how = [f"{name}_unit", f"{name}_zero"]
        yield helper.make_node("QuantizeLinear", [name, *how], [f"{name}_bytes"])
        yield helper.make_node("DequantizeLinear", [f"{name}_bytes", *how], [f"{name}_rounded"])
