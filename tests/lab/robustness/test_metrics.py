"""Metrics of synthetic predictions, and balanced samples."""

import numpy as np
import pandas as pd
import pytest

from mien.lab.robustness_test.conditions import CONDITIONS
from mien.lab.robustness_test.run import condition_results
from mien.lab.robustness_test.samples import evenly


def answers(**said: dict[str, list[str]]) -> pd.DataFrame:
    """``model={condition: [emotion, ...]}``; the truth is happy, happy, sad, sad, ...; an empty word is a missed face."""
    rows = []
    for model, by_condition in said.items():
        for condition, emotions in by_condition.items():
            for number, emotion in enumerate(emotions):
                truth = ("happy", "happy", "sad", "sad")[number % 4]
                rows.append((model, condition, "detected", f"p{number}", truth, emotion, "0.8", "false"))
    names = ("model", "condition", "way", "image", "label", "emotion", "confidence", "abstained")
    return pd.DataFrame(rows, columns=names)


GOOD = ["happy", "happy", "sad", "sad"] * 5


def test_missed_faces_count_as_errors():
    seen = ["happy", "", "happy", "sad"] * 5
    clean, dark = condition_results(answers(one={"clean": GOOD, "darkness 1": seen}))
    assert (clean.accuracy, clean.found_share, clean.ece) == (1, 1, pytest.approx(0.2))
    assert (dark.n, dark.found, dark.correct) == (20, 15, 10)
    assert dark.accuracy == 0.5
    assert dark.balanced_accuracy == pytest.approx(0.5)
    assert dark.confidence == pytest.approx(0.8)
    low, high = dark.interval
    assert low < 0.5 < high
    assert dark.large_drop
    assert not clean.large_drop


def test_images_without_faces_do_not_crash():
    rows = condition_results(answers(one={"clean": GOOD, "blur 3": [""] * 20}))
    assert rows[1].accuracy == 0
    assert (rows[1].confidence, rows[1].ece, rows[1].abstained) == (None,) * 3


def test_models_are_compared_in_pairs_with_the_first():
    worse = ["happy", "sad", "sad", "sad"] * 5
    rows = condition_results(answers(one={"clean": GOOD, "noise 1": worse}, two={"clean": GOOD, "noise 1": GOOD}))
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


def test_limited_samples_are_balanced():
    pile = np.array([0] * 100 + [1] * 3 + [2] * 50)
    drawn = evenly(pile, 43, np.random.default_rng(0))
    assert np.bincount(pile[drawn]).tolist() == [20, 3, 20]
    assert len(evenly(pile, 1000, np.random.default_rng(0))) == 153
    assert len(set(drawn.tolist())) == 43


def test_condition_names_are_unique():
    names = [condition.name for condition in CONDITIONS]
    assert len(set(names)) == len(names)
    assert names[0] == "clean"
