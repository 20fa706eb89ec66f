"""The majority rule of FER+ on small examples."""

import numpy as np
import pytest

from mien.data.dataset import Votes
from mien.emotions import EMOTIONS


def votes(unknown: int = 0, no_face: int = 0, **emotions: int) -> Votes:
    row = [[emotions.get(name, 0) for name in EMOTIONS]]
    return Votes(np.array(row, np.uint8), np.array([unknown], np.uint8), np.array([no_face], np.uint8))


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (votes(happy=10), "happy"),
        (votes(happy=6, sad=4), "happy"),
        (votes(happy=5, sad=5), None),  # half is not more than half
        (votes(happy=5, sad=4, fear=1), "happy"),  # the single vote is dropped: 5 of 9
        (votes(happy=4, sad=3, fear=3), None),
        (votes(happy=3, sad=1, fear=1, angry=1, disgust=1, surprise=1, neutral=1, contempt=1), "happy"),
        (votes(unknown=6, happy=4), None),  # the majority cannot say
        (votes(no_face=10), None),
        (votes(happy=4, unknown=4, sad=2), None),
        (votes(happy=1, sad=1, fear=1), None),  # nothing is left
    ],
)
def test_majority(given, answer):
    assert given.majority()[0] == (-1 if answer is None else EMOTIONS.index(answer))


def test_distribution_is_over_the_emotion_votes():
    shares = votes(happy=6, sad=2, unknown=2).distribution()[0]
    assert shares[EMOTIONS.index("happy")] == pytest.approx(0.75)
    assert shares.sum() == pytest.approx(1)


def test_distribution_is_empty_where_most_saw_no_face():
    assert not votes(happy=3, no_face=7).distribution().any()
    assert not votes(unknown=10).distribution().any()
