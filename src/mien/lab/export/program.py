"""From a trained network to a program of torch's own (``.pt2``), which needs torch to run, but none of mien's code.

It takes the place of TorchScript, which torch has deprecated: ``torch.jit.trace``, ``save`` and ``load`` all warn, and name
``torch.export`` as what to use.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import torch

from ..networks.heads import MultiHead


def to_program(network: MultiHead, size: int, channels: int = 1) -> bytes:
    """The network as an ``ExportedProgram``, for any number of images at a time.

    Args:
        network: in evaluation mode, on the CPU.
        size: side of its images in pixels.
        channels: of its images.

    Returns:
        A ``.pt2`` file: ``torch.export.load(file).module()`` takes float32 (N, channels, size, size) and gives a dictionary
        of logits, float32 (N, K), for each head.
    """
    images = torch.zeros(2, channels, size, size)  # two: a batch of one would be taken for a constant
    program = torch.export.export(network, (images,), dynamic_shapes={"images": {0: torch.export.Dim("N")}})
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            for told in ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn"):
                node.meta.pop(told, None)  # names of modules, and paths of this machine
    content = io.BytesIO()
    torch.export.save(program, content)
    return content.getvalue()


def run_program(content: bytes, images: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
    """What a ``.pt2`` file says of images, float32 (N, C, S, S): logits, float32 (N, K), for each head."""
    module = torch.export.load(io.BytesIO(content)).module()
    with torch.inference_mode():
        return {name: value.numpy() for name, value in module(torch.from_numpy(images)).items()}
