import cv2
import numpy as np
import pytest

from mien.tracking import ShotDetector


def picture(seed: int, height: int = 180, width: int = 320) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(20, 236, (5, 8, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def cut_between(one: np.ndarray, other: np.ndarray) -> bool:
    watch = ShotDetector()
    assert watch.at(one) is False  # the first frame begins nothing new
    return watch.at(other)


@pytest.mark.parametrize("seed", range(10))
def test_different_images_are_a_cut(seed):
    assert cut_between(picture(seed), picture(seed + 100)) is True


def test_black_bars_do_not_hide_a_cut():
    one, other = picture(1), picture(2)
    for image in (one, other):
        image[:30] = image[-30:] = 0
    assert cut_between(one, other) is True


def test_no_cut_where_nothing_or_little_changes():
    one = picture(3)
    somebody = one.copy()
    somebody[40:, 100:220] = 90
    noisy = np.clip(one + np.random.default_rng(0).normal(0, 20, one.shape), 0, 255).astype(np.uint8)
    for other in (one, somebody, noisy, one // 2, np.roll(one, 8, axis=1)):
        assert cut_between(one, other) is False


@pytest.mark.parametrize("level", [0, 3, 20, 40, 255])
def test_constant_images_are_equal(level):
    black = np.zeros((90, 160, 3), np.uint8)
    assert cut_between(black, np.full_like(black, level)) is False


def test_tiny_and_odd_sizes():
    assert cut_between(np.zeros((1, 1, 3), np.uint8), picture(0, 7, 3)) in (True, False)
