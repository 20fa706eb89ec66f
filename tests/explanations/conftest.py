"""A network that uses the mouth only, and faces for it."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mien.detection.base import NoDetector
from mien.explanations.explainer import Explainer
from mien.explanations.perturbation import PARTS, part_masks, usual_landmarks
from mien.model.card import HeadCard, InputSpec, ModelCard
from mien.model.classifier import EmotionClassifier
from mien.model.session import open_session
from mien.reader import Reader

SIDE = 24
MASKS = part_masks(usual_landmarks(), SIDE)
MOUTH = MASKS[PARTS.index("mouth")] > 0.5
#: Stripes across: fine enough that blurring takes them away, and the same in the mirror.
STRIPES = np.where(np.indices((SIDE, SIDE))[0] % 2, 1.0, -1.0).astype(np.float32)
SPOKEN = ("neutral", "happy")


def smiling() -> np.ndarray:
    """A gray square with fine stripes all over: uint8 (24, 24)."""
    return (128 + 60 * STRIPES).astype(np.uint8)


def weights(*, int8: bool = False) -> bytes:
    """ONNX: neutral is 2, happy is 8 where the mouth shows the stripes, and 0 without."""
    happy = np.where(MOUTH, STRIPES, 0).ravel() / (MOUTH.sum() * 60 / 255) * 8
    matrix = np.stack([np.zeros(SIDE * SIDE), happy]).astype(np.float32)
    bias = numpy_helper.from_array(np.array([2, 0], np.float32), "bias")
    if int8:
        scale = np.abs(matrix).max() / 127
        stored = [
            numpy_helper.from_array(np.rint(matrix / scale).astype(np.int8), "stored"),
            numpy_helper.from_array(np.array(scale, np.float32), "scale"),
        ]
        nodes = [helper.make_node("DequantizeLinear", ["stored", "scale"], ["weight"])]
    else:
        stored, nodes = [numpy_helper.from_array(matrix, "weight")], []
    nodes += [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["words"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "mouth",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("words", TensorProto.FLOAT, ["n", 2])],
        [*stored, bias],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model.SerializeToString()


def card(content: bytes) -> ModelCard:
    return ModelCard(
        "mouth", "mouth.onnx", hashlib.sha256(content).hexdigest(), "MIT", "none", InputSpec(SIDE, 0.0, 1.0),
        {"words": HeadCard(SPOKEN)}, parameters=0, macs=0,
    )  # fmt: skip


def explainer_of(network: EmotionClassifier) -> Explainer:
    return Explainer(Reader(detector=NoDetector(), classifier=network))


def network_of(content: bytes) -> EmotionClassifier:
    return EmotionClassifier(card(content), open_session(content, 1, "mouth"), None, None, flip=False)


@pytest.fixture
def network() -> EmotionClassifier:
    return network_of(weights())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The network as a file with its card."""
    path = tmp_path / "mouth.onnx"
    path.write_bytes(weights())
    path.with_suffix(".json").write_text(card(weights()).to_json(), "utf-8")
    return path
