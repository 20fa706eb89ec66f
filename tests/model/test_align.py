"""Alignment: crops are framed equally at any size and tilt."""

import cv2
import numpy as np
import pytest

from mien import Box, Face, Frame
from mien.detection.centerface import centerface
from mien.model.card import InputSpec
from mien.model.preprocess import align_face, resize, square_around, to_tensor


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])


def test_the_whole_image_at_its_own_size_is_untouched():
    image = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)
    frame = Frame(np.repeat(image[..., None], 3, axis=2))
    np.testing.assert_array_equal(align_face(frame, Face(Box(0, 0, 48, 48)), 48), image)


@pytest.mark.parametrize("size", [24, 48, 100])
def test_a_whole_image_is_scaled_like_any_other(size):
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (96, 96), np.uint8), (0, 0), 4)
    cropped = align_face(Frame(np.repeat(image[..., None], 3, axis=2)), Face(Box(0, 0, 96, 96)), size)
    assert np.abs(cropped.astype(int) - resize(image[None], size)[0]).mean() < 2


@pytest.mark.parametrize("degrees", [-30, -15, 10, 30])
def test_a_tilted_face_is_turned_upright(astronaut, degrees):
    (face,) = centerface(min_face=20).detect(astronaut)
    upright = align_face(astronaut, face, 48)
    turn = cv2.getRotationMatrix2D((224, 123), degrees, 1)
    tilted = Frame(
        np.asarray(cv2.warpAffine(astronaut.image, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    )
    again = max(centerface(min_face=20).detect(tilted), key=lambda found: found.box.iou(face.box))
    assert likeness(upright, align_face(tilted, again, 48)) > 0.8


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_size_in_the_image_does_not_matter(astronaut, factor):
    (face,) = centerface().detect(astronaut)
    scaled = Frame(
        np.asarray(cv2.resize(astronaut.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    )
    moved = Face(
        Box(*(v * factor for v in face.box.xyxy)), face.score, face.landmarks * np.float32(factor), face.margin
    )
    assert likeness(align_face(astronaut, face, 48), align_face(scaled, moved, 48)) > 0.98


@pytest.mark.parametrize(
    "box", [Box(-50, -50, 30, 30), Box(500, 500, 700, 700), Box(0, 0, 0.5, 0.5), Box(-900, -900, -800, -800)]
)
def test_crops_outside_the_image_repeat_the_border(astronaut, box):
    cropped = align_face(astronaut, Face(box), 48)
    assert cropped.shape == (48, 48)
    assert cropped.dtype == np.uint8


def test_collapsed_landmarks_are_ignored():
    face = Face(Box(0, 0, 10, 10), landmarks=np.full((5, 2), 5, np.float32))
    assert square_around(face) == ((5, 5), 10, 0.0)


def test_network_input_is_the_cards_formula():
    crops = np.array([[[0, 255], [51, 102]]], np.uint8)
    made = to_tensor(crops, InputSpec(2, mean=0.5, std=0.25))
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, [[[[-2, 2], [-1.2, -0.4]]]], rtol=1e-6)


def test_shrinking_gives_the_mean_of_the_area_of_each_pixel():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (1, 70, 110, 3), np.uint8)
    fine = image[0].repeat(48, axis=0).repeat(48, axis=1).astype(np.float64)  # each new pixel covers 70 x 110 of these
    means = fine.reshape(48, 70, 48, 110, 3).mean((1, 3))
    assert abs(resize(image, 48)[0] - means).max() <= 0.5 + 1e-6
