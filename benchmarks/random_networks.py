"""Rivals' networks with random weights, as ONNX: what reading a face costs does not depend on what was learned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def sessions_of(threads: int) -> Any:
    """``onnxruntime.InferenceSession``, but with so many threads (0: all) where the caller names no number."""
    import onnxruntime

    class Session(onnxruntime.InferenceSession):  # type: ignore[misc]  # no types there
        def __init__(self, source: Any, sess_options: Any = None, **how: Any) -> None:
            options = sess_options or onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            super().__init__(source, options, **how)

    return Session


class _Graph:
    """Layers one after the other; batch norms are folded into convolutions, as exporters fold them."""

    def __init__(self, name: str, shape: list[str | int]) -> None:
        self._name, self._shape, self.last = name, shape, "input"
        self._rng = np.random.default_rng(0)
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    def add(self, kind: str, *inputs: str, **how: Any) -> str:
        """A layer on ``inputs``; on the last one where none are named."""
        self.last, inputs = f"{kind}{len(self._nodes)}", inputs or (self.last,)
        self._nodes.append(helper.make_node(kind, list(inputs), [self.last], **how))
        return self.last

    def weights(self, *shape: int) -> str:
        values = self._rng.normal(0, math.sqrt(2 / math.prod(shape[1:])), shape).astype(np.float32)
        self._weights.append(numpy_helper.from_array(values, f"weights{len(self._weights)}"))
        return str(self._weights[-1].name)

    def conv(self, channels: int, width: int, side: int = 3, pad: int = 0, stride: int = 1, groups: int = 1) -> str:
        kernel, bias = self.weights(width, channels // groups, side, side), self.weights(width)
        return self.add("Conv", self.last, kernel, bias, pads=[pad] * 4, strides=[stride] * 2, group=groups)

    def dense(self, channels: int, width: int) -> str:
        return self.add("Gemm", self.last, self.weights(channels, width), self.weights(width))

    def relu(self) -> str:
        return self.add("Relu")

    def swish(self) -> str:
        before = self.last
        return self.add("Mul", before, self.add("Sigmoid"))

    def as_bytes(self, classes: int) -> bytes:
        self._nodes[-1].output[0] = "scores"
        inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, self._shape)]
        outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", classes])]
        graph = helper.make_graph(self._nodes, self._name, inputs, outputs, self._weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        return bytes(model.SerializeToString())


def vgg13() -> bytes:
    """The network of FER+ (Barsoum et al. 2016, arXiv 1608.01041): gray 64 x 64, eight classes."""
    graph, channels = _Graph("vgg13", ["n", 1, 64, 64]), 1
    for width, depth in ((64, 2), (128, 2), (256, 3), (256, 3)):
        for _ in range(depth):
            graph.conv(channels, width, pad=1)
            graph.relu()
            channels = width
        graph.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    graph.add("Flatten")
    for before, width in ((4096, 1024), (1024, 1024)):
        graph.dense(before, width)
        graph.relu()
    graph.dense(1024, 8)
    return graph.as_bytes(8)


def deepface_emotion() -> bytes:
    """Deepface's network for emotions: gray 48 x 48, channels last, seven classes."""
    graph = _Graph("deepface", ["n", 48, 48, 1])
    graph.add("Transpose", perm=[0, 3, 1, 2])
    graph.conv(1, 64, side=5)
    graph.relu()
    graph.add("MaxPool", kernel_shape=[5, 5], strides=[2, 2])
    for before, width in ((64, 64), (64, 128)):
        graph.conv(before, width)
        graph.relu()
        graph.conv(width, width)
        graph.relu()
        graph.add("AveragePool", kernel_shape=[3, 3], strides=[2, 2])
    graph.add("Flatten")
    for before, width in ((128, 1024), (1024, 1024)):
        graph.dense(before, width)
        graph.relu()
    graph.dense(1024, 7)
    graph.add("Softmax", axis=1)
    return graph.as_bytes(7)


def efficientnet_b0() -> bytes:
    """EfficientNet-B0 (Tan and Le 2019, arXiv 1905.11946): RGB 224 x 224, eight classes."""
    graph, channels = _Graph("efficientnet_b0", ["n", 3, 224, 224]), 32
    graph.conv(3, 32, pad=1, stride=2)
    graph.swish()
    for wider, width, depth, side, stride in (
        *((1, 16, 1, 3, 1), (6, 24, 2, 3, 2), (6, 40, 2, 5, 2), (6, 80, 3, 3, 2)),
        *((6, 112, 3, 5, 1), (6, 192, 4, 5, 2), (6, 320, 1, 3, 1)),
    ):
        for number in range(depth):
            _inverted(graph, channels, width, wider, side, stride if number == 0 else 1)
            channels = width
    graph.conv(320, 1280, side=1)
    graph.swish()
    graph.add("GlobalAveragePool")
    graph.add("Flatten")
    graph.dense(1280, 8)
    return graph.as_bytes(8)


def _inverted(graph: _Graph, channels: int, width: int, wider: int, side: int, stride: int) -> None:
    """A block that widens, looks at each channel by itself, weighs the channels, and narrows again."""
    before, middle = graph.last, wider * channels
    if wider > 1:
        graph.conv(channels, middle, side=1)
        graph.swish()
    graph.conv(middle, middle, side, side // 2, stride, middle)
    looked = graph.swish()
    graph.add("GlobalAveragePool")
    graph.conv(middle, max(1, channels // 4), side=1)
    graph.swish()
    graph.conv(max(1, channels // 4), middle, side=1)
    graph.add("Mul", looked, graph.add("Sigmoid"))
    narrow = graph.conv(middle, width, side=1)
    if stride == 1 and channels == width:
        graph.add("Add", narrow, before)
