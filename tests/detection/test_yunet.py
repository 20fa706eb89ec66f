"""YuNet, on a stand-in with YuNet's outputs that sees one face everywhere."""

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import mien
from mien import Frame, ModelError
from mien.detection.yunet import YuNet

SIDE = 64


@pytest.fixture
def stand_in(tmp_path):
    """An ONNX file with YuNet's twelve outputs: in a 64 x 64 image, one face of 32 x 40 centerd at (32, 24)."""
    nodes, outputs, constants = [], [], []
    for stride in (8, 16, 32):
        cells = (SIDE // stride) ** 2
        tables = {"cls": (cells, 1), "obj": (cells, 1), "bbox": (cells, 4), "kps": (cells, 10)}
        for kind, shape in tables.items():
            values = np.zeros((1, *shape), np.float32)
            if stride == 8:
                cell = 3 * (SIDE // stride) + 4  # row 3, column 4: its corner is (32, 24)
                values[0, cell] = {
                    "cls": [1.0],
                    "obj": [0.81],
                    "bbox": [0, 0, math.log(32 / 8), math.log(40 / 8)],
                    "kps": [-1, -1, 1, -1, 0, 0, -0.5, 1, 0.5, 1],
                }[kind]
            name = f"{kind}_{stride}"
            constants.append(numpy_helper.from_array(values, f"{name}_values"))
            nodes.append(helper.make_node("Add", [f"{name}_values", "nothing"], [name]))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, *shape]))
    constants.append(numpy_helper.from_array(np.zeros(1, np.float32), "zero"))
    nodes.insert(0, helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0))
    nodes.insert(1, helper.make_node("Mul", ["mean", "zero"], ["nothing"]))
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIDE, SIDE])]
    model = helper.make_model(
        helper.make_graph(nodes, "yunet", inputs, outputs, constants), opset_imports=[helper.make_opsetid("", 11)]
    )
    model.ir_version = 7
    path = tmp_path / "stand_in.onnx"
    onnx.save(model, path)
    return str(path)


def test_boxes_and_landmarks_come_out_in_pixels_and_order(stand_in):
    (face,) = YuNet(stand_in).detect(Frame(np.zeros((SIDE, SIDE, 3), np.uint8)))
    assert face.box.xyxy == pytest.approx((16, 4, 48, 44), abs=1e-3)
    assert face.score == pytest.approx(0.9, abs=1e-3)
    np.testing.assert_allclose(face.landmarks, [[24, 16], [40, 16], [32, 24], [28, 32], [36, 32]], atol=1e-3)


def test_a_face_below_the_threshold_is_dropped(stand_in):
    assert YuNet(stand_in, threshold=0.95).detect(Frame(np.zeros((SIDE, SIDE, 3), np.uint8))) == []


def test_an_image_of_another_size_is_scaled_to_the_input(stand_in):
    (face,) = YuNet(stand_in).detect(Frame(np.zeros((2 * SIDE, SIDE, 3), np.uint8)))
    assert face.box.xyxy == pytest.approx((32, 8, 96, 88), abs=1e-3)


def test_weights_of_other_networks_are_refused():
    with pytest.raises(ModelError):
        YuNet(Path(mien.__file__).parent / "model" / "weights" / "tiny.onnx")
