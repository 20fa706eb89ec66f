"""Explanations in words, also for mixed and abstained readings."""

import numpy as np

from mien.explanations.explainer import Explanation, Limitation
from mien.explanations.faithfulness import Curves
from mien.explanations.perturbation import Part
from mien.explanations.report import checks, describe
from mien.types import Box, Face, Reading

FACE = Face(Box(0, 0, 10, 10))


def reading(probabilities, votes=None, **more) -> Reading:
    def array(values):
        return None if values is None else np.array(values, np.float32)

    return Reading(FACE, ("happy", "sad", "surprise"), array(probabilities), array(votes), **more)


def test_mixed_readings_list_their_emotions():
    said = describe(reading([0.7, 0.0, 0.3], [0.6, 0.0, 0.4]))
    assert "happy" in said
    assert "surprise" in said
    assert "sad" not in said


def explained(probability: float) -> Explanation:
    flat, face = np.full(3, probability, np.float32), np.zeros((8, 8), np.uint8)
    curves = Curves(np.array([0, 0.5, 1], np.float32), flat, flat, flat, flat)
    given = reading([0.99 - probability, probability, 0.01])
    return Explanation(
        "a.png", 1, given, "sad", probability, face, np.dstack([face] * 3), np.zeros((8, 8), np.float32),
        (Part("mouth", -3.0, -1.0, "happy", 0.0),), (), "happy", curves, 0.9, "happy", probability, has_landmarks=True,
    )  # fmt: skip


def test_a_flat_curve_is_unfaithful_for_two_different_reasons():
    nothing_to_show, chance = explained(0.002), explained(0.4)
    assert nothing_to_show.limitations == chance.limitations == (Limitation.UNFAITHFUL,)
    assert checks(nothing_to_show)[0] != checks(chance)[0]
