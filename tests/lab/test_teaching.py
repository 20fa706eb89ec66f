"""Learning from trained networks, and going on with them."""

from dataclasses import replace

import numpy as np
import pytest

from mien.errors import ModelError, RecipeError
from mien.lab.recipe import changed

from .conftest import HAPPY, SAD, tiny, two_classes

pytestmark = pytest.mark.usefixtures("float32")

torch = pytest.importorskip("torch", reason="the lab's tests need the extra [lab]")

from mien.lab.train.checkpoint import restore_network  # noqa: E402  # needs torch
from mien.lab.train.run import train  # noqa: E402  # needs torch
from mien.lab.train.teaching import Teachers, teaching_loss  # noqa: E402  # needs torch


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """A run that tells the two classes apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mien.lab.train.run.chosen_precision", lambda recipe: "32-true")
        folder = tmp_path_factory.mktemp("teacher")
        train(tiny(epochs=5), two_classes(320), folder)
    return folder


def test_a_student_learns_from_a_teacher_what_its_labels_do_not_say(teacher, tmp_path):
    faces = two_classes(320, seed=1)
    labels = faces.labels.copy()
    training = np.flatnonzero(faces.split == "train")
    labels[training] = np.random.default_rng(0).choice([HAPPY, SAD], len(training))
    lying = replace(faces, labels=labels)
    rows = []
    recipe = changed(tiny(epochs=5), {"distil.teachers": [str(teacher)], "distil.weight": 1.0})
    train(recipe, lying, tmp_path / "taught", show=rows.append)
    assert rows[-1][-1]["val_acc_fer2013"] > 0.9


def test_teachers_are_averaged_and_softened(teacher):
    recipe = changed(tiny(), {"distil.teachers": [str(teacher)] * 2, "distil.temperature": 3.0})
    pictures = torch.rand(4, 1, 16, 16)
    once = Teachers(changed(recipe, {"distil.teachers": [str(teacher)]})).answers(pictures)
    torch.testing.assert_close(Teachers(recipe).answers(pictures), once)
    own, network = restore_network(teacher / "last.ckpt")
    logits = network((pictures - own.input.mean) / own.input.std)
    torch.testing.assert_close(once["fer2013"], (logits["fer2013"] / 3).softmax(1))
    best = teaching_loss({"fer2013": logits["fer2013"]}, once, recipe)
    assert best < teaching_loss({"fer2013": torch.zeros_like(logits["fer2013"])}, once, recipe)


def test_a_teacher_must_know_what_it_teaches(teacher, tmp_path):
    recipe = changed(tiny(), {"heads.fer2013.emotions": "happy-sad", "distil.teachers": [str(teacher)]})
    with pytest.raises(RecipeError, match=r"expected fer2013 \(happy-sad\)"):
        Teachers(recipe)
    with pytest.raises(ModelError, match="holds no run"):
        Teachers(changed(tiny(), {"distil.teachers": [str(tmp_path)]}))


@pytest.mark.parametrize(("field", "value"), [("weight", 1.5), ("temperature", 0.0), ("from_epoch", -1)])
def test_what_makes_no_sense_is_refused(field, value):
    with pytest.raises(RecipeError, match=f"distil.{field}"):
        changed(tiny(), {f"distil.{field}": value})


def test_a_run_is_gone_on_with(teacher, tmp_path):
    rows = []
    recipe = changed(tiny(epochs=1), {"network.weights": str(teacher), "optimizer.lr": 1e-6, "schedule.ema": 0.0})
    train(recipe, two_classes(320), tmp_path, show=rows.append)
    assert rows[-1][-1]["val_acc_fer2013"] > 0.9
    with pytest.raises(RecipeError, match="holds another network"):
        train(changed(recipe, {"network.widths": [8, 24]}), two_classes(320), tmp_path / "other")
