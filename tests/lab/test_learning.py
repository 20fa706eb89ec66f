"""Options of training: sampling, weights, rates, memory, unlabeled images, inner parts."""

from dataclasses import replace

import numpy as np
import pytest

from mien.data.dataset import Dataset
from mien.emotions import EMOTIONS
from mien.errors import DataError, OptionError
from mien.lab.recipe import Augment, Recipe, changed, load_recipe
from mien.lab.sampling import subset, training_targets

from .conftest import HAPPY, SAD, tiny, two_classes

pytestmark = pytest.mark.usefixtures("float32")

torch = pytest.importorskip("torch", reason="the lab's tests need the extra [lab]")

from mien.lab.augment import (
    augment,
    glance,
    move,  # needs torch
)
from mien.lab.networks.build import build_network  # needs torch
from mien.lab.training.batches import training_batches  # needs torch
from mien.lab.training.hardware import (
    fit_to_memory,  # needs torch
    kept_bytes,
)
from mien.lab.training.module import soft_cross_entropy  # needs torch
from mien.lab.training.run import train  # needs torch


def uneven(happy: int, sad: int) -> Dataset:
    labels = np.array([HAPPY] * happy + [SAD] * sad)
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 16, 16), np.uint8)
    return Dataset("uneven", images, labels, np.full(len(labels), "train"))


def class_weights(faces: Dataset, recipe: Recipe) -> torch.Tensor:
    return training_batches(faces, recipe).class_weights["fer2013"]


def happy_sad(**changes: object) -> Recipe:
    return changed(
        tiny(), {"heads.fer2013.emotions": "happy-sad", **{k.replace("__", "."): v for k, v in changes.items()}}
    )


def test_balanced_sampling_draws_rare_classes_as_often():
    faces = uneven(900, 100)
    batches = training_batches(faces, happy_sad(data__sampling="balanced"))
    targets = torch.cat([target for _, target in batches.loader])
    assert 0.4 < targets[:, 1].mean() < 0.6


def test_balanced_class_weights_make_classes_count_alike():
    weights = class_weights(uneven(900, 100), happy_sad(heads__fer2013__class_weights="balanced"))
    torch.testing.assert_close(weights, torch.tensor([1 / 1.8, 1 / 0.2]))
    torch.testing.assert_close(class_weights(uneven(9, 1), happy_sad()), torch.ones(2))
    logits = torch.tensor([[2.0, 0.0], [2.0, 0.0]])
    targets = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    sad_counts_more = soft_cross_entropy(logits, targets, torch.tensor([1.0, 9.0]))
    assert sad_counts_more > soft_cross_entropy(logits, targets, torch.ones(2))


def test_a_tenth_of_the_labels_of_each_class():
    faces = uneven(900, 100)
    recipe = happy_sad(semi__labels=0.1, semi__ratio=3)
    targets = training_targets(faces, recipe)
    labeled, others = targets.labeled, targets.unlabeled
    assert np.bincount(faces.labels[labeled])[[HAPPY, SAD]].tolist() == [90, 10]
    assert len(np.intersect1d(labeled, others)) == 0
    assert len(others) == 900
    for images, targets in training_batches(faces, recipe).loader:
        assert len(images) == 32 * 4
        assert (targets[:32].sum(1) == 1).all()
        assert (targets[32:] == 0).all()  # their labels never reach the network


def test_unlabeled_images_are_used_for_training(tmp_path):
    faces = two_classes(320)
    recipe = changed(tiny(epochs=8), {"semi.labels": 0.1, "semi.ratio": 2, "semi.threshold": 0.4, "schedule.batch": 4})
    rows = []
    train(recipe, faces, tmp_path, on_epoch=rows.append)
    assert rows[-1][-1]["unlabeled_sure"] > 0
    assert rows[-1][-1]["val_acc_fer2013"] > 0.9


def test_the_learning_rate_falls_on_a_plateau(tmp_path):
    recipe = changed(
        tiny(epochs=4),
        {
            "optimizer.name": "adam",
            "optimizer.lr": 1e-6,  # too small to get better
            "optimizer.decay": "plateau",
            "optimizer.warmup_epochs": 0,
            "optimizer.plateau_patience": 0,
            "optimizer.plateau_factor": 0.1,
        },
    )
    rows = []
    train(recipe, two_classes(100), tmp_path, on_epoch=rows.append)
    rates = [row["lr"] for row in rows[-1]]
    assert rates[0] == 1e-6
    assert rates[-1] <= 1e-7


