"""Baselines: image features, and files that work like any other model."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from typer import Typer
from typer.testing import CliRunner

from mien.cli.lab_fit import baseline as command
from mien.emotions import EMOTIONS, LABEL_SETS
from mien.errors import DataError, ModelError, OptionError, RecipeError
from mien.lab.baselines import baseline, baseline_settings, open_features
from mien.lab.evaluation.classifier import classifier_of_onnx, open_classifier, predict
from mien.lab.evaluation.evaluate import evaluate
from mien.lab.features import HandcraftedFeatures, compute_features
from mien.model.card import load_model
from mien.model.classifier import EmotionClassifier
from mien.model.preprocess import resize, to_tensor
from mien.model.session import PIPELINE_HEAD, open_pipeline, open_session

from .conftest import two_classes


def small(**fields):
    chosen = {"features": "lbp", "emotions": "happy-sad", "size": 16, "cell": 4, "region": 8, **fields}
    return baseline_settings(**chosen)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 24, 24)).astype(np.uint8)


def test_lbp_are_shares_of_59_patterns_in_each_square(noise):
    features = HandcraftedFeatures("lbp", region=12).transform(noise[:, None].astype(np.float32))
    assert features.shape == (4, 4 * 59)
    assert np.allclose(features.reshape(4, 4, 59).sum(2), 1)
    assert features.min() >= 0


def test_two_kinds_of_features_are_concatenated(noise):
    images = noise[:, None].astype(np.float32)
    both, hog, lbp = (HandcraftedFeatures(kind, 6, 12).transform(images) for kind in ("hog+lbp", "hog", "lbp"))
    assert np.array_equal(both, np.hstack([hog, lbp]))
    assert hog.shape == (4, 3 * 3 * 4 * 9)


def test_the_embedding_is_the_input_of_the_heads(noise):
    card, weights = load_model("default")
    transformer, spec, base = open_features(baseline_settings(features="embedding"))
    features = compute_features(transformer, to_tensor(resize(noise, spec.size), spec))
    graph = onnx.load_from_string(weights).graph
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    (gemm,) = (node for node in graph.node if "fer2013" in node.output)
    kernel, bias = (tensors[name] for name in gemm.input[1:])
    by_hand = features @ (kernel.T if kernel.shape[0] == 7 else kernel) + bias
    assert np.allclose(by_hand, classifier_of_onnx(weights, card).logits(noise)["fer2013"], atol=1e-4)
    assert base.sha256 == card.sha256


@pytest.mark.parametrize("classifier", ["forest", "boosting", "logistic"])
def test_a_baseline_learns_and_is_calibrated(classifier, synthetic, tmp_path):
    parameters = {"forest": {"n_estimators": 20}, "boosting": {"max_iter": 10}}.get(classifier, {})
    settings = small(classifier=classifier, class_weights="balanced", parameters=parameters)
    done = baseline(settings, synthetic, tmp_path)
    opened = open_classifier(done.path)
    assert opened.parameters > 0
    assert opened.heads[PIPELINE_HEAD].temperature != 1
    found = evaluate(opened, synthetic).find(PIPELINE_HEAD, "official", False)
    assert found.accuracy > 0.95  # stripes are what local patterns see best
    assert found == done.evaluation.find(PIPELINE_HEAD, "official", False)


def test_four_emotions_and_images_of_another_size(tmp_path):
    faces = two_classes(160, size=20)
    labels = np.array([EMOTIONS.index(name) for name in LABEL_SETS["four"]])[np.arange(160) % 4]
    faces = replace(faces, labels=labels, votes=None)
    settings = small(emotions="four", features="hog", parameters={"max_iter": 10})
    done = baseline(settings, faces, tmp_path, name="mine")
    logits = open_classifier(tmp_path).logits(faces.images[:5])[PIPELINE_HEAD]  # the folder's only model
    assert logits.shape == (5, 4)
    assert np.allclose(np.exp(logits).sum(1), 1, atol=1e-3)
    assert done.path.name == "mine.skops"


def test_the_reader_classifies_with_a_baseline(synthetic, tmp_path):
    path = baseline(small(classifier="logistic"), synthetic, tmp_path).path
    card, weights = load_model(path)
    network = EmotionClassifier(card, open_session(weights, 1, "x"), None, None, True)
    found = network.predict(to_tensor(synthetic.images[:40], card.input))
    names = np.array(network.emotions)[found.probabilities.argmax(1)]
    assert np.mean(names == np.array(EMOTIONS)[synthetic.labels[:40]]) > 0.95


def test_color_images_are_classified_by_their_brightness(synthetic, tmp_path):
    classifier = open_classifier(baseline(small(classifier="logistic"), synthetic, tmp_path).path)
    gray = synthetic.images[:6]
    color = predict(classifier, np.stack([gray] * 3, -1), flip=True)[PIPELINE_HEAD]
    assert np.array_equal(predict(classifier, gray, flip=True)[PIPELINE_HEAD], color)


def test_the_card_has_settings_and_scores(synthetic, tmp_path):
    path = baseline(small(classifier="logistic"), synthetic, tmp_path).path
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["recipe"]["baseline"]["features"] == "lbp"
    assert card["heads"][PIPELINE_HEAD]["emotions"] == list(LABEL_SETS["happy-sad"])
    assert card["scores"]["results"][0]["scores"]["n"] == 80


def test_a_changed_file_is_refused(synthetic, tmp_path):
    path = baseline(small(classifier="logistic"), synthetic, tmp_path).path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError):
        open_classifier(path)


def test_a_file_with_foreign_types_or_broken_trees_is_refused():
    images = np.random.default_rng(0).normal(size=(40, 3))
    forest = RandomForestClassifier(2, random_state=0).fit(images, images[:, 0] > 0)
    tree = forest.estimators_[0].tree_
    assert open_pipeline(skops.io.dumps(make_pipeline(forest)), "fine").get_outputs()
    state = tree.__getstate__()
    state["nodes"]["left_child"][0] = 10_000
    tree.__setstate__(state)
    with pytest.raises(ModelError):
        open_pipeline(skops.io.dumps(make_pipeline(forest)), "broken")
    with pytest.raises(ModelError):
        open_pipeline(skops.io.dumps(CliRunner()), "foreign")
    with pytest.raises(ModelError):
        open_pipeline(b"PK\x03\x04 no archive", "damaged")


def test_a_class_without_images_is_refused(synthetic, tmp_path):
    with pytest.raises(DataError):
        baseline(small(emotions="four"), synthetic, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_missing_validation_part_is_refused(synthetic, tmp_path):
    with pytest.raises(DataError):
        baseline(small(), synthetic.part("train"), tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"features": "sift"},
        {"classifier": "tree"},
        {"features": "hog", "cell": 30},
        {"emotions": "six"},
        {"colour": "red"},
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(RecipeError):
        small(**wrong)


def test_unknown_parameters_and_bases_are_refused(synthetic, tmp_path):
    with pytest.raises(OptionError):
        baseline(small(parameters={"trees": 3}), synthetic, tmp_path)
    with pytest.raises(ModelError):
        open_features(baseline_settings(features="embedding", base="nobody"))


def test_the_command_writes_model_and_card(tmp_path):
    faces = two_classes(120)
    usage = {"train": "Training", "validation": "PublicTest"}
    rows = [
        f"{label},{' '.join(map(str, image.ravel()))},{usage[part]}"
        for image, label, part in zip(faces.images, faces.labels, faces.split.tolist())
    ]
    (tmp_path / "faces.csv").write_text("emotion,pixels,Usage\n" + "\n".join(rows) + "\n")
    app = Typer(pretty_exceptions_enable=False)
    app.command()(command)
    options = ["--data", str(tmp_path / "faces.csv"), "--out", str(tmp_path / "out"), "--emotions", "happy-sad"]
    done = CliRunner().invoke(app, ["lbp", "logistic", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["lbp-logistic.json", "lbp-logistic.skops"]
