"""Small synthetic faces, and FER2013 where it is available."""

import numpy as np
import pytest

from mien.data.dataset import Dataset, Votes
from mien.emotions import EMOTIONS
from mien.lab.recipe import Recipe, changed, load_recipe

from ..conftest import optional_data

HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    # Two threads that wait for each other on a busy machine take many times longer than one, for networks this small.
    torch = pytest.importorskip("torch", reason="the lab's tests need the extra [lab]")
    torch.set_num_threads(1)


def two_classes(n: int, seed: int = 0, size: int = 16) -> Dataset:
    """``n`` images, three quarters to train on: happy ones striped across, sad ones up and down, under noise."""
    rng = np.random.default_rng(seed)
    labels = rng.choice([HAPPY, SAD], n)
    images = rng.normal(110, 25, (n, size, size))
    images[labels == HAPPY, ::2] += 50
    images[labels == SAD, :, ::2] += 50
    votes = np.zeros((n, 8), np.uint8)
    votes[np.arange(n), labels] = 8
    votes[:, EMOTIONS.index("neutral")] = 2
    none = np.zeros(n, np.uint8)
    split = np.where(np.arange(n) < 3 * n // 4, "train", "validation")
    return Dataset("synthetic", images.clip(0, 255).astype(np.uint8), labels, split, Votes(votes, none, none))


def tiny(**schedule: object) -> Recipe:
    """The recipe "smoke", smaller still."""
    smoke = load_recipe("smoke")
    small = {"input.size": 16, "network.widths": [8, 16], "network.depths": [1, 1]}
    small |= {"augment.mixup": 0.2, "augment.erase": 0.2, "schedule.batch": 32, "schedule.epochs": 3}
    return changed(smoke, {**small, **{f"schedule.{name}": value for name, value in schedule.items()}})


@pytest.fixture(scope="session")
def synthetic() -> Dataset:
    return two_classes(320)


@pytest.fixture
def float32(monkeypatch):
    """Runs that are compared must not choose their precision by the clock."""
    monkeypatch.setattr("mien.lab.training.run.chosen_precision", lambda recipe: "32-true")


@pytest.fixture(scope="session")
def fer2013() -> Dataset:
    from mien.data import load

    return load(optional_data("fer2013/fer2013.npz"))
