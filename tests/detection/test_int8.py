"""The int8 detector matches the float32 one."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from mien import Frame, ModelError
from mien.detection.centerface import centerface, known_ranges, layers, network_file, plain_model, quantize
from mien.detection.pyramid import PyramidDetector
from mien.model.session import open_onnx


@pytest.fixture(scope="module")
def model() -> onnx.ModelProto:
    whole = plain_model(network_file())
    quantize(whole, known_ranges(network_file()))
    return whole


@pytest.fixture(scope="module")
def in_floats() -> PyramidDetector:
    detector = centerface(min_face=20)
    session = open_onnx(plain_model(network_file()).SerializeToString(), 1, "centerface.onnx")
    vars(detector.network)["_session"] = session
    return detector


def test_int8_detections_match_float32(in_floats, astronaut, hopper):
    in_bytes = centerface(min_face=20)
    for frame in (astronaut, hopper):
        (before,), (after,) = in_floats.detect(frame), in_bytes.detect(frame)
        assert after.box.iou(before.box) > 0.9
        assert after.score == pytest.approx(before.score, abs=0.05)
        side = (before.box.width * before.box.height) ** 0.5
        assert np.abs(after.landmarks - before.landmarks).max() < 0.03 * side


def test_crowds_and_empty_images_are_counted_correctly(crowd):
    in_bytes = centerface(min_face=20)
    assert len(in_bytes.detect(crowd)) == 50
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    assert in_bytes.detect(Frame(noise)) == []


@pytest.mark.parametrize(("times", "plus"), [(0.12, 0), (0.12, 110)])
def test_low_contrast_faces_survive_quantization(astronaut, times, plus):
    dim = Frame((astronaut.image * times + plus).astype(np.uint8))
    (before,), (after,) = centerface(min_face=20).detect(astronaut), centerface(min_face=20).detect(dim)
    assert after.box.iou(before.box) > 0.85


def test_the_int8_model_is_valid_and_runs_with_integer_layers(model, tmp_path):
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    floats = len([kind for kind in kinds if kind in ("Conv", "FusedConv")])
    assert floats == 4  # the four answers
    assert kinds.count("QLinearConv") == 56


def test_int8_weights_do_not_overflow_sixteen_bit_sums(model):
    whole = [numpy_helper.to_array(one) for one in model.graph.initializer if one.data_type == onnx.TensorProto.INT8]
    assert len(whole) == 56
    assert max(int(np.abs(one.astype(int)).max()) for one in whole) == 64
    assert 2 * 64 * 255 < 2**15


def test_every_layer_has_a_range_that_holds_zero():
    ranges = known_ranges(network_file())
    for layer in layers(plain_model(network_file()).graph):
        for name in (*layer.sources, layer.result):
            low, high = ranges[name]
            assert low <= 0 < high


def test_other_models_run_unchanged(monkeypatch, astronaut):
    changed = plain_model(network_file())
    changed.producer_name = "somebody else"
    content = changed.SerializeToString()
    assert known_ranges(content) is None
    monkeypatch.setattr("mien.detection.centerface.network_file", lambda: content)
    assert len(centerface(min_face=20).detect(astronaut)) == 1


def test_damaged_files_are_reported_as_damaged():
    with pytest.raises(ModelError):
        plain_model(b"not a network")
