"""Export a trained face detector to one ONNX file, in float32 or int8."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

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
        calibration: photos that determine the ranges of an int8 file; none writes float32.

    Raises:
        ModelError: the checkpoint is missing or damaged.
        OutputError: ``out`` cannot be written.
    """
    weights = to_onnx(load_network(checkpoint))
    write_atomically(out, to_int8(weights, calibration) if calibration else weights)
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


def to_int8(weights: bytes, photos: Sequence[Photo]) -> bytes:
    """An int8 copy of ``to_onnx``'s file, with ranges from ``photos``."""
    images = []
    for index in np.random.default_rng(0).permutation(len(photos))[:_RANGES_FROM]:
        canvas = np.zeros((_CALIBRATION_SIDE, _CALIBRATION_SIDE, 3), np.uint8)
        shown, _ = photos[index].resized(_CALIBRATION_SIDE)
        canvas[: shown.shape[0], : shown.shape[1]] = shown
        images.append(to_blob(canvas))
    return quantized(weights, np.concatenate(images), keep_first=True)