def test_accumulated_batches_take_as_many_steps(tmp_path):
    seen = []
    recipe = changed(tiny(epochs=1), {"schedule.batch": 32, "schedule.accumulate": 4})
    faces = two_classes(200)
    train(recipe, faces, tmp_path, progress=lambda *at: seen.append(at))
    assert seen[-1] == (18, 18, "epoch 1")  # 150 images in parts of 8
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 5  # 18 parts, four a step, and the last two


def test_a_memory_limit_divides_batches():
    recipe = load_recipe("seven-48")
    network = build_network(recipe)
    one = kept_bytes(recipe, network) / 2
    assert 1e6 < one < 2e7  # 48 x 48 x 64 floats and what follows
    assert fit_to_memory(recipe, 0, 16_000_000_000).schedule.accumulate == 1
    assert 2 <= fit_to_memory(recipe, 0, 1_200_000_000).schedule.accumulate <= 64
    with pytest.raises(OptionError):
        fit_to_memory(recipe, 0, 500_000_000)


def test_runs_can_be_watched_in_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tiny(epochs=2), two_classes(100), tmp_path)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert {"train_loss", "val_loss", "val_acc_fer2013"} <= set(events.Tags()["scalars"])
    assert len(events.Scalars("val_loss")) == 2


def test_models_are_chosen_on_an_inner_part_of_training(tmp_path, synthetic):
    recipe = changed(tiny(epochs=1), {"data.inner": 0.2})
    blind = replace(synthetic, images=np.where((synthetic.split == "validation")[:, None, None], 0, synthetic.images))
    rows, blind_rows = [], []
    train(recipe, synthetic, tmp_path / "a", on_epoch=rows.append)
    train(recipe, blind.take(blind.split == "train"), tmp_path / "b", on_epoch=blind_rows.append)
    drop = {"seconds"}
    assert [{k: v for k, v in row.items() if k not in drop} for row in rows[-1]] == [
        {k: v for k, v in row.items() if k not in drop} for row in blind_rows[-1]
    ]


def test_drawn_samples_match_the_counts_of_the_recipe():
    faces = two_classes(400)
    recipe = happy_sad(
        data__counts={"happy": 60, "sad": 40}, data__evaluation_counts={"happy": 10, "sad": 5}, data__inner=0.25
    )
    some = subset(faces, recipe)
    table = {
        (part, EMOTIONS[label]): int(((some.split == part) & (some.labels == label)).sum())
        for part in ("train", "inner", "validation")
        for label in (HAPPY, SAD)
    }
    assert table == {
        ("train", "happy"): 45, ("train", "sad"): 30, ("inner", "happy"): 15, ("inner", "sad"): 10,
        ("validation", "happy"): 10, ("validation", "sad"): 5,
    }  # fmt: skip
    assert subset(faces, recipe).names.tolist() == some.names.tolist()
    assert subset(faces, changed(recipe, {"seed": 1})).names.tolist() != some.names.tolist()
    with pytest.raises(DataError):
        subset(faces, happy_sad(data__counts={"happy": 6000}))


def test_copies_stay_on_one_side():
    faces = two_classes(200)
    twice = replace(
        faces,
        images=np.concatenate([faces.images, faces.images]),
        labels=np.tile(faces.labels, 2),
        split=np.full(400, "train"),
        votes=None,
        names=np.arange(400).astype(str),
    )
    some = subset(twice, happy_sad(data__inner=0.3))
    inner = {image.tobytes() for image in some.images[some.split == "inner"]}
    assert inner
    assert not inner & {image.tobytes() for image in some.images[some.split == "train"]}


def test_near_copies_stay_on_one_side_too():
    faces = two_classes(120, size=48)
    likewise = np.clip(faces.images.astype(int) + 3, 0, 255).astype(np.uint8)  # the same images, a little lighter
    twice = replace(
        faces,
        images=np.concatenate([faces.images, likewise]),
        labels=np.tile(faces.labels, 2),
        split=np.full(240, "train"),
        votes=None,
        names=np.arange(240).astype(str),
    )
    some = subset(twice, happy_sad(data__inner=0.3))
    inner = {int(name) % 120 for name in some.names[some.split == "inner"]}
    assert inner
    assert not inner & {int(name) % 120 for name in some.names[some.split == "train"]}


