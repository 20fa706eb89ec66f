"""Sharpness of crops."""

import cv2
import numpy as np
import pytest

from mien.model.preprocess import sharpness


@pytest.fixture(scope="module")
def face(astronaut):
    return cv2.cvtColor(astronaut.image[58:178, 166:286], cv2.COLOR_RGB2GRAY)


def seen(*images):
    return sharpness(np.stack([cv2.resize(picture, (48, 48), interpolation=cv2.INTER_AREA) for picture in images]))


def test_blur_takes_detail_away_and_light_does_not(face):
    blurred = [cv2.GaussianBlur(face, (0, 0), sigma) for sigma in (2, 4, 8)]
    values = seen(face, *blurred).tolist()
    assert values == sorted(values, reverse=True)
    assert values[0] > 10 * values[-1]
    dark = seen((face * 0.3).astype(np.uint8))
    assert dark[0] == pytest.approx(values[0], rel=0.15)


def test_a_face_of_few_pixels_has_little_detail_however_large_it_is_shown(face):
    few = cv2.resize(face, (12, 12), interpolation=cv2.INTER_AREA)
    blown_up = cv2.resize(few, (480, 480))
    assert sharpness(blown_up[None])[0] < 0.1 * seen(face)[0]


def test_colors_are_classified_by_luminance(astronaut, face):
    crop = cv2.resize(astronaut.image[58:178, 166:286], (48, 48), interpolation=cv2.INTER_AREA)
    assert sharpness(crop[None])[0] == pytest.approx(seen(face)[0], rel=0.05)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_blank_crop_has_no_sharpness(value):
    assert sharpness(np.full((2, 48, 48), value, np.uint8)).tolist() == [0, 0]


def test_no_crops_are_no_figures():
    assert sharpness(np.zeros((0, 48, 48), np.uint8)).shape == (0,)
