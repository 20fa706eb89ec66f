"""Marks of made-up answers, and the even draw."""

import numpy as np
import pytest

from mien.lab.stress.conditions import CONDITIONS
from mien.lab.stress.images import _evenly
from mien.lab.stress.marks import marks
from mien.lab.stress.table import as_csv, as_markdown, broken, table


def answers(**said: dict[str, list[str]]) -> dict[str, np.ndarray]:
    """``model={condition: [emotion, ...]}``; the truth is happy, happy, sad, sad, ...; an empty word is a missed face."""
    rows = []
    for model, by_condition in said.items():
        for condition, emotions in by_condition.items():
            for number, emotion in enumerate(emotions):
                truth = ("happy", "happy", "sad", "sad")[number % 4]
                rows.append((model, condition, "detected", f"p{number}", truth, emotion, "0.8", "false"))
    names = ("model", "condition", "way", "image", "answer", "emotion", "confidence", "abstained")
    return dict(zip(names, np.array(rows).T, strict=True))


GOOD = ["happy", "happy", "sad", "sad"] * 5


def test_a_missed_face_is_a_wrong_answer():
    dark = ["happy", "", "happy", "sad"] * 5
    clean, spoiled = marks(answers(one={"clean": GOOD, "darkness 1": dark}))
    assert (clean.accuracy, clean.found_share, clean.ece) == (1, 1, pytest.approx(0.2))
    assert (spoiled.n, spoiled.found, spoiled.right) == (20, 15, 10)
    assert spoiled.accuracy == 0.5
    assert spoiled.accuracy_found == pytest.approx(2 / 3)
    assert spoiled.balanced == pytest.approx(0.5)
    assert spoiled.confidence == pytest.approx(0.8)
    low, high = spoiled.interval
    assert low < 0.5 < high
    assert broken(spoiled, [clean, spoiled])
    assert not broken(clean, [clean, spoiled])


def test_no_face_at_all_is_no_crash():
    rows = marks(answers(one={"clean": GOOD, "blur 3": [""] * 20}))
    assert rows[1].accuracy == 0
    assert "0 (" in as_markdown(rows, "t", []) or "0.0" in as_markdown(rows, "t", [])
    assert ",,," in as_csv(rows).splitlines()[2]  # unknown is empty, not nan
    assert "nan" not in as_csv(rows)


def test_models_are_compared_in_pairs_with_the_first():
    worse = ["happy", "sad", "sad", "sad"] * 5
    rows = marks(answers(one={"clean": GOOD, "noise 1": worse}, two={"clean": GOOD, "noise 1": GOOD}))
    assert [(row.model, row.condition.name) for row in rows] == [
        ("one", "clean"), ("two", "clean"), ("one", "noise 1"), ("two", "noise 1"),
    ]  # fmt: skip
    assert rows[0].gain is None
    assert rows[1].gain == 0
    assert rows[1].p == 1
    assert rows[3].gain == pytest.approx(0.25)
    assert rows[3].p == pytest.approx(2 * 2 * 0.5**5)  # five images, all one way; two rows
    low, high = rows[3].gain_interval
    assert low < 0.25 < high
    assert "vs first" in as_markdown(rows, "title", ["a note"])
    assert table(rows, "title").row_count == 4


def test_images_are_drawn_as_evenly_as_there_are():
    pile = np.array([0] * 100 + [1] * 3 + [2] * 50)
    drawn = _evenly(pile, 43, np.random.default_rng(0))
    assert np.bincount(pile[drawn]).tolist() == [20, 3, 20]
    assert len(_evenly(pile, 1000, np.random.default_rng(0))) == 153
    assert len(set(drawn.tolist())) == 43


def test_names_of_conditions_are_their_own():
    names = [condition.name for condition in CONDITIONS]
    assert len(set(names)) == len(names)
    assert names[0] == "clean"
