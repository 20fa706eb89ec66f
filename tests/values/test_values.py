"""Values check their arrays when they are created."""

import numpy as np
import pytest

from mien import Box, Face, Frame, OptionError, Reading, ReadOptions

BOX = Box(10, 20, 50, 60)


def reading(*probabilities: float, emotions: tuple[str, ...] = ("happy", "sad")) -> Reading:
    return Reading(Face(BOX), emotions, np.array(probabilities, np.float32))


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 4), np.uint8), "photo.jpg"],
    ids=["gray", "float", "rgba", "path"],
)
def test_a_frame_is_rgb_bytes(image):
    with pytest.raises(OptionError):
        Frame(image)


def test_empty_boxes_are_refused():
    with pytest.raises(OptionError):
        Box(5, 5, 5, 9)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_positions_are_finite(broken):
    with pytest.raises(OptionError):
        Box(0, 0, broken, 5)
    with pytest.raises(OptionError):
        Face(BOX, landmarks=np.full((5, 2), broken, np.float32))


def test_frames_without_pixels_are_refused():
    with pytest.raises(OptionError):
        Frame(np.empty((0, 5, 3), np.uint8))


def test_iou_of_half_shifted_squares_is_a_third():
    assert Box(0, 0, 2, 2).iou(Box(1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert Box(0, 0, 1, 1).iou(Box(5, 5, 6, 6)) == 0


def test_probabilities_sum_to_one():
    with pytest.raises(OptionError):
        reading(0.5, 0.4)
    with pytest.raises(OptionError):
        reading(float("nan"), 0.4)


def test_the_strongest_emotion_is_named():
    found = reading(0.25, 0.75)
    assert (found.emotion, found.confidence) == ("sad", 0.75)
    assert list(found.scores()) == ["sad", "happy"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("emotions", "nine"),
        ("detector", "haar"),
        ("min_face", 1),
        ("threads", -1),
        ("min_confidence", 1.5),
        ("detector_threshold", -0.1),
    ],
)
def test_options_refuse_invalid_values(field, value):
    with pytest.raises(OptionError) as caught:
        ReadOptions(**{field: value})
    assert (caught.value.field, caught.value.value) == (field, value)


def test_mixed_readings_have_at_least_two_emotions():
    def mixed(*votes):
        spoken = ("angry", "happy", "sad")
        shares = np.array(votes, np.float32)
        return Reading(Face(BOX), spoken, shares, vote_shares=shares).mixed

    assert mixed(0.35, 0.6, 0.05) == ("happy", "angry")
    assert mixed(0.05, 0.9, 0.05) == ()


def test_readings_outside_the_label_set_abstain():
    def said(**more):
        return Reading(Face(BOX), ("happy", "sad"), np.array([0.02, 0.98], np.float32), **more)

    assert not said().abstained
    assert said(in_label_set=0.2).abstained
    assert said(min_confidence=0.99).abstained
