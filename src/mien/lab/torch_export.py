"""From a trained network to ONNX and to an ``ExportedProgram`` (``.pt2``), checked against torch. Needs torch."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ..errors import ModelError
from ..model.card import ModelCard
from ..model.session import open_session
from .evaluation.classifier import Logits, classifier_of_network
from .networks.build import MultiHead
from .recipe import Recipe

OPSET = 18
#: The largest accepted difference of a logit from torch's, float32.
TOLERANCE = 1e-4


def to_onnx(network: MultiHead, size: int, channels: int = 1) -> bytes:
    """The network, in evaluation mode, as ONNX, for any batch size; the same network yields the same bytes.

    Input ``images``: float32 (N, channels, size, size); an output of logits, float32 (N, K), for each head.
    """
    return export_onnx(network, torch.zeros(2, channels, size, size), list(network.heads))


def export_onnx(
    network: nn.Module, images: torch.Tensor, outputs: Sequence[str], free: Mapping[int, object] | None = None
) -> bytes:
    """A network, in evaluation mode, as ONNX with the input ``images``, without descriptions of the Python source.

    ``images`` are an example of at least two: a batch of one would become a constant. ``free`` dimensions beside the
    first are as in ``torch.onnx.export``.
    """
    program = torch.onnx.export(
        network,
        (images,),
        input_names=["images"],
        output_names=outputs,
        opset_version=OPSET,
        dynamo=True,
        dynamic_shapes={"images": {0: torch.export.Dim("N"), **(free or {})}},
        external_data=False,
        verbose=False,
    )
    model: onnx.ModelProto = program.model_proto  # type: ignore[union-attr]  # a program, because of dynamo=True
    graph = model.graph
    for item in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        item.ClearField("doc_string")
        item.ClearField("metadata_props")
    del graph.value_info[:]  # shapes of values inside the graph: onnxruntime infers them
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def run_onnx(network: MultiHead, weights: bytes, images: npt.NDArray[np.float32]) -> Logits:
    """Logits of an exported file for network input, float32 (N, C, S, S); ``ModelError`` if it cannot be run."""
    session = open_session(weights, 0, "the exported file")
    names = list(network.heads)
    if missing := set(names) - {output.name for output in session.get_outputs()}:
        raise ModelError(f"the exported file lacks the outputs {', '.join(sorted(missing))}")
    return dict(zip(names, session.run(names, {"images": images}), strict=True))


def to_program(network: MultiHead, size: int, channels: int = 1) -> bytes:
    """The network, in evaluation mode, as an ``ExportedProgram`` (``.pt2``) for any batch size.

    ``torch.export.load(file).module()`` takes float32 (N, channels, size, size) and returns a dictionary of logits per head.
    """
    images = torch.zeros(2, channels, size, size)  # a batch of one would be exported as a constant
    program = torch.export.export(network, (images,), dynamic_shapes={"images": {0: torch.export.Dim("N")}})
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            for key in ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn"):
                node.meta.pop(key, None)  # names of modules, and local paths
    content = io.BytesIO()
    torch.export.save(program, content)
    return content.getvalue()


def run_program(content: bytes, images: npt.NDArray[np.float32]) -> Logits:
    """Logits of a ``.pt2`` file for network input, float32 (N, C, S, S)."""
    module = torch.export.load(io.BytesIO(content)).module()
    with torch.inference_mode():
        return {name: value.numpy() for name, value in module(torch.from_numpy(images)).items()}


def check_parity(
    network: MultiHead, found: Mapping[str, npt.NDArray[np.float32]], images: npt.NDArray[np.float32]
) -> float:
    """The largest difference of any logit that an exported file gave from torch's; ``ModelError`` if it is above 0.0001.

    ``images`` are network input, float32 (N, C, S, S): real images, because noise excites a network too little.
    """
    with torch.inference_mode():
        expected = network(torch.from_numpy(images))
    difference = max(float(np.abs(found[name] - value.numpy()).max()) for name, value in expected.items())
    if not difference <= TOLERANCE:  # also where it is NaN
        raise ModelError(
            f"the exported file differs from the network: got logits {difference:.2g} apart, expected at most {TOLERANCE}",
            hint="Nothing was written. Try another version of torch or onnxruntime, and report this as a bug.",
        )
    return difference


def describe_weights(recipe: Recipe, network: MultiHead, weights: bytes, name: str) -> ModelCard:
    """The card of an exported network (content of the ONNX file), without temperatures and scores."""
    opened = classifier_of_network(recipe, network)
    side, channels = opened.input.size, opened.input.channels
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, channels, side, side))
    return ModelCard(
        name=name,
        weights=f"{name}.onnx",
        sha256=hashlib.sha256(weights).hexdigest(),
        license="not stated",
        data="not stated",
        input=opened.input,
        heads=opened.heads,
        parameters=opened.parameters,
        macs=int(counter.get_total_flops()) // 2,  # multiply-adds of convolutions and matrix products
        recipe=recipe.model_dump(),
    )
