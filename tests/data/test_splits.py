"""Splits keep copies together and are the same on every machine."""

import cv2
import numpy as np
import pytest

from mien.data.dataset import UNDIVIDED, Dataset
from mien.data.near_duplicates import duplicate_groups
from mien.data.splits import split_dataset
from mien.emotions import EMOTIONS
from mien.errors import DataError, OptionError

HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")


def blobs(n: int, seed: int = 0, size: int = 48) -> np.ndarray:
    """Soft random blobs, each image unlike the others."""
    rough = np.random.default_rng(seed).integers(0, 256, (n, 12, 12)).astype(np.uint8)
    return np.stack([cv2.resize(one, (size, size), interpolation=cv2.INTER_CUBIC) for one in rough])


def undivided(images: np.ndarray, labels: np.ndarray) -> Dataset:
    return Dataset("made up", images, labels.astype(np.int64), np.full(len(images), UNDIVIDED))


def counts(faces: Dataset, label: int) -> list[int]:
    return [int(((faces.split == part) & (faces.labels == label)).sum()) for part in ("train", "validation", "test")]


def test_only_copies_share_a_group():
    images = blobs(200)
    rng = np.random.default_rng(1)
    lighter = (images[:20] * 0.8 + 30).astype(np.uint8)
    grainy = (images[:20] + rng.normal(0, 6, (20, 48, 48))).clip(0, 255).astype(np.uint8)
    shrunk = np.stack([cv2.resize(cv2.resize(image, (40, 40)), (48, 48)) for image in images[:20]])
    groups = duplicate_groups(np.concatenate([images, images[:20], lighter, grainy, shrunk]))
    assert groups.dtype == np.int64
    assert groups[:200].tolist() == list(range(200))
    assert groups[200:].tolist() == list(range(20)) * 4


def test_color_size_and_no_images():
    images = blobs(10, size=96)
    color = np.repeat(np.concatenate([images, images])[..., None], 3, 3)
    assert duplicate_groups(color).tolist() == [*range(10), *range(10)]
    assert duplicate_groups(images[:0]).tolist() == []


def test_even_grays_are_copies_of_their_equals_only():
    grays = np.stack([np.full((48, 48), value, np.uint8) for value in (0, 100, 0, 255)])
    assert duplicate_groups(grays).tolist() == [0, 1, 0, 2]


def test_mirror_images_are_not_duplicates():
    images = blobs(5)
    assert duplicate_groups(np.concatenate([images, images[:, :, ::-1]])).tolist() == list(range(10))


def test_the_division_is_stratified_and_seeded():
    faces = undivided(blobs(150), np.where(np.arange(150) < 100, HAPPY, SAD))
    once = split_dataset(faces)
    assert counts(once, HAPPY) == [70, 20, 10]
    assert counts(once, SAD) == [35, 10, 5]
    assert split_dataset(faces).split.tolist() == once.split.tolist()
    assert split_dataset(faces, seed=1).split.tolist() != once.split.tolist()
    assert counts(split_dataset(faces, (0.5, 0.5, 0)), HAPPY) == [50, 50, 0]


def test_the_order_of_files_does_not_matter():
    faces = undivided(blobs(60), np.arange(60) % 2 + HAPPY)
    order = np.random.default_rng(0).permutation(60)
    assert split_dataset(faces.take(order)).split.tolist() == split_dataset(faces).split[order].tolist()


def test_copies_stay_on_one_side_whatever_they_are_called():
    images = blobs(60)
    near = (images[:30] * 0.9 + 10).astype(np.uint8)
    labels = np.full(120, HAPPY)
    labels[60:75] = SAD  # a copy with another label is a copy
    labels[75:90] = SAD
    faces = split_dataset(undivided(np.concatenate([images, near, images[:30]]), labels))
    assert (faces.split[:30] == faces.split[60:90]).all()
    assert (faces.split[:30] == faces.split[90:]).all()
    assert min(counts(faces, HAPPY)) > 0
    assert min(counts(faces, SAD)) > 0


def test_images_are_assigned_to_their_three_parts():
    images = np.repeat(blobs(3), 2, axis=0)
    assert sorted(counts(split_dataset(undivided(images, np.full(6, SAD))), SAD)) == [2, 2, 2]


def test_too_few_images_name_the_emotion():
    faces = undivided(np.concatenate([blobs(10), np.repeat(blobs(2, 9), 5, axis=0)]), np.repeat([HAPPY, SAD], 10))
    with pytest.raises(DataError, match=r"made up: sad: got 2 images \(copies count as one\), expected at least 3"):
        split_dataset(faces)
    assert counts(split_dataset(faces, (0.5, 0.5, 0)), SAD) == [5, 5, 0]


def test_images_with_a_part_keep_it():
    faces = undivided(blobs(13), np.full(13, HAPPY))
    split = faces.split.astype("<U10")
    split[:3] = "test"
    faces = Dataset("made up", faces.images, faces.labels, split)
    assert split_dataset(faces).split[:3].tolist() == ["test"] * 3
    assert counts(split_dataset(faces), HAPPY) == [7, 2, 4]


@pytest.mark.parametrize("shares", [(0.7, 0.2), (0.7, 0.2, 0.2), (0, 0.5, 0.5), (1.2, -0.2, 0)])
def test_shares_that_are_none(shares):
    with pytest.raises(OptionError, match="shares: got"):
        split_dataset(undivided(blobs(10), np.full(10, HAPPY)), shares)


def test_fer2013_near_copies(fer2013):
    rows = np.flatnonzero(fer2013.split == "validation")
    groups = duplicate_groups(fer2013.images[rows])
    sizes = np.bincount(groups)
    assert (sizes == 1).mean() > 0.95  # most images are there once
    assert 20 < (sizes > 1).sum() < 150
