"""Parts of ONNX graphs: feature extractors and classifiers are written as such, and joined to one model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from ...model.card import InputSpec

#: What networks are exported with too; onnxruntime 1.18 reads both.
OPSET, IR_VERSION = 18, 10
_TREES_OPSET = 3


@dataclass(frozen=True)
class Piece:
    """A part of a graph.

    Attributes:
        nodes: in the order in which they can run.
        tensors: the constants that they use, by name.
        output: name of what comes out.
    """

    nodes: tuple[onnx.NodeProto, ...]
    tensors: dict[str, npt.NDArray[np.generic]]
    output: str


@dataclass(frozen=True)
class Front:
    """From prepared images to features.

    Attributes:
        model: an ONNX model with the input ``images``, float32 (N, C, S, S).
        features: the name of its only output, float32 (N, D).
        input: how the images are prepared.
        parameters: trained weights inside.
        macs: multiply-adds of an image, those of a network's convolutions and matrix products.
    """

    model: onnx.ModelProto
    features: str
    input: InputSpec
    parameters: int = 0
    macs: int = 0


def nodes_of(text: str) -> tuple[onnx.NodeProto, ...]:
    """Nodes written in ONNX's own text form, one a line."""
    return tuple(onnx.parser.parse_graph(f"part (float images) => (float result) {{ {text} }}").node)


def front_of(piece: Piece, spec: InputSpec) -> Front:
    """The piece as a model of its own."""
    shape: list[str | int | None] = ["N", spec.channels, spec.size, spec.size]
    graph = helper.make_graph(
        list(piece.nodes),
        "features",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(piece.output, TensorProto.FLOAT, ["N", None])],
        _initializers(piece),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return Front(model, piece.output, spec)


def joined(front: Front, classifier: Piece, head: str, classes: int) -> bytes:
    """Features and classifier as one ONNX file: from ``images`` to ``head``, float32 (N, classes).

    Args:
        front: what the classifier's nodes read.
        classifier: its output is called ``head``.
        head: name of the model's output.
        classes: how many.
    """
    model = onnx.ModelProto()
    model.CopyFrom(front.model)
    model.producer_name, model.producer_version = "mien", ""
    model.graph.node.extend(classifier.nodes)
    model.graph.initializer.extend(_initializers(classifier))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(head, TensorProto.FLOAT, ["N", classes]))
    if not any(imported.domain == "ai.onnx.ml" for imported in model.opset_import):
        model.opset_import.append(helper.make_opsetid("ai.onnx.ml", _TREES_OPSET))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _initializers(piece: Piece) -> list[onnx.TensorProto]:
    return [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in piece.tensors.items()]
