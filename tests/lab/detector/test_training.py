"""Assignment, loss, training, resumption, export and evaluation on drawn photos."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="the lab's tests need the extra [lab]")

from mien.cli.lab import lab
from mien.detection.anchor_free import AnchorFreeNetwork, anchor_points
from mien.detection.pyramid import Detections
from mien.errors import DataError, ModelError, OptionError, RecipeError
from mien.lab.detector.data import FaceData, Labels, Photo, read_faces
from mien.lab.detector.evaluate import average_precision, evaluate
from mien.lab.detector.loss import Targets, assign, detection_loss
from mien.lab.detector.network import DetectorNetwork
from mien.lab.detector.recipe import detector_recipe_from_dict, load_detector_recipe
from mien.lab.detector.train import CHECKPOINT, DetectorTraining, build_network, load_network, to_batch, train_detector
from mien.types import Box, Face

from .drawn import drawn_photos, small_recipe

SIDE = 96
PLACES = len(anchor_points(SIDE, SIDE)[0])


def targets_of(boxes, image=None, ignored=None):
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    image = torch.zeros(len(boxes), dtype=torch.int64) if image is None else torch.tensor(image)
    ignored = torch.zeros(2, PLACES, dtype=torch.bool) if ignored is None else ignored
    return Targets(image, boxes, torch.full((len(boxes), 5, 2), float("nan")), ignored)


def outputs(seed=0):
    return torch.randn(2, PLACES, 15, generator=torch.Generator().manual_seed(seed)) * 0.5


@pytest.fixture(scope="module")
def data():
    return FaceData(drawn_photos(20), drawn_photos(4, seed=1), [])


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    training = DetectorTraining(small_recipe(), data, tmp_path_factory.mktemp("run"))
    training.run()
    return training


def test_every_face_gets_a_place_in_its_own_image():
    boxes = [[2, 2, 9, 10], [40, 40, 70, 80], [0, 0, 96, 96], [88, 88, 96, 96]]
    image = [0, 0, 1, 1]
    face, point = assign(outputs(), targets_of(boxes, image), SIDE, SIDE)
    assert set(face.tolist()) == {0, 1, 2, 3}
    assert (point // PLACES == torch.tensor(image)[face]).all()
    assert len(set(point.tolist())) == len(point)


def test_a_batch_without_faces_has_a_finite_loss():
    losses = detection_loss(outputs().requires_grad_(), targets_of([]), SIDE, SIDE)
    assert losses["positives"] == 0
    assert torch.isfinite(losses["loss"])


def test_ignored_boxes_are_not_background():
    ignored = torch.ones(2, PLACES, dtype=torch.bool)
    assert float(detection_loss(outputs(), targets_of([], ignored=ignored), SIDE, SIDE)["loss"]) == 0.0


def test_the_loss_falls_within_two_epochs(trained):
    assert trained.rows[-1]["epoch"] == 2
    assert trained.rows[-1]["loss"] < trained.rows[0]["loss"]
    assert trained.cost["cpu_s"] > 0


def test_a_resumed_training_ends_with_the_same_weights(data, tmp_path, trained):
    first = DetectorTraining(trained.recipe, data, tmp_path)
    first.run_epoch()
    first.epoch, first.step = 1, 0
    first.save()
    second = DetectorTraining(trained.recipe, data, tmp_path)
    second.resume()
    second.run()
    for a, b in zip(second.network.state_dict().values(), trained.network.state_dict().values()):
        torch.testing.assert_close(a, b)


def test_a_training_resumes_with_more_epochs(data, trained):
    longer = DetectorTraining(trained.recipe.model_copy(update={"epochs": 3}), data, trained.out)
    content = (trained.out / CHECKPOINT).read_bytes()
    longer.resume()
    longer.run()
    (trained.out / CHECKPOINT).write_bytes(content)
    assert [row["epoch"] for row in longer.rows] == [1, 2, 3]


@pytest.mark.parametrize("content", [None, b"", b"no checkpoint"])
def test_a_missing_or_damaged_checkpoint_is_a_model_error(tmp_path, content):
    if content is not None:
        (tmp_path / CHECKPOINT).write_bytes(content)
    with pytest.raises(ModelError):
        load_network(tmp_path / CHECKPOINT)


def test_onnx_equals_torch_for_other_sizes_and_stays_small(trained, tmp_path):
    from mien.lab.detector.export import to_int8, to_onnx

    network = DetectorNetwork().eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    weights = to_onnx(network)
    assert len(weights) < 1_000_000
    file = tmp_path / "faces.onnx"
    file.write_bytes(weights)
    session = AnchorFreeNetwork(0.5, 1, file)._session
    for shape in ((1, 3, 64, 96), (2, 3, 160, 32)):
        images = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 255
        (found,) = session.run(None, {"images": images.numpy()})
        with torch.inference_mode():
            torch.testing.assert_close(torch.from_numpy(found), network(images), atol=1e-4, rtol=1e-4)
    smaller = to_int8(weights, drawn_photos(2))
    assert len(smaller) < len(weights) / 2
    file.write_bytes(smaller)
    assert AnchorFreeNetwork(0.5, 1, file).find(np.zeros((50, 70, 3), np.uint8)).boxes.shape[1:] == (4,)


def test_a_deeper_network_starts_as_the_one_it_grows_from(data, trained, tmp_path):
    recipe = trained.recipe.model_copy(update={"depths": (2, 2, 3), "refine": 1})
    deeper = DetectorTraining(recipe, data, tmp_path)
    deeper.start_from(trained.out / CHECKPOINT)
    images = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 255
    with torch.inference_mode():
        torch.testing.assert_close(deeper.average(images), trained.average(images), atol=0.3, rtol=0.05)
    deeper.run()
    assert deeper.rows[-1]["loss"] < trained.rows[0]["loss"]
    with pytest.raises(ModelError):
        DetectorTraining(recipe.model_copy(update={"neck": 8}), data, tmp_path).start_from(trained.out / CHECKPOINT)


def test_weights_that_are_missing_are_a_model_error(tmp_path):
    with pytest.raises(ModelError):
        AnchorFreeNetwork(0.5, 1, tmp_path / "none.onnx").find(np.zeros((50, 70, 3), np.uint8))


def perfect(photo, extra=()):
    scale = 640 / max(photo.width, photo.height)
    boxes = np.concatenate([photo.labels.boxes * scale, np.array(extra, np.float32).reshape(-1, 4)])
    landmarks = np.concatenate([photo.labels.landmarks * scale, np.zeros((len(extra), 5, 2), np.float32)])
    scores = np.linspace(0.9, 0.6, len(boxes), dtype=np.float32)
    return lambda _: Detections(boxes, scores, landmarks)


def test_a_perfect_detector_has_an_average_precision_of_one():
    (photo,) = drawn_photos(1)
    figures = evaluate(perfect(photo), [photo])
    assert (figures.ap, figures.recall, figures.precision) == (1, 1, 1)
    assert figures.landmark_error == pytest.approx(0, abs=1e-4)
    assert figures.false_per_image == 0


def test_false_faces_count_unless_they_lie_on_ignored_boxes():
    (photo,) = drawn_photos(1)
    extra = [[600, 0, 640, 40]]
    assert evaluate(perfect(photo, extra), [photo]).false_per_image == 1
    assert evaluate(perfect(photo, extra), [photo], [photo]).false_per_background == 2
    ignore = np.array([[145, 0, 160, 10]], np.float32)
    tolerant = replace(photo, labels=replace(photo.labels, ignore=ignore))
    assert evaluate(perfect(photo, extra), [tolerant]).false_per_image == 0


def test_average_precision_of_a_known_ranking():
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    assert average_precision(scores, np.array([True, False, True]), 2) == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_ignore_boxes_mask_the_places_they_touch(data):
    from mien.lab.detector.augment import Sample

    labels = replace(Labels.none(), ignore=np.array([[8, 0, 17, 8]], np.float32))
    _, targets = to_batch([Sample(np.zeros((SIDE, SIDE, 3), np.uint8), labels)])
    assert targets.ignored[0].nonzero().flatten().tolist() == [1, 2, 144, 145, 180]


def test_parquet_rows_are_split_and_backgrounds_held_out(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet", reason="parquet needs the extra table")
    pa = pytest.importorskip("pyarrow", reason="parquet needs the extra table")
    row = {"image": {"bytes": b"", "path": "a"}, "width": 9, "height": 9, "ignore": []}
    box = [[1.0, 1.0, 5.0, 5.0]]
    marked = {**row, "boxes": box, "landmarks": [[]]}
    pq.write_table(pa.Table.from_pylist([{**marked, "split": s} for s in ("train", "val")]), tmp_path / "a.parquet")
    empty = {**row, "boxes": [], "landmarks": [], "split": "train"}
    pq.write_table(pa.Table.from_pylist([empty] * 11), tmp_path / "negatives.parquet")
    found = read_faces(tmp_path)
    assert (len(found.train), len(found.val), len(found.background)) == (1 + 9, 1, 2)
    assert np.isnan(found.train[0].labels.landmarks).all()


def test_a_folder_without_parquet_files_is_a_data_error(tmp_path):
    with pytest.raises(DataError):
        read_faces(tmp_path)


@pytest.mark.parametrize("values", [{"sizes": 3}, {"size": 100}, {"epochs": 0}, {"lr": "fast"}, {"widths": [1, 2]}])
def test_contradictory_recipes_are_refused(values):
    with pytest.raises(RecipeError):
        detector_recipe_from_dict(values)


def test_the_recipe_of_the_detector_builds_a_network_within_its_budget():
    recipe = load_detector_recipe("detector")
    weights = sum(p.numel() for p in build_network(recipe).parameters())
    assert 75_000 <= weights <= 400_000


def test_a_photo_decodes_its_bytes():
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("L", (30, 20), 200).save(file, "PNG")
    assert Photo(file.getvalue(), 30, 20, Labels.none()).image().mode == "RGB"


def test_a_threshold_can_be_chosen_by_false_faces():
    (photo,) = drawn_photos(1)
    figures = evaluate(perfect(photo, [[600, 0, 640, 40]]), [photo], [photo], threshold=None)
    assert figures.false_per_background == 0
    assert figures.threshold == pytest.approx(0.9)


def test_any_detector_can_be_evaluated():
    from mien.lab.detector.evaluate import finder_of

    class OneFace:
        def detect(self, frame):
            return [Face(Box(0, 0, frame.width, frame.height))]

    found = finder_of(OneFace())(np.zeros((48, 64, 3), np.uint8))
    assert found.boxes.tolist() == [[0, 0, 64, 48]]
    assert np.isnan(found.landmarks).all()


def test_a_folder_with_a_training_is_not_overwritten(data, trained):
    with pytest.raises(OptionError):
        train_detector(trained.recipe, data, trained.out)
    assert train_detector(trained.recipe, data, trained.out, resume=True) == trained.out / CHECKPOINT


def test_checkpoints_of_plain_values_load(trained, tmp_path):
    state = torch.load(trained.out / CHECKPOINT, weights_only=True)
    state["recipe"]["widths"] = list(state["recipe"]["widths"])
    torch.save(state, tmp_path / CHECKPOINT)
    load_network(tmp_path / CHECKPOINT)


def test_steps_are_reported(data, tmp_path):
    seen = []
    recipe = small_recipe(epochs=1)
    train_detector(recipe, data, tmp_path, progress=lambda done, total, note="": seen.append((done, total)))
    assert seen == [(step, 10) for step in range(1, 11)]


def photo_row(split, photo):
    file = io.BytesIO()
    photo.image().save(file, "PNG")
    labels = {
        "boxes": photo.labels.boxes.tolist(),
        "landmarks": photo.labels.landmarks.reshape(1, 10).tolist(),
        "ignore": [],
    }
    return {"image": {"bytes": file.getvalue(), "path": ""}, "width": 160, "height": 120, "split": split, **labels}


def test_the_commands_train_evaluate_and_export(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet", reason="parquet needs the extra table")
    pa = pytest.importorskip("pyarrow", reason="parquet needs the extra table")
    rows = [photo_row("val" if i < 2 else "train", photo) for i, photo in enumerate(drawn_photos(6))]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "drawn.parquet")
    values = small_recipe(epochs=1).model_dump(mode="json", exclude={"depths", "name"})
    (tmp_path / "small.toml").write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items()))
    data, run = ["--data", str(tmp_path)], tmp_path / "run"
    for command in (
        ["train", str(tmp_path / "small.toml"), *data, "--out", str(run)],
        ["export-detector", str(run / CHECKPOINT), "--out", str(tmp_path / "faces.onnx")],
        ["evaluate-detector", str(tmp_path / "faces.onnx"), *data, "--out", str(tmp_path / "report.html")],
    ):
        done = CliRunner().invoke(lab, command)
        assert done.exit_code == 0, done.output
    assert (run / "metrics.csv").exists()
    assert (tmp_path / "report.html").exists()
