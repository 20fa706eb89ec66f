"""Rows of tables."""

import numpy as np
import pytest

from mien.emotions import EMOTIONS, LABEL_SETS
from mien.errors import OptionError
from mien.io import tables as schema
from mien.io.tables import FIXED_COLUMNS, columns, rows
from mien.types import Box, Face, Frame, Reading


def frame(name="a.jpg", **more):
    return Frame(np.zeros((4, 4, 3), np.uint8), name=name, **more)


def reading(probabilities, emotions=EMOTIONS, **more):
    face = Face(Box(1.23456, -2.0, 30.999, 40.126), score=0.987654)
    return Reading(face, emotions, np.array(probabilities, np.float32), **more)


def test_the_columns_match_the_documentation():
    assert columns(("happy", "sad")) == (
        *("source", "frame", "time_s", "face", "track_id", "x0", "y0", "x1", "y1"),
        *("score", "emotion", "confidence", "mixed", "abstained", "happy", "sad"),
    )


def test_every_column_is_documented():
    documented = {word for line in schema.__doc__.splitlines() for word in line[:10].split()}
    assert set(FIXED_COLUMNS) <= documented


def test_a_photo_with_two_faces():
    first = reading([0.3, 0.7], ("happy", "sad"), vote_shares=np.array([0.4, 0.6], np.float32), in_label_set=0.1)
    second = reading([0.99996, 0.00004], ("happy", "sad"), track_id=3)
    one, two = rows(frame(index=7, time_s=1.23456), [first, second], ("happy", "sad"))
    assert list(one) == list(columns(("happy", "sad")))
    assert one == {
        "source": "a.jpg",
        "frame": 7,
        "time_s": 1.235,
        "face": 1,
        "track_id": None,
        "x0": 1.23,
        "y0": -2.0,
        "x1": 31.0,
        "y1": 40.13,
        "score": 0.9877,
        "emotion": "sad",
        "confidence": 0.7,
        "mixed": ["sad", "happy"],
        "abstained": True,
        "happy": 0.3,
        "sad": 0.7,
    }
    assert (two["face"], two["track_id"], two["happy"], two["sad"]) == (2, 3, 1.0, 0.0)


def test_a_video_keeps_the_readings_of_each_frame():
    smoothed = reading([0.3, 0.7], ("happy", "sad"), frame_probabilities=np.array([0.9, 0.1], np.float32), track_id=2)
    (row,) = rows(frame(), [smoothed], ("happy", "sad"), video=True)
    assert tuple(row) == columns(("happy", "sad"), video=True)
    assert (row["happy"], row["frame_happy"], row["frame_sad"], row["track_id"]) == (0.3, 0.9, 0.1, 2)
    (nobody,) = rows(frame(), [], ("happy", "sad"), video=True)
    assert tuple(nobody) == tuple(row)
    assert nobody["frame_happy"] is None


def test_a_photo_without_a_face():
    (row,) = rows(frame(), [], ("happy", "sad"))
    assert list(row) == list(columns(("happy", "sad")))
    assert (row["source"], row["frame"], row["time_s"], row["mixed"]) == ("a.jpg", 0, 0.0, [])
    assert all(row[name] is None for name in row if name not in ("source", "frame", "time_s", "mixed"))


def test_values_are_plain_python():
    (row,) = rows(frame(), [reading(np.full(8, 0.125))], EMOTIONS)
    assert {type(value) for value in row.values()} <= {str, int, float, bool, list, type(None)}


@pytest.mark.parametrize("name", LABEL_SETS)
def test_rounded_probabilities_still_sum_to_one(name):
    emotions = LABEL_SETS[name]
    random = np.random.default_rng(0)
    for _ in range(100):
        (row,) = rows(frame(), [reading(random.dirichlet(np.ones(len(emotions))), emotions)], emotions)
        probabilities = [float(str(row[emotion])) for emotion in emotions]
        assert abs(sum(probabilities) - 1) < 1e-3
        assert row["confidence"] == row[str(row["emotion"])] == max(probabilities)


def test_a_reading_of_another_label_set_is_refused():
    with pytest.raises(OptionError):
        rows(frame(), [reading([0.5, 0.5], ("happy", "sad"))], EMOTIONS)


def test_names_that_are_not_unicode_can_be_written():
    (row,) = rows(frame("caf\udce9.jpg"), [], ("happy", "sad"))  # Latin-1 bytes on a UTF-8 system
    assert str(row["source"]).encode("utf-8") == b"caf\\udce9.jpg"