def test_fully_labeled_data_is_used_completely():
    faces = uneven(20, 20)
    recipe = happy_sad(semi__labels=0.99, semi__ratio=3)
    assert training_batches(faces, recipe).ratio == 0
    assert training_batches(uneven(90, 10), happy_sad(semi__labels=0.1, semi__ratio=3)).ratio == 3


def test_unused_labels_have_no_weight():
    faces = uneven(90, 10)
    recipe = happy_sad(heads__fer2013__class_weights="balanced", semi__labels=0.1, semi__ratio=1)
    torch.testing.assert_close(class_weights(faces, recipe), torch.tensor([10 / 18, 10 / 2]))


def test_the_validation_loss_is_that_of_the_images_with_an_answer(tmp_path, synthetic):
    """Half of the images to choose by show an emotion that the head does not know."""
    strangers = synthetic.part("validation")
    strangers = replace(strangers, labels=np.full(len(strangers), EMOTIONS.index("contempt")))
    parts = [synthetic, strangers]
    both = Dataset(
        "both",
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.split for part in parts]),
        names=np.arange(sum(len(part) for part in parts)).astype(str),
    )
    recipe = tiny(epochs=1)
    recipe = changed(recipe, {"heads.other": {"emotions": "eight", "weight": 0.0}})
    rows, known = [], []
    train(recipe, both, tmp_path / "both", on_epoch=rows.append)
    train(recipe, both.take(np.arange(len(synthetic))), tmp_path / "known", on_epoch=known.append)
    assert rows[-1][0]["val_loss"] == pytest.approx(known[-1][0]["val_loss"], abs=1e-4)


def test_a_run_that_diverges_is_stopped(tmp_path, synthetic):
    from mien.errors import RecipeError

    recipe = changed(tiny(epochs=2), {"optimizer.name": "sgd", "optimizer.lr": 1e30, "optimizer.warmup_epochs": 0})
    with pytest.raises(RecipeError) as caught:
        train(recipe, synthetic, tmp_path)
    assert "Lower optimizer.lr" in caught.value.hint
    assert not (tmp_path / "last.ckpt").exists()


def test_shear_and_noise_stay_in_range():
    how = Augment(rotate=0.0, shift=0.0, zoom=(1.0, 1.0), flip=0.0, contrast=0.0, brightness=0.0, gamma=0.0)
    upright = torch.zeros(64, 1, 33, 33)
    upright[..., 15:18] = 1  # a bar, three pixels wide
    torch.testing.assert_close(move(upright, how), upright)
    slanted = move(upright, how.model_copy(update={"shear": 30.0}))
    columns = slanted[..., 2, :].argmax(-1) - slanted[..., 30, :].argmax(-1)
    assert columns.abs().max() > 6
    assert columns.abs().max() <= 28 * np.tan(np.radians(30)) + 2
    noisy = augment(upright, how.model_copy(update={"noise": 0.2}), 33, strong=False)
    assert 0.05 < (noisy - upright).std() < 0.2  # half of it is cut off at 0 and 1
    assert (noisy.min(), noisy.max()) == (0, 1)


def test_a_single_frame_changes_little():
    how = Augment(rotate=90.0, shear=40.0, zoom=(0.3, 3.0), shift=0.0, flip=0.0)
    images = torch.rand(8, 3, 24, 24)
    torch.testing.assert_close(glance(images, how, 24), images)


def test_color_images_train_and_are_read(tmp_path, synthetic):
    from mien.lab.evaluation.classifier import open_classifier, predict

    color = replace(synthetic, images=np.repeat(synthetic.images[..., None], 3, axis=3))
    recipe = changed(tiny(epochs=6), {"input.color": "rgb"})
    train(recipe, color, tmp_path)
    classifier = open_classifier(tmp_path)
    judged = color.part("validation")
    logits = predict(classifier, judged.images, flip=False)["fer2013"]
    assert (logits.argmax(1) == judged.labels).mean() > 0.95
    gray = predict(classifier, synthetic.part("validation").images, flip=False)["fer2013"]
    np.testing.assert_allclose(gray, logits, atol=1e-5)
