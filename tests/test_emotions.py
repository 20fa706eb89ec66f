"""Emotions and label sets."""

import pytest

from mien.emotions import EMOTIONS, LABEL_SETS, parse, positions
from mien.errors import OptionError
from mien.options import ReadOptions


def test_the_order_of_emotions_is_fixed():
    assert EMOTIONS == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")


@pytest.mark.parametrize(
    ("name", "emotion"), [("Anger", "angry"), (" HAPPINESS ", "happy"), ("Freude", "happy"), ("fearful", "fear")]
)
def test_aliases(name, emotion):
    assert parse(name) == emotion


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(OptionError):
        parse("hangry")


def test_label_sets_keep_the_order_of_the_vocabulary():
    for emotions in LABEL_SETS.values():
        assert positions(emotions, EMOTIONS) == sorted(positions(emotions, EMOTIONS))


def test_labels_unknown_to_the_model_are_reported():
    with pytest.raises(OptionError):
        positions(LABEL_SETS["eight"], LABEL_SETS["seven"])


@pytest.mark.parametrize("emotions", [["happy"], ("happy", "sad"), {"happy"}])
def test_emotions_in_place_of_a_label_set_are_refused(emotions):
    with pytest.raises(OptionError) as caught:
        ReadOptions(emotions=emotions)
    assert caught.value.field == "emotions"
    assert "happy-sad" in caught.value.hint
