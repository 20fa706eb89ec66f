"""Annotated images."""

import numpy as np
import pytest

from mien import Box, Face, Frame, Reading, annotate
from mien.drawing import COLORS, caption, percent
from mien.emotions import EMOTIONS


def reading(box: Box, **changes) -> Reading:
    return Reading(Face(box), ("happy", "sad"), np.array([0.75, 0.25], np.float32), **changes)


def test_captions_give_emotion_and_confidence():
    box = Box(0, 0, 9, 9)
    assert caption(reading(box)) == "happy 75%"
    assert caption(reading(box, vote_shares=np.array([0.6, 0.4], np.float32))) == "happy 75% + sad 25%"
    assert caption(reading(box, min_confidence=0.8)) == "happy? 75%"


def test_no_probability_is_zero_or_one():
    assert [percent(p) for p in (0.05, 0.984, 0.999, 1.0)] == ["5%", "98%", "> 99%", "> 99%"]


def test_every_emotion_has_a_color_of_its_own():
    assert set(COLORS) == set(EMOTIONS)
    assert len(set(COLORS.values())) == len(EMOTIONS)


@pytest.mark.parametrize(
    "box", [Box(100, 100, 200, 220), Box(-40, -40, 30, 30), Box(290, 190, 400, 400), Box(5, 5, 6, 6)]
)
def test_the_kept_face_is_not_masked(box):
    frame = Frame(np.full((200, 300, 3), 50, np.uint8))
    marked = annotate(frame, [reading(box)])
    assert marked.shape == frame.image.shape
    assert (marked != 50).any()
    assert (frame.image == 50).all()
    if box == Box(100, 100, 200, 220):
        assert (marked[110:190, 110:190] == 50).all()


def test_images_without_faces_are_not_annotated():
    frame = Frame(np.arange(27, dtype=np.uint8).reshape(3, 3, 3))
    np.testing.assert_array_equal(annotate(frame, []), frame.image)
