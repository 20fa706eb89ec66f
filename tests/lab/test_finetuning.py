"""Continue an exported model with new images."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mien.data.dataset import Dataset
from mien.emotions import EMOTIONS
from mien.errors import DataError, ModelError, OutputError
from mien.lab import finetune
from mien.lab.evaluation.classifier import classifier_of_onnx, open_classifier, predict
from mien.lab.finetuning import FineTuned, HeldOut, _recipe
from mien.lab.networks.build import build_network
from mien.lab.training.checkpoint import load_folded, open_base
from mien.model.card import load_model
from mien.model.preprocess import to_tensor

from .conftest import HAPPY, SAD


@pytest.fixture(scope="module")
def stripes() -> Dataset:
    """Stripes across are happy, stripes up and down sad: what the model cannot know."""
    rng = np.random.default_rng(0)
    labels = np.repeat([HAPPY, SAD], 40)
    images = rng.normal(110, 25, (80, 48, 48))
    images[labels == HAPPY, ::2] += 50
    images[labels == SAD, :, ::2] += 50
    split = np.where(np.arange(80) % 4, "train", "validation")
    return Dataset("stripes", images.clip(0, 255).astype(np.uint8), labels, split)


def test_the_network_begins_as_the_exported_model(stripes):
    card, weights = open_base("tiny")
    network = build_network(_recipe(card, 1, 0.001)).eval()
    load_folded(network, weights)
    exported = predict(classifier_of_onnx(weights, card), stripes.images[:8], flip=False)
    with torch.inference_mode():
        logits = network(torch.from_numpy(to_tensor(stripes.images[:8], card.input)))
    for head in card.heads:
        np.testing.assert_allclose(logits[head].numpy(), exported[head], atol=1e-4)


@pytest.mark.slow
def test_new_images_are_learned_and_the_model_can_be_read_with(stripes, tmp_path):
    replay = replace(
        stripes, name="other", images=stripes.images[:, ::-1], names=np.array([f"r{n}" for n in range(80)])
    )
    done = finetune("tiny", stripes, tmp_path / "run", replay=replay, epochs=6, lr=0.001)
    assert done.new.n == done.replay.n == 20
    assert done.new.tuned >= 18 > done.new.base
    assert done.improved
    card = load_model(done.path)[0]
    assert list(card.heads) == ["ferplus", "fer2013"]
    classifier = open_classifier(done.path)
    held_out = stripes.part("validation")
    found = predict(classifier, held_out.images, flip=True)["ferplus"].argmax(1)
    assert int((found == held_out.labels).sum()) == done.new.tuned
    with pytest.raises(OutputError):
        finetune("tiny", stripes, tmp_path / "run")


def test_without_replay_the_temperatures_stay(stripes, tmp_path):
    notes = []
    done = finetune("tiny", stripes, tmp_path, epochs=1, notes=notes.append)
    assert done.replay is None
    assert any("--replay" in note for note in notes)
    assert load_model(done.path)[0].heads == load_model("tiny-float32")[0].heads


def test_a_challenger_worse_on_the_original_data_is_refused():
    better, worse = HeldOut("new", 30, 10, 20), HeldOut("old", 1000, 700, 680)
    assert FineTuned(None, better, None).improved
    assert not FineTuned(None, better, worse).improved
    assert not FineTuned(None, HeldOut("new", 30, 10, 10), None).improved


def test_too_few_images_and_other_models_are_refused(stripes, tmp_path):
    with pytest.raises(DataError):
        finetune("tiny", stripes.take(np.arange(12)), tmp_path / "a")
    with pytest.raises(ModelError):
        finetune("defualt", stripes, tmp_path / "b")
    assert EMOTIONS[HAPPY] == "happy"
