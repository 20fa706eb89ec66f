"""The packed format: round trips, and the contents of FER2013."""

import lzma

import numpy as np
import pytest

from mien.data.dataset import copies_of_training
from mien.data.datasets.fer2013 import read_npz
from mien.data.loading import load
from mien.emotions import FERPLUS_ORDER
from mien.errors import DataError


def pack(path, images: np.ndarray, **changes: object) -> None:
    """The median edge predictor the slow way: pixel by pixel, as its paper has it."""
    n, height, width = images.shape
    padded = np.pad(images.astype(int), ((0, 0), (1, 0), (1, 0)))
    residuals = np.zeros(images.shape, np.uint8)
    for i, y, x in np.ndindex(n, height, width):
        left, up, corner = (int(padded[i, y + 1 - a, x + 1 - b]) for a, b in ((0, 1), (1, 0), (1, 1)))
        low, high = min(left, up), max(left, up)
        guess = low if corner >= high else high if corner <= low else left + up - corner
        residuals[i, y, x] = (int(images[i, y, x]) - guess) % 256
    fields: dict[str, object] = {
        "residuals": np.frombuffer(lzma.compress(residuals.tobytes()), np.uint8),
        "shape": np.array(images.shape),
        "labels": np.arange(n, dtype=np.int8),
        "usage": np.array(["Training", "PublicTest", "PrivateTest"][:n]),
        "votes": np.eye(10, dtype=np.uint8)[np.arange(n)] * 10,
    }
    np.savez(path, **{**fields, **changes})  # type: ignore[arg-type]  # numpy's stubs take the names for options


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 5, 7)).astype(np.uint8)


def test_round_trip(tmp_path, images):
    pack(tmp_path / "a.npz", images)
    faces = read_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(faces.images, images)
    assert faces.labels.tolist() == [0, 1, 2]
    assert faces.split.tolist() == ["train", "validation", "test"]
    assert faces.votes is not None
    assert [FERPLUS_ORDER[i] for i in range(3)] == ["neutral", "happy", "surprise"]
    assert faces.votes.majority().tolist() == [6, 3, 5]  # neutral, happy, surprise in the vocabulary
    assert load(tmp_path / "a.npz", 10).images.shape == (3, 5, 5)  # never enlarged
    assert load(tmp_path / "a.npz", 4).images.shape == (3, 4, 4)


def test_damage_is_reported(tmp_path, images):
    pack(tmp_path / "a.npz", images, residuals=np.zeros(9, np.uint8))
    with pytest.raises(DataError):
        read_npz(tmp_path / "a.npz")
    pack(tmp_path / "a.npz", images, shape=np.array([3, 5, 8]))
    with pytest.raises(DataError):
        read_npz(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", other=images)
    with pytest.raises(DataError):
        read_npz(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("labels", np.array([0, 7, 1]), "labels"),
        ("labels", np.array([0, -1, 1]), "labels"),
        ("usage", np.array(["Training", "Extra", "Training"]), "Extra"),
        ("votes", np.zeros((3, 8), np.uint8), "votes"),
    ],
)
def test_unexpected_contents_are_reported(tmp_path, images, field, value, message):
    pack(tmp_path / "a.npz", images, **{field: value})
    with pytest.raises(DataError, match=message) as caught:
        read_npz(tmp_path / "a.npz")
    assert caught.value.hint


def test_fer2013_holds_what_its_authors_count(fer2013):
    parts, counts = np.unique(fer2013.split, return_counts=True)
    assert dict(zip(parts.tolist(), counts.tolist())) == {"train": 28_709, "validation": 3_589}
    judged = fer2013.part("validation")
    assert judged.votes is not None
    assert (judged.votes.majority() >= 0).sum() == 3_199
    assert copies_of_training(fer2013, "validation").sum() == 280
