"""Export a checkpoint to ONNX and compare it with torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
import torch

from ...errors import ModelError
from ...model.session import open_session
from ..networks.heads import MultiHead

OPSET = 18


def to_onnx(network: MultiHead, size: int, channels: int = 1) -> bytes:
    """The network as ONNX, for any number of images at a time; the same network gives the same bytes.

    Batch norms are folded into their convolutions, and everything that only describes the Python source (names of
    modules, stack traces with paths of this machine) is left out.

    Args:
        network: in evaluation mode, on the CPU.
        size: side of its images in pixels.
        channels: of its images.

    Returns:
        An ONNX file: input ``images``, float32 (N, channels, size, size); one output of logits, float32 (N, K), for each
        head, named after it.
    """
    images = torch.zeros(2, channels, size, size)  # two: the exporter would take a batch of one for a constant
    program = torch.onnx.export(
        network,
        (images,),
        input_names=["images"],
        output_names=list(network.heads),
        opset_version=OPSET,
        dynamo=True,
        dynamic_shapes={"images": {0: torch.export.Dim("N")}},
        external_data=False,
        optimize=True,
        verbose=False,
    )
    if program is None:
        raise TypeError("torch.onnx.export gave no program although dynamo=True")
    model = program.model_proto
    strip_descriptions(model)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def strip_descriptions(model: onnx.ModelProto) -> None:
    """Remove what only describes the Python source; changes ``model`` in place."""
    graph = model.graph
    values = (*graph.input, *graph.output, *graph.value_info)
    for item in (model, graph, *graph.node, *graph.initializer, *values):
        item.ClearField("doc_string")
        item.ClearField("metadata_props")
    del graph.value_info[:]  # shapes of values inside the graph: onnxruntime infers them


TOLERANCE = 1e-4


def max_difference(network: MultiHead, weights: bytes, images: npt.NDArray[np.float32]) -> float:
    """The largest difference of any logit between torch and onnxruntime, both in float32.

    Args:
        network: in evaluation mode, on the CPU.
        weights: content of the ONNX file.
        images: float32 (N, C, S, S), network input; real images, for noise excites a network too little.

    Raises:
        ModelError: onnxruntime cannot run the file, or it lacks an output.
    """
    session = open_session(weights, 0, "the exported file")
    missing = set(network.heads) - {output.name for output in session.get_outputs()}
    if missing:
        raise ModelError(f"the exported file lacks the outputs {', '.join(sorted(missing))}")
    names = list(network.heads)
    return largest_difference(network, dict(zip(names, session.run(names, {"images": images}), strict=True)), images)


def largest_difference(
    network: MultiHead, found: Mapping[str, npt.NDArray[np.float32]], images: npt.NDArray[np.float32]
) -> float:
    """The largest difference of any logit that was ``found`` from what torch gives, float32 (N, K) for each head."""
    with torch.inference_mode():
        expected = network(torch.from_numpy(images))
    return max(float(np.abs(found[name] - value.numpy()).max()) for name, value in expected.items())


def check_parity(network: MultiHead, weights: bytes, images: npt.NDArray[np.float32]) -> float:
    """``max_difference``, which must not be above 0.0001.

    Raises:
        ModelError: it is, or the file cannot be run.
    """
    return check_difference(max_difference(network, weights, images))


def check_difference(difference: float) -> float:
    """``difference``, which must not be above 0.0001.

    Raises:
        ModelError: it is.
    """
    if not difference <= TOLERANCE:  # also where it is NaN
        raise ModelError(
            f"the exported file differs from the network: got logits {difference:.2g} apart, expected at most {TOLERANCE}",
            hint="Nothing was written. Try another version of torch or onnxruntime, and report this as a bug.",
        )
    return difference
