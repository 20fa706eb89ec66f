"""What is said of a face, also where it is mixed or there is nothing to rely on."""

import numpy as np

from mien.explain.values import Curves, Explanation, Part
from mien.explain.words import doubts_told, read_as, short
from mien.types import Box, Face, Reading

FACE = Face(Box(0, 0, 10, 10))


def reading(probabilities, votes=None, **more) -> Reading:
    def array(values):
        return None if values is None else np.array(values, np.float32)

    return Reading(FACE, ("happy", "sad", "surprise"), array(probabilities), array(votes), **more)


def test_a_clear_face():
    assert read_as(reading([0.9, 0.05, 0.05])) == "Read as happy (90 %)."


def test_a_mixed_face_is_told_in_people():
    said = read_as(reading([0.7, 0.0, 0.3], [0.6, 0.0, 0.4]))
    assert (
        said
        == "A mixed face: happy and surprise share it. Of ten people about 6 would say happy and about 4 would say surprise."
    )


def test_why_it_abstains():
    assert "happy, gets only 40 %, with sad next at 35 %; 50 % are needed" in read_as(reading([0.4, 0.35, 0.25]))
    assert "too blurred (detail 0.010, needed 0.03)" in read_as(reading([0.9, 0.1, 0.0], sharpness=0.01))
    assert "none of the emotions asked about (20 % that it does)" in read_as(reading([0.9, 0.1, 0.0], in_label_set=0.2))


def test_small_shares_have_no_minus():
    assert short(Part("nose", -0.001, -0.001, "happy", 0.5)) == "0 %"
    assert short(Part("nose", -1.0, -0.12, "happy", 0.5)) == "\N{MINUS SIGN}12 %"


def test_where_hardly_anything_shows_the_first_check_does_not_blame_the_map():
    def first_check(probability: float) -> str:
        flat, face = np.full(3, probability, np.float32), np.zeros((8, 8), np.uint8)
        curves = Curves(np.array([0, 0.5, 1], np.float32), flat, flat, flat, flat)
        given = reading([0.99 - probability, probability, 0.01])
        return doubts_told(
            Explanation(
                "a.png", 1, given, "sad", probability, face, np.dstack([face] * 3), np.zeros((8, 8), np.float32),
                (Part("mouth", -3.0, -1.0, "happy", 0.0),), (), "happy", curves, 0.9, "happy", probability, placed=True,
            )
        )[0]  # fmt: skip

    assert "this check cannot tell" in first_check(0.002)
    assert "hardly beats chance" in first_check(0.4)
