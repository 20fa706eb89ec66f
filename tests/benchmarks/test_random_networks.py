"""The networks of other libraries with random weights are those networks."""

import runpy
from pathlib import Path

import numpy as np
import onnx
import pytest

NETWORKS = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "random_networks.py"))


@pytest.mark.parametrize(
    ("name", "shape", "classes", "weights"),
    [
        ("vgg13", (2, 1, 64, 64), 8, 8_757_704),
        ("deepface_emotion", (2, 48, 48, 1), 7, 1_485_831),  # as Keras counts deepface's
        ("efficientnet_b0", (2, 3, 224, 224), 8, 3_996_788),  # 4,017,796 with batch norm, as timm counts
    ],
)
def test_sizes_are_the_published_ones(name, shape, classes, weights):
    model = NETWORKS[name]()
    assert sum(int(np.prod(one.dims)) for one in onnx.load_model_from_string(model).graph.initializer) == weights
    session = NETWORKS["sessions_of"](1)(model, providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"input": np.random.default_rng(0).random(shape, np.float32)})
    assert scores.shape == (2, classes)
    assert np.isfinite(scores).all()
