"""The features inside a trained network: what it hands to its classifiers."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from ...errors import ModelError
from ...model.card import ModelCard
from .graph import Front

_LINEAR = ("Gemm", "MatMul")


def embedding(weights: bytes, card: ModelCard) -> Front:
    """The network without its classifiers; the file that it came from is left as it is.

    Args:
        weights: content of the ONNX file.
        card: its card.

    Returns:
        ``images``, prepared as the card says -> float32 (N, D), what the last linear layer before the first head reads.

    Raises:
        ModelError: there is no such layer.
    """
    model = onnx.load_model_from_string(weights)
    features = _before_the_head(model.graph, next(iter(card.heads)), card.name)
    needed, kept = {features}, []
    for node in reversed(model.graph.node):  # nodes stand in the order in which they run
        if needed & set(node.output):
            kept.append(node)
            needed.update(node.input)
    tensors = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    graph = helper.make_graph(
        kept[::-1],
        "features",
        list(model.graph.input),
        [helper.make_tensor_value_info(features, TensorProto.FLOAT, ["N", None])],
        tensors,
    )
    trunk = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    trunk.functions.extend(model.functions)
    return Front(trunk, features, card.input, card.parameters, card.macs)


def _before_the_head(graph: onnx.GraphProto, head: str, name: str) -> str:
    """The tensor that the last linear layer before the output ``head`` reads."""
    makers = {output: node for node in graph.node for output in node.output}
    ahead = [head]
    while ahead:
        node = makers.get(ahead.pop(0))
        if node is None:  # an input or a constant
            continue
        if node.op_type in _LINEAR:
            return str(node.input[0])
        ahead.extend(node.input)
    raise ModelError(
        f"{name}: got no linear layer before the output {head!r}, expected one whose input can serve as features",
        hint="Take another base, such as the model that comes with mien, or the features 'hog' or 'lbp'.",
    )
