"""Ensembles: several models merged into one ONNX file."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from scipy.special import log_softmax
from typer import Typer
from typer.testing import CliRunner

from mien import ReadOptions
from mien.cli.lab_export import ensemble as command
from mien.data import load
from mien.emotions import EMOTIONS, LABEL_SETS
from mien.errors import DataError, ModelError, OptionError
from mien.lab.baselines import baseline, baseline_settings
from mien.lab.comparison import compare
from mien.lab.ensemble_graph import HEAD, area_weights
from mien.lab.ensembles import average, common_label_set, ensemble, fit_stack
from mien.lab.evaluation.classifier import open_classifier, predict
from mien.lab.evaluation.evaluate import evaluate
from mien.model.card import HeadCard, InputSpec, ModelCard, load_model
from mien.reader import Reader

from ..conftest import EXAMPLES, optional_data
from .conftest import HAPPY, SAD, two_classes


@pytest.fixture(scope="module")
def faces():
    return two_classes(320)


def write_model(folder: Path, name: str, size: int, signal: float, spec: InputSpec | None = None) -> Path:
    """A model that tells happy stripes from sad ones by their gradients; ``signal`` 0 knows nothing."""
    spec = spec or InputSpec(size, 0.5, 0.25)
    channels = spec.channels
    text = f"""
        <ir_version: 10, opset_import: ["": 18]>
        {name} (float[N,{channels},{size},{size}] images) => (float[N,2] labels) <
            float[1,{channels},2,1] down = {{{", ".join(["1", "-1"] * channels)}}},
            float[1,{channels},1,2] across = {{{", ".join(["1", "-1"] * channels)}}},
            float signal = {{{signal}}}
        > {{
            rows = Conv (images, down)
            columns = Conv (images, across)
            rows_size = Abs (rows)
            columns_size = Abs (columns)
            rows_mean = GlobalAveragePool (rows_size)
            columns_mean = GlobalAveragePool (columns_size)
            both = Concat <axis = 1> (rows_mean, columns_mean)
            flat = Flatten (both)
            labels = Mul (flat, signal)
        }}
    """
    weights = onnx.parser.parse_model(text).SerializeToString()
    heads = {"labels": HeadCard(LABEL_SETS["happy-sad"], 1.5)}
    import hashlib

    digest = hashlib.sha256(weights).hexdigest()
    recipe = {"heads": {"labels": {"targets": "labels"}}}
    card = ModelCard(name, f"{name}.onnx", digest, "MIT", "synthetic", spec, heads, 5, 7, recipe)
    (folder / f"{name}.json").write_text(card.to_json())
    path = folder / f"{name}.onnx"
    path.write_bytes(weights)
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """A folder with ``good`` and ``color``, which tell stripes apart, and ``lost``, which prefers the other answer."""
    folder = tmp_path_factory.mktemp("models")
    write_model(folder, "good", 16, 4.0)
    write_model(folder, "color", 16, 2.0, InputSpec(16, 0.4, 0.5, "rgb"))
    write_model(folder, "lost", 16, -0.5)
    return folder


def test_the_label_set_is_what_all_models_know():
    assert common_label_set([LABEL_SETS["eight"], LABEL_SETS["four"], LABEL_SETS["seven"]]) == "four"
    with pytest.raises(OptionError):
        common_label_set([LABEL_SETS["seven"], (EMOTIONS[0],)])


def test_stacking_weights_the_better_member():
    rng = np.random.default_rng(0)
    answers = rng.integers(0, 3, 600)
    knowing = log_softmax(2.0 * np.eye(3)[answers] + rng.normal(0, 0.7, (600, 3)), axis=1)
    guessing = log_softmax(rng.normal(0, 3, (600, 3)), axis=1)
    stack, held_out = fit_stack([[guessing, knowing]], answers, np.arange(600))
    alone = (knowing.argmax(1) == answers).mean()
    assert (held_out.argmax(1) == answers).mean() > alone - 0.02
    assert np.abs(stack[0][:, :3]).max() < 0.2 * np.abs(stack[0][:, 3:]).max()


def test_cross_validated_scores_come_from_other_folds():
    # Members that know nothing: a stack evaluated on its own images looks better than chance; held out it must not.
    rng = np.random.default_rng(0)
    answers = rng.integers(0, 2, 60)
    views = [[log_softmax(rng.normal(0, 5, (60, 2)), axis=1) for _ in range(12)]]
    _, held_out = fit_stack(views, answers, np.arange(60))
    assert (held_out.argmax(1) == answers).mean() < 0.65


@pytest.mark.parametrize(("large", "small"), [(96, 48), (64, 48), (48, 16)])
def test_resizing_in_the_graph_is_opencvs_area_averaging(large, small):
    image = np.random.default_rng(0).integers(0, 256, (large, large)).astype(np.uint8)
    area = area_weights(large, small)
    expected = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(np.rint(area @ image @ area.T) - expected).max() <= 1


def test_members_of_other_sizes_colors_and_label_sets(models, faces, tmp_path):
    paths = [models / "good.onnx", models / "color.onnx", "default"]
    made = ensemble(paths, faces, tmp_path / "three.onnx")
    assert made.card.heads[HEAD].emotions == LABEL_SETS["happy-sad"]
    assert [member.head for member in made.members] == ["labels", "labels", "fer2013"]
    opened = open_classifier(tmp_path / "three.onnx")
    assert (opened.input.size, opened.input.color) == (48, "rgb")
    images = np.repeat(np.repeat(faces.images[:9], 3, 1), 3, 2)  # 48 pixels: no member reads enlarged images
    expected = []
    for member, path in zip(made.members, paths):
        classifier = open_classifier(Path(path))
        logits = classifier.logits(images)[member.head].astype(np.float64)
        columns = [classifier.heads[member.head].emotions.index(name) for name in ("happy", "sad")]
        raised = np.exp(logits[:, columns] / member.temperature)
        expected.append(raised / raised.sum(1, keepdims=True))
    assert np.allclose(np.exp(opened.logits(images)[HEAD]), np.mean(expected, axis=0), atol=1e-4)
    weighted = ensemble(paths, faces, tmp_path / "weighted.onnx", weights=[2, 1, 1])
    mean = np.average(expected, axis=0, weights=[2, 1, 1])
    assert np.allclose(np.exp(open_classifier(weighted.path).logits(images)[HEAD]), mean, atol=1e-4)
    assert opened.parameters == sum(member.card.parameters for member in made.members)


def test_the_file_gives_the_measured_scores(models, faces, tmp_path):
    made = ensemble([models / "good.onnx", models / "lost.onnx"], faces, tmp_path / "two.onnx", weights=[4, 1])
    again = evaluate(open_classifier(tmp_path / "two.onnx"), faces).find(HEAD, "official", True)
    assert again.accuracy == made.scores.accuracy > made.member_scores[1].accuracy
    assert again.nll == pytest.approx(made.scores.nll, abs=1e-4)


def test_the_exported_stack_gives_the_fitted_probabilities(models, faces, tmp_path):
    made = ensemble([models / "good.onnx", models / "lost.onnx"], faces, tmp_path / "two.onnx", stacked=True)
    assert made.scores.accuracy > 0.95
    assert made.card.scores["cross_validated"]
    logits = predict(open_classifier(tmp_path / "two.onnx"), faces.images[:50], flip=True)[HEAD]
    assert (np.array([HAPPY, SAD])[logits.argmax(1)] == faces.labels[:50]).mean() > 0.95


def test_the_reader_takes_an_ensemble_like_any_model(faces, tmp_path):
    ensemble(
        ["default", "tiny"],
        replace(faces, images=np.repeat(np.repeat(faces.images, 3, 1), 3, 2)),
        tmp_path / "both.onnx",
    )
    reader = Reader(ReadOptions(model=str(tmp_path / "both.onnx")))
    assert reader.card.heads[HEAD].emotions == LABEL_SETS["seven"]
    assert json.loads((tmp_path / "both.json").read_text())["recipe"]["ensemble"]["members"][1]["name"] == "tiny"


def test_an_ensemble_can_be_a_member(models, faces, tmp_path):
    ensemble([models / "good.onnx", models / "color.onnx"], faces, tmp_path / "two.onnx")
    made = ensemble([tmp_path / "two.onnx", models / "lost.onnx"], faces, tmp_path / "all.onnx")
    assert made.card.parameters == 15
    card, _ = load_model(tmp_path / "all.onnx")
    assert [member["name"] for member in card.recipe["ensemble"]["members"]] == ["two", "lost"]


def test_the_file_needs_no_members(models, faces, tmp_path):
    copy = tmp_path / "good.onnx"
    for suffix in (".onnx", ".json"):
        copy.with_suffix(suffix).write_bytes((models / "good").with_suffix(suffix).read_bytes())
    ensemble([copy, models / "lost.onnx"], faces, tmp_path / "two.onnx")
    copy.unlink()
    assert open_classifier(tmp_path / "two.onnx").logits(faces.images[:2])[HEAD].shape == (2, 2)


def test_wrong_requests_are_refused_and_write_nothing(models, faces, tmp_path):
    two = [models / "good.onnx", models / "lost.onnx"]
    for wrong in (
        {"models": two[:1]},
        {"out": tmp_path / "x.json"},
        {"weights": [1.0]},
        {"weights": [1.0, -1.0]},
        {"weights": [1.0, 1.0], "stacked": True},
    ):
        with pytest.raises(OptionError):
            ensemble(**{"models": two, "data": faces, "out": tmp_path / "x.onnx", **wrong})
    few = faces.take(np.arange(236, 246))
    with pytest.raises(DataError):
        ensemble(two, few, tmp_path / "x.onnx", stacked=True)
    with pytest.raises(ModelError):
        ensemble([*two, tmp_path / "missing.onnx"], faces, tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_a_baseline_is_no_member(models, faces, tmp_path):
    settings = baseline_settings(features="lbp", classifier="logistic", emotions="happy-sad", size=16, region=8)
    path = baseline(settings, faces, tmp_path).path
    with pytest.raises(ModelError):
        ensemble([models / "good.onnx", path], faces, tmp_path / "x.onnx")


def test_the_command_writes_model_and_card(models, faces, tmp_path):
    for label, image, split, name in zip(faces.labels, faces.images, faces.split, faces.names):
        if split == "validation":
            folder = tmp_path / "data" / str(split) / EMOTIONS[label]
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f"{name.strip('#')}.png"), image)
    app = Typer(pretty_exceptions_enable=False)
    app.command()(command)
    options = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "two.onnx"), "--stacked"]
    done = CliRunner().invoke(
        app, [str(models / "good.onnx"), str(models / "lost.onnx"), *options], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    assert load_model(tmp_path / "two.onnx")[0].recipe["ensemble"]["stack"] is not None


def test_an_average_can_be_compared_with_other_models():
    fer2013 = load(optional_data("fer2013/fer2013.npz"))
    some = fer2013.take(np.flatnonzero(fer2013.split == "validation")[:100])
    assert {result.model.name for result in compare(["accurate", "tiny"], some).results} == {"accurate", "tiny"}


def test_an_average_keeps_all_heads(tmp_path):
    fer2013 = load(optional_data("fer2013/fer2013.npz"))
    path = tmp_path / "both.onnx"
    card = average(["default", "tiny"], fer2013, path)
    both, members = open_classifier(path), [open_classifier(name) for name in ("default", "tiny")]
    images = fer2013.images[:40]
    for head, entry in card.heads.items():
        assert entry.emotions == members[0].heads[head].emotions
        expected = []
        for member in members:
            logits = member.logits(images)[head] / member.heads[head].temperature
            raised = np.exp(logits)
            expected.append(raised / raised.sum(1, keepdims=True))
        assert np.allclose(np.exp(both.logits(images)[head]), np.mean(expected, axis=0), atol=1e-5)
    assert Reader(ReadOptions(model=path)).read(EXAMPLES / "astronaut.png")[0].emotion == "happy"


def test_an_average_needs_members_of_the_same_heads(models, faces, tmp_path):
    with pytest.raises(OptionError):
        average([models / "good.onnx", "default"], faces, tmp_path / "two.onnx")
    with pytest.raises(OptionError):
        average([models / "good.onnx"], faces, tmp_path / "one.onnx")
    assert not list(tmp_path.iterdir())
    card = average([models / "good.onnx", models / "lost.onnx"], faces, tmp_path / "two.onnx")
    assert (card.parameters, card.heads["labels"].emotions) == (10, LABEL_SETS["happy-sad"])
