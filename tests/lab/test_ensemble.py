"""Ensembles: the mean of what the members say, in the emotions that all of them know."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from scipy.special import log_softmax
from typer.testing import CliRunner

from mien.cli.ensembling import ensemble
from mien.emotions import EMOTIONS, LABEL_SETS
from mien.errors import DataError, ModelError, OptionError
from mien.lab.classical.run import HEAD as LABELS
from mien.lab.classical.run import fit_classical
from mien.lab.classical.settings import Classical, Forest
from mien.lab.ensemble.combining import log_probabilities, restricted, stacked, voted
from mien.lab.ensemble.fitting import fit_stack, shares
from mien.lab.ensemble.opening import HEAD
from mien.lab.ensemble.run import common_label_set, make_ensemble
from mien.lab.ensemble.spec import read_ensemble
from mien.lab.evaluate.predict import open_classifier, predict
from mien.lab.evaluate.protocol import evaluate
from mien.model.preprocess import to_tensor

from .conftest import HAPPY, SAD, two_classes

TWO = Classical("lbp", "logistic", emotions="happy-sad", size=16, region=8, forest=Forest(20, 1))


@pytest.fixture(scope="module")
def faces():
    return two_classes(320)


@pytest.fixture(scope="module")
def models(faces, tmp_path_factory) -> Path:
    """A folder with ``good`` and ``small``, which tell stripes apart, and ``lost``, which learned from shuffled labels."""
    folder = tmp_path_factory.mktemp("models")
    fit_classical(TWO, faces, folder, name="good")
    fit_classical(replace(TWO, size=12, region=4, model="forest"), faces, folder, name="small")
    train = faces.split == "train"
    labels = faces.labels.copy()
    labels[train] = np.random.default_rng(1).permutation(labels[train])
    fit_classical(replace(TWO, model="forest"), replace(faces, labels=labels), folder, name="lost")
    return folder


def test_a_vote_is_the_mean_of_probabilities():
    logs = [np.log([[0.8, 0.2]]), np.log([[0.4, 0.6]])]
    assert np.allclose(np.exp(voted(logs, [0.5, 0.5])), [[0.6, 0.4]])
    assert np.allclose(np.exp(voted(logs, shares([3, 1], 2))), [[0.7, 0.3]])


def test_restricting_is_conditioning():
    logits = np.log(np.array([[0.1, 0.2, 0.3, 0.4]]))
    some = restricted(logits, LABEL_SETS["four"], LABEL_SETS["happy-sad"])
    assert np.allclose(np.exp(log_probabilities(some, 1.0)), [[1 / 3, 2 / 3]])


def test_the_label_set_is_what_all_know():
    assert common_label_set([LABEL_SETS["eight"], LABEL_SETS["four"], LABEL_SETS["seven"]]) == "four"
    with pytest.raises(OptionError, match="angry in common"):
        common_label_set([LABEL_SETS["seven"], (EMOTIONS[0],)])


def test_a_stack_finds_the_member_that_knows():
    rng = np.random.default_rng(0)
    answers = rng.integers(0, 3, 600)
    knowing = log_softmax(2.0 * np.eye(3)[answers] + rng.normal(0, 0.7, (600, 3)), axis=1)
    guessing = log_softmax(rng.normal(0, 3, (600, 3)), axis=1)
    found = fit_stack([[guessing, knowing]], answers, np.arange(600))
    alone = (knowing.argmax(1) == answers).mean()
    assert (voted([guessing, knowing], [0.5, 0.5]).argmax(1) == answers).mean() < alone - 0.1
    assert (found.unseen.argmax(1) == answers).mean() > alone - 0.02
    assert np.abs(np.array(found.stack.weights)[:, :3]).max() < 0.2 * np.abs(np.array(found.stack.weights)[:, 3:]).max()


def test_held_out_answers_come_from_other_folds():
    """Members that know nothing: a stack judged on its own images would look better than chance, held out it must not."""
    rng = np.random.default_rng(0)
    answers = rng.integers(0, 2, 60)
    views = [[log_softmax(rng.normal(0, 5, (60, 2)), axis=1) for _ in range(12)]]
    found = fit_stack(views, answers, np.arange(60))
    assert (found.unseen.argmax(1) == answers).mean() < 0.65
    assert (stacked(views[0], found.stack).argmax(1) == answers).mean() >= (found.unseen.argmax(1) == answers).mean()


def test_members_of_other_sizes_and_label_sets(models, faces, tmp_path):
    made = make_ensemble([models / "good.onnx", models / "small.onnx", Path("default")], faces, tmp_path / "three.json")
    assert made.ensemble.emotions == "happy-sad"
    assert [member.head for member in made.ensemble.members] == [LABELS, LABELS, "fer2013"]
    opened = open_classifier(tmp_path / "three.json")
    assert opened.input.size == 48
    expected = []
    for member, model in zip(made.ensemble.members, (models / "good.onnx", models / "small.onnx", Path("default"))):
        classifier = open_classifier(model)
        logits = classifier.logits(faces.images[:9])[member.head].astype(np.float64)
        columns = [classifier.heads[member.head].emotions.index(name) for name in ("happy", "sad")]
        raised = np.exp(logits[:, columns] / member.temperature)
        expected.append(raised / raised.sum(1, keepdims=True))
    assert np.allclose(np.exp(opened.logits(faces.images[:9])[HEAD]), np.mean(expected, axis=0), atol=1e-5)


def test_what_was_measured_is_measured_again(models, faces, tmp_path):
    made = make_ensemble([models / "good.onnx", models / "lost.onnx"], faces, tmp_path / "two.json", weights=[4, 1])
    again = evaluate(open_classifier(tmp_path / "two.json"), faces).find(HEAD, "official", True)
    assert again.accuracy == made.together.accuracy > made.members[1].accuracy
    assert again.nll == pytest.approx(made.together.nll, abs=1e-4)


def test_a_stacked_file_gives_what_the_stack_gives(models, faces, tmp_path):
    made = make_ensemble([models / "good.onnx", models / "lost.onnx"], faces, tmp_path / "two.json", stack=True)
    assert made.together.accuracy > 0.95
    assert made.ensemble.scores["cross_validated"]
    opened = open_classifier(tmp_path / "two.json")
    logits = predict(opened, faces.images[:50], flip=True)[HEAD]
    right = np.array([HAPPY, SAD])[logits.argmax(1)] == faces.labels[:50]
    assert right.mean() > 0.95


def test_gray_color_and_prepared_images_all_give_the_same(models, faces, tmp_path):
    make_ensemble([models / "good.onnx", models / "small.onnx"], faces, tmp_path / "two.json")
    opened = open_classifier(tmp_path / "two.json")
    gray = faces.images[:5]
    expected = opened.logits(gray)[HEAD]
    assert np.array_equal(opened.logits(np.stack([gray] * 3, -1))[HEAD], expected)
    assert np.array_equal(opened.run(to_tensor(gray, opened.input))[HEAD], expected)


def test_an_ensemble_may_be_a_member(models, faces, tmp_path):
    make_ensemble([models / "good.onnx", models / "small.onnx"], faces, tmp_path / "two.json")
    made = make_ensemble([tmp_path / "two.json", models / "lost.onnx"], faces, tmp_path / "all.json")
    assert open_classifier(tmp_path / "all.json").parameters > open_classifier(tmp_path / "two.json").parameters
    assert made.ensemble.members[0].model == "two.json"


def test_a_moved_or_changed_member_is_named(models, faces, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    for file in models.iterdir():
        (kept / file.name).write_bytes(file.read_bytes())
    make_ensemble([kept / "good.onnx", kept / "small.onnx"], faces, tmp_path / "two.json")
    assert json.loads((tmp_path / "two.json").read_text())["members"][0]["model"] == "kept/good.onnx"
    (kept / "small.onnx").write_bytes((kept / "lost.onnx").read_bytes())
    with pytest.raises(ModelError, match="its member kept/small.onnx was changed"):
        open_classifier(tmp_path / "two.json")
    (kept / "small.onnx").unlink()
    with pytest.raises(ModelError, match="its member kept/small.onnx is missing"):
        open_classifier(tmp_path / "two.json")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"kind": "mien ensemble"}', '{"kind": "mien ensemble", "members": 3}']
)
def test_what_is_no_ensemble_says_so(content, tmp_path):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ModelError, match="is not an ensemble"):
        open_classifier(tmp_path / "x.json")
    with pytest.raises(ModelError, match="cannot read the ensemble"):
        read_ensemble(tmp_path / "y.json")


def test_a_card_is_no_ensemble(models):
    with pytest.raises(ModelError, match="is not an ensemble") as caught:
        open_classifier(models / "good.json")
    assert "the .onnx file, not its card" in caught.value.hint


def test_requests_that_cannot_be_meant(models, faces, tmp_path):
    two = [models / "good.onnx", models / "small.onnx"]
    for wrong, words in [
        ({"models": two[:1]}, "got 1, expected at least 2"),
        ({"out": tmp_path / "x.onnx"}, r"expected a file that ends in \.json"),
        ({"weights": [1.0]}, "expected 2 positive numbers"),
        ({"weights": [1.0, -1.0]}, "expected 2 positive numbers"),
        ({"weights": [1.0, 1.0], "stack": True}, "which finds its own"),
    ]:
        with pytest.raises(OptionError, match=words):
            make_ensemble(**{"models": two, "faces": faces, "out": tmp_path / "x.json", **wrong})
    few = faces.take(np.arange(236, 246))
    with pytest.raises(DataError, match="images of the rarest emotion"):
        make_ensemble(two, few, tmp_path / "x.json", stack=True)
    assert not list(tmp_path.iterdir())


def test_the_command(models, faces, tmp_path):
    for part in ("train", "validation"):
        for label, image, split, name in zip(faces.labels, faces.images, faces.split, faces.names):
            folder = tmp_path / "data" / str(split) / EMOTIONS[label]
            if split == part == "validation":
                import cv2

                folder.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(folder / f"{name.strip('#')}.png"), image)
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(ensemble)
    out = tmp_path / "two.json"
    options = ["--data", str(tmp_path / "data"), "--out", str(out), "--stacked"]
    done = CliRunner().invoke(
        app, [str(models / "good.onnx"), str(models / "small.onnx"), *options], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    assert "cross-validated" in done.stdout
    assert "no test for this stack" in done.stderr
    assert read_ensemble(out).stack is not None
