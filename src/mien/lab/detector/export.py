"""Export a trained face detector to one ONNX file, with float16 weights or in int8."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from ...detection.anchor_free import STRIDES
from ...detection.pyramid import to_blob
from ...io.atomic import write_atomically
from ..exporting import quantized
from ..torch_export import export_onnx
from .data import Photo
from .network import DetectorNetwork
from .train import load_network

#: Photos whose activations determine the ranges of int8.
_RANGES_FROM = 200
_CALIBRATION_SIDE = 448


def export_detector(checkpoint: Path, out: Path, *, calibration: Sequence[Photo] = ()) -> Path:
    """Write a checkpoint's averaged network as ONNX.

    Args:
        checkpoint: ``last.ckpt`` of a training.
        out: the file to write.
        calibration: photos that determine the ranges of an int8 file; none writes float16 weights, half as large.

    Raises:
        ModelError: the checkpoint is missing or damaged.
        OutputError: ``out`` cannot be written.
    """
    weights = to_onnx(load_network(checkpoint))
    write_atomically(out, to_int8(weights, calibration) if calibration else half_weights(weights))
    return out


def to_onnx(network: DetectorNetwork) -> bytes:
    """The network, in evaluation mode, as ONNX; batch norms and the scale of the pixels are folded into the convolutions.

    Input ``images``: float32 (N, 3, H, W), RGB, 0 to 255, H and W multiples of 32. Output ``faces``: float32 (N, A, 15), as
    ``detection.anchor_free.decode`` takes it.
    """
    network = copy.deepcopy(network).to(memory_format=torch.contiguous_format).eval()
    network.fold_scale()
    rows, columns = STRIDES[-1] * torch.export.Dim("rows"), STRIDES[-1] * torch.export.Dim("columns")
    images = torch.zeros(2, 3, 4 * STRIDES[-1], 5 * STRIDES[-1])
    return export_onnx(network, images, ["faces"], {2: rows, 3: columns})


def half_weights(weights: bytes) -> bytes:
    """The same network with its weights stored as float16: onnxruntime converts them to float32 as it loads them."""
    model = onnx.load_from_string(weights)
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
            name, values = tensor.name, numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
            casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())


def to_int8(weights: bytes, photos: Sequence[Photo]) -> bytes:
    """An int8 copy of ``to_onnx``'s file, with ranges from ``photos``."""
    images = []
    for index in np.random.default_rng(0).permutation(len(photos))[:_RANGES_FROM]:
        canvas = np.zeros((_CALIBRATION_SIDE, _CALIBRATION_SIDE, 3), np.uint8)
        shown, _ = photos[index].resized(_CALIBRATION_SIDE)
        canvas[: shown.shape[0], : shown.shape[1]] = shown
        images.append(to_blob(canvas))
    return quantized(weights, np.concatenate(images), keep_first=True)
