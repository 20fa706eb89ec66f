"""Labels follow the pixels through every view, and raw outputs are decoded to boxes."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the lab's tests need the extra [lab]")

from mien.detection.anchor_free import anchor_points, decode
from mien.detection.base import suppress
from mien.detection.pyramid import to_blob
from mien.lab.detector.augment import Augmenter, View, show, transform_labels
from mien.lab.detector.data import FaceData, Labels, Photo

from .drawn import drawn_photos, small_recipe

BOX = np.array([[20, 30, 40, 60]], np.float32)
POINTS = np.array([[[25, 38], [35, 38], [30, 45], [26, 52], [34, 52]]], np.float32)
LABELS = replace(Labels.none(), boxes=BOX, landmarks=POINTS)


def test_a_flip_swaps_left_and_right_landmarks():
    view = View(50, 50, 1, 100, 100, flip=True)
    flipped = transform_labels(LABELS, view.matrix, view, 0)
    assert flipped.boxes.tolist() == [[60, 30, 80, 60]]
    assert flipped.landmarks[0].tolist() == [[65, 38], [75, 38], [70, 45], [66, 52], [74, 52]]


def test_a_face_that_is_too_small_or_cut_off_is_ignored():
    small = View(50, 50, 0.2, 100, 100)
    cut = View(84, 50, 1, 100, 100)
    for view, smallest in ((small, 10), (cut, 0)):
        labels = transform_labels(LABELS, view.matrix, view, smallest)
        assert len(labels.boxes) == 0
        assert len(labels.ignore) == 1


def test_a_quarter_turn_swaps_the_sides_of_a_box():
    view = View(50, 50, 1, 100, 100, angle=np.pi / 2)
    assert transform_labels(LABELS, view.matrix, view, 0).boxes == pytest.approx(np.array([[40, 20, 70, 40]]), abs=1e-3)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("angle", [0.0, 0.5])
@pytest.mark.parametrize("scale", [0.5, 1.7])
def test_a_marked_square_stays_in_its_box(scale, angle, flip):
    pixels = np.zeros((120, 160, 3), np.uint8)
    pixels[40:70, 60:90] = 255
    photo = Photo.of(pixels, replace(LABELS, boxes=np.array([[60, 40, 90, 70]], np.float32)))
    view = View(70, 60, scale, 96, 96, angle, flip)
    image, labels = show(photo, view, 0, np.random.default_rng(0))
    rows, columns = np.nonzero(np.asarray(image).min(2) > 200)
    center = (labels.boxes[0, :2] + labels.boxes[0, 2:]) / 2
    assert [columns.mean() + 0.5, rows.mean() + 0.5] == pytest.approx(center.tolist(), abs=1.0)


def test_the_same_epoch_and_index_give_the_same_image():
    augmenter = Augmenter(FaceData(drawn_photos(6), [], []), small_recipe())
    for index in range(6):
        first, second = augmenter.sample(3, index), augmenter.sample(3, index)
        assert (first.image == second.image).all()
        assert (first.labels.boxes == second.labels.boxes).all()
        assert first.image.shape == (96, 96, 3)
        assert ((first.labels.boxes >= 0) & (first.labels.boxes <= 96)).all()


def test_fer2013_faces_are_pasted_on_backgrounds():
    noise = np.random.default_rng(0).integers(0, 256, (4, 300, 300, 3), dtype=np.uint8)
    backgrounds = [Photo.of(pixels, Labels.none(), "negatives") for pixels in noise]
    faces = np.full((3, 48, 48), 128, np.uint8)
    augmenter = Augmenter(FaceData(backgrounds, [], [], faces), small_recipe(size=256, paste=1.0, mosaic=0.0))
    boxes = np.concatenate([augmenter.sample(epoch, 0).labels.boxes for epoch in range(20)])
    sides = (boxes[:, 2:] - boxes[:, :2]).max(1)
    assert len(boxes) > 20
    assert 20 <= sides.min() < 40 < sides.max() <= 190


def encode(boxes, landmarks, centers, unit):
    middle, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    points = (landmarks - centers[:, None]) / unit[:, None]
    return np.concatenate([(middle - centers) / unit, np.log(size / unit), points.reshape(len(boxes), -1)], 1)


def test_decode_inverts_encode():
    centers, strides = anchor_points(64, 96)
    rng = np.random.default_rng(0)
    middle, size = rng.uniform(0, 64, (len(centers), 2)), rng.uniform(5, 60, (len(centers), 2))
    boxes = np.concatenate([middle - size / 2, middle + size / 2], 1).astype(np.float32)
    landmarks = rng.uniform(0, 64, (len(centers), 5, 2)).astype(np.float32)
    raw = encode(boxes, landmarks, centers, strides[:, None] * 4)
    scores = np.linspace(3, 1, len(centers), dtype=np.float32)[:, None]
    found = decode(np.concatenate([scores, raw], 1), 64, 96, 0.5)
    assert found.boxes == pytest.approx(boxes, abs=1e-3)
    assert found.landmarks == pytest.approx(landmarks, abs=1e-3)


def test_only_the_best_of_overlapping_boxes_is_kept():
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 0, 40, 10]], np.float32)
    assert suppress(boxes, np.array([0.6, 0.9, 0.7], np.float32), 0.4).tolist() == [1, 2]


def test_an_image_is_padded_to_multiples_of_32_with_black():
    blob = to_blob(np.full((33, 64, 3), 9, np.uint8))
    assert blob.shape == (1, 3, 64, 64)
    assert (blob[0, :, :33] == 9).all()
    assert (blob[0, :, 33:] == 0).all()


def test_patterns_are_varied_and_show_no_face():
    augmenter = Augmenter(FaceData(drawn_photos(6), [], []), small_recipe(patterns=1.0))
    samples = [augmenter.sample(epoch, index) for epoch in range(3) for index in range(6)]
    assert all(len(sample.labels.boxes) + len(sample.labels.ignore) == 0 for sample in samples)
    assert len({sample.image.tobytes() for sample in samples}) == len(samples)
    assert all(sample.image.std() > 0 for sample in samples)
