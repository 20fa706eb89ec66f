"""Exported files compute the same as the trained network."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from mien.errors import DataError, ModelError, OptionError
from mien.lab.evaluation.classifier import open_classifier, predict
from mien.lab.evaluation.evaluate import evaluate
from mien.lab.evaluation.report import write_report
from mien.lab.recipe import changed
from mien.model.card import InputSpec, read_card
from mien.model.preprocess import to_tensor

from .conftest import tiny, two_classes

torch = pytest.importorskip("torch", reason="the lab's tests need the extra [lab]")

from mien.lab.exporting import describe, export
from mien.lab.torch_export import check_parity, run_onnx, to_onnx
from mien.lab.training.checkpoint import restore_network  # needs torch
from mien.lab.training.run import train  # needs torch


def with_copies():
    """Synthetic faces of which ten to be judged by were trained on."""
    faces = two_classes(240)
    faces.images[-10:] = faces.images[:10]
    faces.labels[-10:] = faces.labels[:10]
    return faces


@pytest.fixture(scope="module")
def faces():
    return with_copies()


@pytest.fixture(scope="module")
def exported(tmp_path_factory, faces):
    """A run with two heads, and its export."""
    out = tmp_path_factory.mktemp("export")
    recipe = changed(tiny(epochs=5), {"heads": {"ferplus": {"emotions": "eight", "targets": "votes"}, "fer2013": {}}})
    train(recipe, faces, out / "run")
    return out / "run", export(out / "run", faces, out / "models", name="two", license="CC0-1.0")[0]


def test_the_card_is_complete(exported):
    card = read_card(exported[1].with_suffix(".json"))
    assert (card.name, card.weights, card.license) == ("two", "two.onnx", "CC0-1.0")
    assert card.input == InputSpec(16, 0.508, 0.255)
    assert card.parameters == 8 * 9 + 16 + 16 * 8 * 9 + 32 + 17 * 15
    assert card.macs == 16 * 16 * 8 * 9 + 8 * 8 * 16 * 8 * 9 + 16 * 15
    assert card.heads["ferplus"].vote_temperature is not None
    assert card.heads["fer2013"].vote_temperature is None
    assert card.recipe["heads"]["ferplus"]["targets"] == "votes"
    assert {entry["images"] for entry in card.scores["results"]} == {"official", "dedup"}


def test_checkpoint_and_export_are_scored_alike(exported, faces):
    run, weights = exported
    mine, theirs = open_classifier(run), open_classifier(weights)
    images = faces.part("validation").images
    for flip in (False, True):
        first, second = predict(mine, images, flip), predict(theirs, images, flip, batch=7)
        for head in ("ferplus", "fer2013"):
            np.testing.assert_allclose(first[head], second[head], atol=1e-4)
    # The same temperatures, so that the figures can be compared.
    one, other = evaluate(replace(mine, heads=theirs.heads), faces), evaluate(theirs, faces)
    assert len(one.results) == len(other.results) == 8
    for a, b in zip(one.results, other.results):
        assert (a.title, a.scores.confusion) == (b.title, b.scores.confusion)
        assert a.scores.nll == pytest.approx(b.scores.nll, abs=1e-4)
    n = other.find("fer2013", "official", flip=True).n
    assert other.find("fer2013", "dedup", flip=True).n == n - 10
    assert other.find("ferplus", "official", flip=True).kl_to_votes is not None
    with pytest.raises(DataError):
        other.find("nobody", "official", flip=True)


def test_heads_without_labels_in_the_data_are_left_out(exported, faces):
    evaluation = evaluate(open_classifier(exported[1]), replace(faces, votes=None))
    assert {result.head for result in evaluation.results} == {"fer2013"}
    unseen = replace(faces, split=np.where(faces.split == "train", "test", faces.split))
    assert {result.images for result in evaluate(open_classifier(exported[1]), unseen).results} == {"official"}


def test_validation_of_nothing_but_copies(exported, faces, tmp_path):
    copies = faces.take(np.concatenate([np.arange(180), np.arange(20)]))
    copies = replace(copies, split=np.array(["train"] * 180 + ["validation"] * 20))
    shutil.copy(exported[0] / "last.ckpt", tmp_path)  # without the list of images that the run had
    path = export(tmp_path / "last.ckpt", copies, tmp_path, name="copies")[0]
    assert {entry["images"] for entry in read_card(path.with_suffix(".json")).scores["results"]} == {"official"}


def test_the_data_is_described_as_it_is(faces):
    assert describe(faces) == "synthetic: 180 training images with labels and annotators' votes"
    assert describe(replace(faces, votes=None)) == "synthetic: 180 training images with one label each"


def test_the_report_is_complete(exported, faces, tmp_path):
    written = write_report(evaluate(open_classifier(exported[1]), faces), tmp_path)
    kinds = [
        f"{head}_{kind}.png" for head in ("ferplus", "fer2013") for kind in ("confusion", "reliability", "classes")
    ]
    assert {path.name for path in written} == {"evaluation.json", "per_class.csv", "evaluation.html", *kinds}
    assert all(path.stat().st_size > 500 for path in written)


def test_parity_and_the_same_bytes_twice(exported, faces):
    recipe, network = restore_network(exported[0] / "last.ckpt")
    weights = to_onnx(network, 16)
    assert weights == exported[1].read_bytes()
    assert b"mien" not in weights  # no names or paths of the Python source
    images = to_tensor(faces.images[:20], InputSpec(16, recipe.input.mean, recipe.input.std))
    logits = run_onnx(network, weights, images)
    assert check_parity(network, logits, images) < 1e-4
    with torch.no_grad():
        next(network.heads["ferplus"].parameters()).add_(0.01)
    with pytest.raises(ModelError):
        check_parity(network, logits, images)
    with pytest.raises(ModelError):
        run_onnx(network, b"nonsense", images)


def test_changed_files_are_refused(exported, tmp_path):
    weights = tmp_path / "two.onnx"
    content = bytearray(exported[1].read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    weights.with_suffix(".json").write_bytes(exported[1].with_suffix(".json").read_bytes())
    with pytest.raises(ModelError):
        open_classifier(weights)


def test_names_are_file_names(exported, faces, tmp_path):
    with pytest.raises(OptionError):
        export(exported[0], faces, tmp_path, name="../two")
    assert not list(tmp_path.iterdir())


def test_a_network_of_rows_in_color_is_exported_and_read_with(tmp_path, monkeypatch):
    from mien import Reader, ReadOptions
    from mien.lab.recipe import recipe_from_dict

    monkeypatch.setattr("mien.lab.training.run.chosen_precision", lambda recipe: "32-true")
    rows = ["noise 0.1", "conv 8x3 valid > relu > norm > pool same", "conv 8x3 same > leaky 0.1 > pool", "flatten"]
    recipe = recipe_from_dict(
        {
            "name": "colored",
            "heads": {"labels": {"emotions": "happy-sad", "output": "sigmoid"}},
            "data": {"inner": 0.2},
            "input": {"size": 16, "mean": 0.0, "std": 1.0, "color": "rgb"},
            "network": {"name": "layers", "layers": [*rows, "dense 16 > norm > relu > drop 0.2"]},
            "optimizer": {"name": "adam", "lr": 0.01, "decay": "constant", "warmup_epochs": 0},
            "schedule": {"epochs": 4, "batch": 16, "ema": 0.0},
        }
    )
    gray = two_classes(320)
    faces = replace(gray, images=np.repeat(gray.images[..., None], 3, axis=3))
    train(recipe, faces, tmp_path / "run")
    path = export(tmp_path / "run", faces, tmp_path)[0]
    card = read_card(path.with_suffix(".json"))
    assert card.input == InputSpec(16, 0.0, 1.0, "rgb")
    judged = faces.part("validation")
    logits = [predict(open_classifier(model), judged.images, flip=True)["labels"] for model in (tmp_path / "run", path)]
    np.testing.assert_allclose(*logits, atol=1e-4)
    happy = judged.images[judged.labels == judged.labels.min()][:3]
    reader = Reader(ReadOptions(model=str(path), detector="none"))
    assert [reader.read(image)[0].emotion for image in happy] == ["happy"] * 3


def test_temperatures_are_fitted_on_what_the_run_chose_by(tmp_path, monkeypatch):
    """Also when the export is given more images than the run was: its own list of images counts."""
    from mien.data.manifest import read_manifest
    from mien.lab.recipe import changed
    from mien.lab.training.checkpoint import images_of

    monkeypatch.setattr("mien.lab.training.run.chosen_precision", lambda recipe: "32-true")
    everything = two_classes(320)
    recipe = changed(tiny(epochs=1), {"data.inner": 0.2})
    train(recipe, everything.take(np.arange(320) % 7 > 0), tmp_path)  # as a cleaned list would leave
    listed = read_manifest(tmp_path / "images.csv")
    seen = images_of(tmp_path / "last.ckpt", recipe, everything)
    assert set(seen.part("inner").names) == set(listed.names[listed.split == "inner"])
    assert set(seen.part("train").names) == set(listed.names[listed.split == "train"])
    with pytest.raises(DataError):
        export(tmp_path, everything.take(np.arange(100)), tmp_path / "models")


def test_branches_are_folded_into_one_convolution(tmp_path):
    from mien.lab.networks.vgg import BranchedConv, PlainTrunk, folded

    torch.manual_seed(0)
    trunk = PlainTrunk((8, 8, 12), (2, 1, 2), reparameterize=True)
    images = torch.randn(16, 1, 24, 24)
    for _ in range(5):
        trunk(images)  # so that the batch norms have seen something
    trunk.eval()
    once = folded(trunk)
    assert not any(isinstance(module, BranchedConv) for module in once.modules())
    assert any(isinstance(module, BranchedConv) for module in trunk.modules())
    torch.testing.assert_close(once(images), trunk(images), rtol=1e-4, atol=1e-5)
    kernels = sum(a * b * 9 + b for a, b in ((1, 8), (8, 8), (8, 8), (8, 12), (12, 12)))
    assert sum(value.numel() for value in once.parameters()) == kernels
    assert trunk.features == 12


def test_a_branched_network_is_exported_as_a_plain_one(tmp_path):
    recipe = changed(tiny(epochs=1), {"network.reparameterize": True})
    train(recipe, two_classes(320), tmp_path / "run")
    path = export(tmp_path / "run", two_classes(320), tmp_path / "out")[0]  # checks parity itself
    import onnx

    kinds = [node.op_type for node in onnx.load(path).graph.node]
    assert kinds.count("Conv") == 2
    assert "BatchNormalization" not in kinds


def test_int8_is_as_accurate_as_its_card_states(exported, faces, tmp_path):
    (path,) = export(str(exported[1]), faces, tmp_path, formats=["onnx-int8"])
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["two-int8.json", "two-int8.onnx"]
    card, original = read_card(path.with_suffix(".json")), read_card(exported[1].with_suffix(".json"))
    assert (card.name, card.precision, original.precision) == ("two-int8", "int8", "float32")
    own = ("name", "weights", "sha256", "heads", "scores", "precision")
    assert replace(card, **{name: getattr(original, name) for name in own}) == original
    images = faces.part("validation").images
    small, large = (predict(open_classifier(file), images, flip=True) for file in (path, exported[1]))
    for head, logits in large.items():
        assert (logits.argmax(1) == small[head].argmax(1)).mean() >= 0.9
        assert 0 < np.abs(logits - small[head]).max() < 0.2 * np.abs(logits).max()
    with pytest.raises(ModelError):
        export(str(path), faces, tmp_path, formats=["onnx-int8"])


@pytest.mark.parametrize(
    ("name", "copy"), [("mine", "mine-int8"), ("mine-float32", "mine"), ("-float32", "-float32-int8")]
)
def test_the_int8_copy_is_named_after_the_model(name, copy):
    from mien.lab.exporting import int8_name

    assert int8_name(name) == copy


def test_int8_computes_with_bytes_and_gives_the_same_file_twice(exported, faces):
    import onnx

    from mien.lab.exporting import quantized

    images = to_tensor(faces.images[:40], read_card(exported[1].with_suffix(".json")).input)
    weights = quantized(exported[1].read_bytes(), images)
    assert weights == quantized(exported[1].read_bytes(), images)
    assert b"/tmp" not in weights
    graph = onnx.load_from_string(weights).graph
    kernels = {value.name: value.data_type for value in graph.initializer if len(value.dims) == 4}
    assert set(kernels.values()) == {onnx.TensorProto.INT8}
    heads = [value for value in graph.initializer if len(value.dims) == 2]
    assert {value.data_type for value in heads} == {onnx.TensorProto.FLOAT}  # logits keep their fine steps
    assert [value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)] == [onnx.TensorProto.FLOAT] * 3


def test_inaccurate_int8_copies_are_not_written(exported, faces, tmp_path, monkeypatch):
    from mien.lab.exporting import quantized

    def damaged(weights, images):
        return quantized(weights, images / 20)  # ranges twenty times too tight

    monkeypatch.setattr("mien.lab.exporting.quantized", damaged)
    with pytest.raises(ModelError):
        export(str(exported[1]), faces, tmp_path / "out", formats=["onnx-int8"])
    assert not (tmp_path / "out").exists()


def test_models_without_convolutions_are_refused():
    from onnx import TensorProto, helper

    from mien.lab.exporting import quantized

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in ("images", "logits")]
    graph = helper.make_graph([helper.make_node("Relu", ["images"], ["logits"])], "bare", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    with pytest.raises(ModelError):
        quantized(model.SerializeToString(), np.zeros((2, 4), np.float32))


def test_exported_programs_give_the_same_logits_for_any_batch_size(exported, faces, tmp_path):
    from mien.lab.torch_export import run_program

    paths = export(exported[0], faces, tmp_path, formats=("pt2", "onnx-int8"), name="two")
    assert [path.name for path in paths] == ["two.pt2", "two-int8.onnx"]
    assert not (tmp_path / "two.onnx").exists()
    card = read_card(tmp_path / "two.pt2.json")
    assert (card.weights, card.precision) == ("two.pt2", "float32")
    content = paths[0].read_bytes()
    assert b"site-packages" not in content
    images = faces.images[:7]
    expected = predict(open_classifier(exported[1]), images, flip=False)
    for some in (images, images[:1]):
        found = run_program(content, to_tensor(some, card.input))
        for head, logits in found.items():
            np.testing.assert_allclose(logits, expected[head][: len(some)], atol=1e-4)


def test_the_command_makes_int8_of_an_exported_model_without_torch(tmp_path, monkeypatch, capsys):
    import sys

    from mien.cli.app import main

    def mien(*arguments):
        monkeypatch.setattr(
            sys, "argv", ["mien", "lab", "export", *arguments, "--data", "faces.csv", "--out", "models"]
        )
        with pytest.raises(SystemExit) as left:
            main()
        return int(left.value.code or 0), capsys.readouterr().err

    monkeypatch.chdir(tmp_path)
    faces = two_classes(320)
    usage = {"train": "Training", "validation": "PublicTest"}
    rows = (
        f"{label},{' '.join(map(str, image.ravel()))},{usage[part]}"
        for image, label, part in zip(faces.images, faces.labels, faces.split.tolist())
    )
    (tmp_path / "faces.csv").write_text("emotion,pixels,Usage\n" + "\n".join(rows) + "\n")
    train(tiny(epochs=6), faces, tmp_path / "run")
    export(tmp_path / "run", faces, tmp_path / "models", name="mine")
    for package in ("torch", "lightning", "torchmetrics"):
        monkeypatch.setitem(sys.modules, package, None)
    code, err = mien("models/mine.onnx", "--to", "onnx-int8")
    assert code == 0, err
    assert "written: models/mine-int8.onnx" in err
    assert read_card(tmp_path / "models" / "mine-int8.json").precision == "int8"
    assert mien("models/mine.onnx", "--to", "pt2")[0] == 2
