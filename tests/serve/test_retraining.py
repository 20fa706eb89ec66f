"""Retraining: planted corrections improve the planted weakness, and a worse challenger is refused."""

import json

import numpy as np
import pytest

pytest.importorskip("lightning", reason="retraining needs the extra lab")

from mien.data.dataset import Dataset
from mien.emotions import EMOTIONS
from mien.errors import DataError, OptionError, OutputError
from mien.lab import export, train
from mien.lab.recipe import changed
from mien.serve.promotion import promote
from mien.serve.registry import Registry
from mien.serve.retraining import Finding, retrain
from mien.serve.store import Store

from ..lab.conftest import HAPPY, SAD, tiny, two_classes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def original() -> Dataset:
    return two_classes(1600)


@pytest.fixture(scope="module")
def base(original, tmp_path_factory):
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("base")
    run = train(changed(tiny(epochs=6), {"augment.corrupt": 0.0}), original, folder / "run")
    (model,) = export(run.checkpoint, original, folder / "models", name="base")
    return model


def crosses(n: int, seed: int) -> np.ndarray:
    """Faces of another kind: striped both ways, uint8 (n, 16, 16, 3)."""
    images = np.random.default_rng(seed).normal(110, 25, (n, 16, 16))
    images[:, ::2] += 50
    images[:, :, ::2] += 50
    return np.repeat(images.clip(0, 255).astype(np.uint8)[..., None], 3, 3)


def told(folder, labels, images) -> Store:
    store = Store(f"sqlite:///{folder / 'mien.db'}")
    for number, (label, image) in enumerate(zip(labels, images)):
        store.add_feedback(f"{number:032x}", EMOTIONS[label], "a", "happy", "model", image)
    return store


def stripes(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Faces of the original kind, with their labels."""
    faces = two_classes(n, seed)
    return faces.labels, np.repeat(faces.images[..., None], 3, 3)


def test_corrections_improve_the_weakness_and_are_promoted(base, original, tmp_path):
    # What the base calls one emotion, annotators call the other
    from mien.lab.evaluation.classifier import open_classifier, predict

    images = crosses(160, 5)
    model = open_classifier(base)
    head = next(iter(model.heads))
    first = predict(model, images[..., 0], flip=True)[head].argmax(1)
    named = model.heads[head].emotions[np.bincount(first).argmax()]
    wanted = HAPPY if named == "sad" else SAD
    store = told(tmp_path, [wanted] * 160, images)
    groups = tmp_path / "groups.csv"
    names = original.part("validation").names
    groups.write_text("name,side\n" + "".join(f"{name},{'ab'[n % 2]}\n" for n, name in enumerate(names)))
    result = retrain(base, store, original, tmp_path / "new", epochs=12, groups=groups)
    store.close()
    assert result.feedback.challenger > result.feedback.champion + 0.3
    assert result.validation.challenger > 0.9
    decision = json.loads((tmp_path / "new" / "decision.json").read_text())
    assert set(decision["gaps"]) == {"side"}
    assert decision["promote"] == result.promote
    assert (tmp_path / "new" / "report.html").stat().st_size > 3000
    assert result.findings == (Finding.BETTER,)
    made = promote(tmp_path / "new", tmp_path / "registry")
    assert Registry(tmp_path / "registry").current() == made
    with pytest.raises(OutputError):
        retrain(base, store, original, tmp_path / "new")


def test_a_challenger_trained_on_wrong_labels_is_refused(base, original, tmp_path):
    labels, images = stripes(160, 8)
    store = told(tmp_path, np.random.default_rng(0).permutation(labels), images)
    result = retrain(base, store, original, tmp_path / "new", epochs=2)
    store.close()
    assert not result.promote
    assert Finding.NOT_BETTER in result.findings
    with pytest.raises(OptionError):
        promote(tmp_path / "new", tmp_path / "registry")
    assert promote(tmp_path / "new", tmp_path / "registry", force=True).version == 1


def test_little_feedback_decides_nothing(base, original, tmp_path):
    labels, images = stripes(45, 9)
    store = told(tmp_path, labels, images)
    result = retrain(base, store, original, tmp_path / "new", epochs=1)
    assert Finding.TOO_FEW in result.findings
    assert not result.promote
    store.close()
    with pytest.raises(DataError):
        promote(tmp_path, tmp_path / "registry")
