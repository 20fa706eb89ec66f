"""Photos that lie on their side or upside down."""

from __future__ import annotations

import numpy as np
import pytest

import mien
from mien.detection import detect_turned
from mien.types import Box, Face, Frame


@pytest.fixture(scope="module")
def reader() -> mien.Reader:
    return mien.Reader(mien.ReadOptions(threads=1))


def _turned(frame: Frame, clockwise: int) -> Frame:
    return Frame(np.ascontiguousarray(np.rot90(frame.image, -(clockwise // 90))))


@pytest.mark.parametrize("clockwise", [90, 180, 270])
def test_a_turned_photo_is_read_as_the_upright_one(reader: mien.Reader, astronaut: Frame, clockwise: int) -> None:
    upright = reader.read(astronaut.image)[0]
    turned = reader.read(_turned(astronaut, clockwise).image)
    assert [reading.emotion for reading in turned] == [upright.emotion]
    assert abs(turned[0].confidence - upright.confidence) < 0.02
    x0, y0, x1, y1 = upright.face.box.xyxy
    width, height = astronaut.width, astronaut.height
    expected = {
        90: Box(height - y1, x0, height - y0, x1),
        180: Box(width - x1, height - y1, width - x0, height - y0),
        270: Box(y0, width - x1, y1, width - x0),
    }[clockwise]
    assert turned[0].face.box.iou(expected) > 0.8


def test_a_given_rotation_is_applied_to_every_image(astronaut: Frame) -> None:
    turning = mien.Reader(mien.ReadOptions(threads=1, rotate=270))
    assert turning.read(_turned(astronaut, 90).image)[0].emotion == "happy"
    assert not any(reading.face.score > 0.7 for reading in turning.read(astronaut.image))


def test_an_upright_photo_is_searched_once() -> None:
    counter = _Counter(0.9)
    assert len(detect_turned(counter, Frame(np.zeros((40, 60, 3), np.uint8)), None)) == 1
    assert counter.sizes == [(60, 40)]


def test_a_detector_sees_turned_copies_of_at_most_640_pixels_where_no_face_is_clear() -> None:
    counter = _Counter(0.3)
    detect_turned(counter, Frame(np.zeros((400, 1280, 3), np.uint8)), None)
    assert counter.sizes == [(1280, 400), (200, 640), (640, 200), (200, 640)]


def test_landmarks_and_boxes_turn_together() -> None:
    # A box at the upper left of the turned image of 40 x 60 pixels lies at the lower left of the one of 60 x 40.
    (face,) = detect_turned(_Counter(0.9), Frame(np.zeros((40, 60, 3), np.uint8)), 90)
    assert face.box.xyxy == (2.0, 25.0, 24.0, 39.0)
    assert face.landmarks is not None
    assert face.landmarks[0].tolist() == [4.0, 37.0]
    assert face.landmarks[1].tolist() == [4.0, 29.0]


@pytest.mark.parametrize("rotate", [45, -90, 360])
def test_other_angles_are_refused(rotate: int) -> None:
    with pytest.raises(mien.OptionError) as error:
        mien.ReadOptions(rotate=rotate)
    assert error.value.field == "rotate"


def test_crops_without_a_detector_are_not_turned(astronaut: Frame) -> None:
    with pytest.raises(mien.OptionError) as error:
        mien.ReadOptions(detector="none", rotate=90)
    assert error.value.field == "rotate"
    whole = mien.Reader(mien.ReadOptions(detector="none", threads=1)).read(astronaut.image)
    assert whole[0].face.box.xyxy == (0.0, 0.0, astronaut.width, astronaut.height)


class _Counter:
    """Reports one face with the same place and score in every image."""

    def __init__(self, score: float) -> None:
        self.score, self.sizes = score, list[tuple[int, int]]()

    def detect(self, frame: Frame) -> list[Face]:
        self.sizes.append((frame.width, frame.height))
        points = np.array([[3, 4], [11, 4], [7, 10], [4, 16], [10, 16]], np.float32)
        return [Face(Box(1.0, 2.0, 15.0, 24.0), self.score, points)]
