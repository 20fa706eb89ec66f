"""Random weights give different maps."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from scipy.stats import spearmanr

from mien import Frame, ModelError
from mien.explanations.faithfulness import Sanity, layers, rank_correlation, shuffled_weights

from .conftest import explainer_of, network_of, smiling, weights


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_shuffling_keeps_every_number(int8):
    before = weights(int8=int8)
    after = shuffled_weights(before, 0)
    for old, new in zip(
        onnx.load_from_string(before).graph.initializer, onnx.load_from_string(after).graph.initializer
    ):
        first, second = numpy_helper.to_array(old), numpy_helper.to_array(new)
        assert (old.name, first.dtype, first.shape) == (new.name, second.dtype, second.shape)
        np.testing.assert_array_equal(np.sort(first, None), np.sort(second, None))
        assert np.array_equal(first, second) == (first.ndim < 2)
    assert shuffled_weights(before, 0) == after != shuffled_weights(before, 1)


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_the_map_follows_the_weights(int8):
    frame = Frame(np.repeat(smiling()[..., None], 3, 2))

    def heat(content: bytes) -> np.ndarray:
        explainer = explainer_of(network_of(content))
        ((_, crop),) = explainer.crops(frame)
        return explainer.occlusion_map(crop, "happy")

    own = heat(weights(int8=int8))
    others = tuple(heat(shuffled_weights(weights(int8=int8), seed)) for seed in range(12))
    check = Sanity("made", 1, "happy", frame.image, own, others)
    assert abs(check.mean) < 0.15
    assert check.passed
    assert not Sanity("made", 1, "happy", frame.image, own, (own, own)).passed
    assert Sanity("made", 1, "happy", frame.image, own, (-own, -own)).passed  # the opposite is not the same


def test_a_model_without_weights_cannot_be_shuffled():
    model = onnx.load_from_string(weights())
    del model.graph.initializer[:]
    with pytest.raises(ModelError):
        shuffled_weights(model.SerializeToString(), 0)


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 9, (2, 10, 10))  # with ties
    assert rank_correlation(first, second) == pytest.approx(spearmanr(first.ravel(), second.ravel())[0])
    assert rank_correlation(np.zeros((2, 2)), np.eye(2)) == 0


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_layers_are_shuffled_one_by_one(int8):
    before = weights(int8=int8)
    names = layers(before)
    assert shuffled_weights(before, 0, only=names) == shuffled_weights(before, 0)
    with pytest.raises(ModelError):
        shuffled_weights(before, 0, only=())


@pytest.mark.parametrize("name", ["default", "tiny"])
def test_shuffling_reaches_the_models_that_ship(name):
    from mien.model.card import load_model

    _, shipped = load_model(name)
    names = layers(shipped)
    before, after = (
        {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load_from_string(content).graph.initializer}
        for content in (shipped, shuffled_weights(shipped, 0, only=names[:1]))
    )
    assert [tensor for tensor in before if not np.array_equal(before[tensor], after[tensor])] == [names[0]]
    model = onnx.load_from_string(shipped)
    weighted = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
    assert len(layers(shipped)) == len(weighted)
