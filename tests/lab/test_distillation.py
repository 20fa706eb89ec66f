"""Distillation, and training that continues from other weights."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mien.errors import DataError, RecipeError
from mien.lab.evaluation.classifier import open_classifier, predict
from mien.lab.evaluation.metrics import probabilities_at
from mien.lab.recipe import changed

from ..conftest import EXAMPLES
from .conftest import HAPPY, SAD, tiny, two_classes

pytestmark = pytest.mark.usefixtures("float32")

torch = pytest.importorskip("torch", reason="the lab's tests need the extra [lab]")

from mien.lab.distillation import distill, read_targets, teacher_targets  # needs torch
from mien.lab.training.batches import training_batches  # needs torch
from mien.lab.training.module import distillation_loss  # needs torch
from mien.lab.training.run import train  # needs torch


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A run that tells the two classes apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mien.lab.training.run.chosen_precision", lambda recipe: "32-true")
        folder = tmp_path_factory.mktemp("teacher")
        train(tiny(epochs=5), two_classes(320), folder)
    return folder


@pytest.fixture
def lying():
    """Images whose training labels say nothing."""
    faces = two_classes(320, seed=1)
    labels = faces.labels.copy()
    training = np.flatnonzero(faces.split == "train")
    labels[training] = np.random.default_rng(0).choice([HAPPY, SAD], len(training))
    return replace(faces, labels=labels)


def asked(teacher, faces, recipe, path, views=3):
    distill([teacher], faces, path, recipe=recipe, views=views)
    return changed(recipe, {"distillation.teachers": str(path), "distillation.weight": 1.0})


def test_a_student_learns_classes_that_only_its_teacher_knows(teacher, lying, tmp_path):
    rows = []
    recipe = asked(teacher, lying, tiny(epochs=5), tmp_path / "teachers.npz")
    train(recipe, lying, tmp_path / "student", on_epoch=rows.append)
    assert rows[-1][-1]["val_acc_fer2013"] > 0.9


def test_a_student_learns_from_images_without_labels(teacher, lying, tmp_path):
    recipe = changed(asked(teacher, lying, tiny(), tmp_path / "teachers.npz"), {"semi.labels": 0.1})
    learned = lying.part("train")
    taught = read_targets(tmp_path / "teachers.npz", recipe)
    seen, labeled = 0, 0
    for _images, targets, answers in training_batches(learned, recipe, taught).loader:
        seen, labeled = seen + len(answers), labeled + int(targets.sum())
        torch.testing.assert_close(answers.float().sum(1), torch.ones(len(answers)), atol=2e-3, rtol=0)
    assert seen >= len(learned) - recipe.schedule.batch
    assert labeled <= 0.15 * len(learned)


def test_a_student_learns_from_the_faces_of_photos(teacher, tmp_path):
    faces, photos, skipped = two_classes(64), tmp_path / "photos", []
    photos.mkdir()
    (photos / "astronaut.png").write_bytes((EXAMPLES / "astronaut.png").read_bytes())
    (photos / "broken.jpg").write_bytes(b"no picture")
    distill([teacher], faces, tmp_path / "t.npz", recipe=tiny(), views=2, photos=[photos], on_error=skipped.append)
    recipe = changed(tiny(), {"distillation.teachers": str(tmp_path / "t.npz")})
    taught, learned = read_targets(tmp_path / "t.npz", recipe), faces.part("train")
    assert [error.path for error in skipped] == [str(photos / "broken.jpg")]
    assert taught.unlabeled.sum() == 1
    unlabeled = [
        images
        for epoch in range(20)  # each leaves out what does not fill a batch
        for images, targets, _answers in _epoch(training_batches(learned, recipe, taught), epoch)
        if (targets.sum(1) == 0).any()
    ]
    assert unlabeled
    some = taught.of(learned.names[:10])
    assert len(some.names) == 11
    assert some.unlabeled.tolist() == [False] * 10 + [True]


def test_photos_without_faces_teach_nothing(teacher, tmp_path):
    Image.new("RGB", (200, 200)).save(tmp_path / "blank.png")
    with pytest.raises(DataError):
        distill([teacher], two_classes(64), tmp_path / "t.npz", recipe=tiny(), photos=[tmp_path])
    assert not (tmp_path / "t.npz").exists()


def _epoch(batches, number):
    batches.loader.sampler.set_epoch(number)
    return list(batches.loader)


def test_batches_hold_views_with_their_teacher_outputs(teacher, tmp_path):
    faces = two_classes(64).part("train")
    recipe = asked(teacher, faces, tiny(), tmp_path / "teachers.npz")
    taught = read_targets(tmp_path / "teachers.npz", recipe)
    np.testing.assert_array_equal(taught.views[:, 0], faces.images)
    some = faces.take(np.arange(len(faces))[::-2])  # a student may learn from fewer images, in another order
    classifier = open_classifier(teacher)
    for images, targets, answers in training_batches(some, recipe, taught).loader:
        logits = predict(classifier, images.numpy()[:, 0], flip=True)["fer2013"]
        np.testing.assert_allclose(answers.numpy(), probabilities_at(logits, 1.0), atol=2e-3)
        assert (targets.sum(1) == 1).all()


def test_teachers_are_averaged(teacher):
    faces, one = two_classes(64), open_classifier(teacher)
    recipe = tiny()
    once = teacher_targets([one], faces, recipe, views=2)
    twice = teacher_targets([one, one], faces, recipe, views=2)
    np.testing.assert_array_equal(once.views, twice.views)
    np.testing.assert_allclose(once.predictions["fer2013"], twice.predictions["fer2013"], atol=1e-3)


def test_softened_targets_have_their_minimum_at_the_teachers_logits():
    logits = {"fer2013": torch.randn(6, 7)}
    recipe = changed(tiny(), {"distillation.temperature": 3.0})
    answers = {"fer2013": logits["fer2013"].softmax(1)}
    softer = {"fer2013": logits["fer2013"] * 0.5}
    assert distillation_loss(logits, answers, recipe) < distillation_loss(softer, answers, recipe)


def test_teachers_need_the_classes_of_the_head(teacher, tmp_path):
    recipe = changed(tiny(), {"heads.fer2013.emotions": "happy-sad"})
    with pytest.raises(RecipeError):
        teacher_targets([open_classifier(teacher)], two_classes(64), recipe, views=1)
    asked(teacher, two_classes(64), tiny(), tmp_path / "teachers.npz", views=1)
    with pytest.raises(DataError):
        read_targets(tmp_path / "teachers.npz", recipe)


def test_teacher_outputs_for_other_images_are_refused(teacher, tmp_path):
    faces = two_classes(64)
    recipe = asked(teacher, faces, tiny(), tmp_path / "teachers.npz", views=1)
    more = replace(faces, names=np.array([f"other {row}" for row in range(len(faces))]))
    with pytest.raises(DataError):
        train(recipe, more, tmp_path / "student")


def test_a_missing_file_is_refused(tmp_path):
    recipe = changed(tiny(), {"distillation.teachers": str(tmp_path / "none.npz")})
    with pytest.raises(DataError):
        train(recipe, two_classes(64), tmp_path / "run")
    (tmp_path / "bad.npz").write_bytes(b"PK no")
    with pytest.raises(DataError):
        read_targets(tmp_path / "bad.npz", recipe)


def test_a_run_is_continued(teacher, tmp_path):
    rows = []
    recipe = changed(tiny(epochs=1), {"network.weights": str(teacher), "optimizer.lr": 1e-6, "schedule.ema": 0.0})
    train(recipe, two_classes(320), tmp_path, on_epoch=rows.append)
    assert rows[-1][-1]["val_acc_fer2013"] > 0.9
    with pytest.raises(RecipeError):
        train(changed(recipe, {"network.widths": [8, 24]}), two_classes(320), tmp_path / "other")
