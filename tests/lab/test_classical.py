"""Classical models: features that are what they are called, and files that compute what scikit-learn computes."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
import typer
from typer.testing import CliRunner

from mien.cli.classical import classical
from mien.emotions import EMOTIONS, LABEL_SETS
from mien.errors import DataError, ModelError, OptionError
from mien.lab.classical.features import compute_features, open_features
from mien.lab.classical.lbp import uniform_classes
from mien.lab.classical.run import HEAD, fit_classical
from mien.lab.classical.settings import Boosting, Classical, Forest
from mien.lab.classical.trees import floor_float32
from mien.lab.evaluate.predict import classifier_of_onnx, open_classifier, predict
from mien.lab.evaluate.protocol import evaluate
from mien.model.classifier import EmotionClassifier
from mien.model.preprocess import to_tensor
from mien.model.registry import load_model
from mien.model.session import open_session

from .conftest import HAPPY, two_classes

SMALL = Classical(
    features="lbp", emotions="happy-sad", size=16, cell=4, region=8, forest=Forest(20, 1), boosting=Boosting(10)
)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 24, 24)).astype(np.uint8)


def test_hog_is_what_scikit_image_calls_hog(noise):
    from skimage.feature import hog

    front, _ = open_features(replace(SMALL, features="hog", size=24, cell=6))
    expected = np.stack([hog(image, 9, (6, 6), (2, 2)) for image in noise])
    assert np.abs(compute_features(front, noise) - expected).max() < 1e-6


def test_lbp_counts_patterns_as_one_would_by_hand(noise):
    image = np.pad(noise[0].astype(int), 1, mode="edge")
    ring = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    counts = np.zeros((2, 2, 59))
    for row, column in np.ndindex(24, 24):
        center = image[row + 1, column + 1]
        pattern = sum((image[row + 1 + y, column + 1 + x] >= center) << k for k, (y, x) in enumerate(ring))
        counts[row // 12, column // 12, uniform_classes()[pattern]] += 1
    front, _ = open_features(replace(SMALL, size=24, region=12))
    found = compute_features(front, noise[:1]).reshape(59, 2, 2).transpose(1, 2, 0)
    assert np.allclose(found, counts / 144, atol=1e-6)


def test_there_are_58_uniform_patterns():
    classes, sizes = np.unique(uniform_classes(), return_counts=True)
    assert classes.tolist() == list(range(59))
    assert sizes.tolist() == [1] * 58 + [256 - 58]


def test_two_kinds_of_features_stand_side_by_side(noise):
    both, hog, lbp = (
        compute_features(open_features(replace(SMALL, features=kind, size=24))[0], noise)
        for kind in ("hog+lbp", "hog", "lbp")
    )
    assert np.array_equal(both, np.hstack([hog, lbp]))


def test_the_embedding_is_what_the_heads_read(noise):
    card, weights = load_model("default")
    front, base = open_features(Classical(features="embedding"))
    features = compute_features(front, noise)
    tensors = {
        tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load_from_string(weights).graph.initializer
    }
    (gemm,) = (node for node in onnx.load_from_string(weights).graph.node if "fer2013" in node.output)
    kernel, bias = (tensors[name] for name in gemm.input[1:])
    by_hand = features @ (kernel.T if kernel.shape[0] == 7 else kernel) + bias
    assert np.allclose(by_hand, classifier_of_onnx(weights, card).logits(noise)["fer2013"], atol=1e-4)
    assert base["sha256"] == card.sha256


@pytest.mark.parametrize("model", ["forest", "boosting", "logistic"])
def test_the_file_computes_what_scikit_learn_computes(model, synthetic, tmp_path):
    done = fit_classical(replace(SMALL, model=model, class_weights="balanced"), synthetic, tmp_path)
    assert done.difference <= 1e-4
    classifier = open_classifier(done.path)
    assert classifier.parameters > 0
    scores = evaluate(classifier, synthetic).find(HEAD, "official", False)
    assert scores.accuracy > 0.95  # stripes are what local patterns see best
    assert classifier.heads[HEAD].temperature != 1


@pytest.mark.parametrize("model", ["forest", "boosting", "logistic"])
def test_four_emotions_and_faces_of_another_size(model, tmp_path):
    faces = two_classes(160, size=20)
    labels = np.array([EMOTIONS.index(name) for name in LABEL_SETS["four"]])[np.arange(160) % 4]
    faces = replace(faces, labels=labels, votes=None)
    done = fit_classical(replace(SMALL, model=model, emotions="four", features="hog"), faces, tmp_path, name="mine")
    logits = open_classifier(tmp_path).logits(faces.images[:5])[HEAD]  # the folder's only model
    assert logits.shape == (5, 4)
    assert np.allclose(np.exp(logits).sum(1), 1, atol=1e-5)
    assert done.path.name == "mine.onnx"


def test_the_reader_takes_the_file_as_any_other(synthetic, tmp_path):
    done = fit_classical(replace(SMALL, model="forest"), synthetic, tmp_path)
    card, weights = load_model(done.path)
    network = EmotionClassifier(card, open_session(weights, 1, "x"), None, None, True)
    judged = network.predict(to_tensor(synthetic.images[:40], card.input))
    right = [
        network.emotions[i] == EMOTIONS[label] for i, label in zip(judged.probabilities.argmax(1), synthetic.labels)
    ]
    assert np.mean(right) > 0.95


def test_color_images_are_read_by_their_brightness(synthetic, tmp_path):
    classifier = open_classifier(fit_classical(SMALL, synthetic, tmp_path).path)
    gray = synthetic.images[:6]
    assert np.array_equal(
        predict(classifier, gray, flip=True)[HEAD], predict(classifier, np.stack([gray] * 3, -1), flip=True)[HEAD]
    )


def test_the_card_says_what_was_done(synthetic, tmp_path):
    path = fit_classical(replace(SMALL, model="logistic"), synthetic, tmp_path).path
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["recipe"]["classical"]["features"] == "lbp"
    assert card["heads"][HEAD]["emotions"] == list(LABEL_SETS["happy-sad"])
    assert card["scores"]["results"][0]["scores"]["n"] == 80
    assert "240 training images" in card["data"]


def test_a_changed_file_is_refused(synthetic, tmp_path):
    path = fit_classical(replace(SMALL, model="logistic"), synthetic, tmp_path).path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="not the file that its card describes"):
        open_classifier(path)


def test_rounding_a_threshold_down_changes_no_decision():
    value = np.float32(1)
    above = np.nextafter(value, np.float32(2))
    middle = (np.float64(value) + np.float64(above)) / 2  # the nearest float32 may be either
    for threshold in (middle, np.float64(above) - 1e-16, np.float64(value)):
        floor = floor_float32(np.array([threshold]))[0]
        assert (value <= floor) == (value <= threshold)
        assert (above <= floor) == (above <= threshold)


def test_a_class_without_images_is_named(synthetic, tmp_path):
    with pytest.raises(DataError, match="got no training images of surprise, neutral"):
        fit_classical(replace(SMALL, emotions="four"), synthetic, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_missing_validation_part_is_named_first(synthetic, tmp_path):
    with pytest.raises(DataError, match="no images for 'validation'"):
        fit_classical(SMALL, synthetic.part("train"), tmp_path)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"features": "sift"}, "features: got 'sift', expected one of hog, lbp"),
        ({"model": "tree"}, "model: got 'tree'"),
        ({"features": "hog", "cell": 30}, "cell: got 30 pixels, expected 2 to 8"),
        ({"emotions": "six"}, "unknown label set"),
    ],
)
def test_settings_that_cannot_be_meant(wrong, words):
    with pytest.raises(OptionError, match=words):
        replace(SMALL, **wrong)


def test_an_unknown_base_is_an_error_with_advice():
    with pytest.raises(ModelError, match="base: unknown model 'nobody'") as caught:
        open_features(Classical(features="embedding", base="nobody"))
    assert "export" in caught.value.hint


def test_the_command(tmp_path):
    faces = two_classes(120)
    usage = {"train": "Training", "validation": "PublicTest"}
    rows = [
        f"{label},{' '.join(map(str, image.ravel()))},{usage[part]}"
        for image, label, part in zip(faces.images, faces.labels, faces.split.tolist())
    ]
    (tmp_path / "faces.csv").write_text("emotion,pixels,Usage\n" + "\n".join(rows) + "\n")
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(classical)
    options = ["--data", str(tmp_path / "faces.csv"), "--out", str(tmp_path / "out"), "--emotions", "happy-sad"]
    done = CliRunner().invoke(app, ["lbp", "logistic", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "validation: accuracy" in done.stdout
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["lbp-logistic.json", "lbp-logistic.onnx"]
    assert (faces.labels == HAPPY).any()
