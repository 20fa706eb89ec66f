"""From a trained network to one small ONNX file."""

from __future__ import annotations

import onnx
import torch

from ..nets.heads import MultiHead

OPSET = 18


def to_onnx(network: MultiHead, size: int, channels: int = 1) -> bytes:
    """The network as ONNX, for any number of pictures at a time; the same network gives the same bytes.

    Batch norms are folded into their convolutions, and everything that only describes the Python source (names of
    modules, stack traces with paths of this machine) is left out.

    Args:
        network: in evaluation mode, on the CPU.
        size: side of its pictures in pixels.
        channels: of its pictures.

    Returns:
        An ONNX file: input ``pictures``, float32 (N, channels, size, size); one output of logits, float32 (N, K), for each
        head, named after it.
    """
    pictures = torch.zeros(2, channels, size, size)  # two: the exporter would take a batch of one for a constant
    program = torch.onnx.export(
        network,
        (pictures,),
        input_names=["pictures"],
        output_names=list(network.heads),
        opset_version=OPSET,
        dynamo=True,
        dynamic_shapes={"pictures": {0: torch.export.Dim("N")}},
        external_data=False,
        optimize=True,
        verbose=False,
    )
    if program is None:
        raise TypeError("torch.onnx.export gave no program although dynamo=True")
    model = program.model_proto
    _strip(model)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _strip(model: onnx.ModelProto) -> None:
    graph = model.graph
    values = (*graph.input, *graph.output, *graph.value_info)
    for item in (model, graph, *graph.node, *graph.initializer, *values):
        item.ClearField("doc_string")
        item.ClearField("metadata_props")
    del graph.value_info[:]  # shapes of values inside the graph: onnxruntime infers them
