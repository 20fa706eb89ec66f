"""Metrics match values calculated by hand or by other libraries."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss

from mien.errors import DataError
from mien.lab.evaluation.metrics import VoteTruth, Weakness, accuracy_text, kl_to_votes, reliability, score, weaknesses
from mien.lab.temperature import fit_recall_offsets, fit_temperature, fit_vote_temperature
from mien.stats import wilson

EMOTIONS = ("happy", "sad", "neutral")


def sampled(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and answers drawn from the very probabilities that they stand for."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, 3))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    answers = (rng.random((n, 1)) > chances.cumsum(1)).sum(1)
    return logits, answers


def test_wilson_against_a_published_value():
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81 of 263 and 15 of 148.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_small_case_by_hand():
    probabilities = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    answers = np.array([0, 1, 1, -1])  # the last has no right answer
    scores = score(np.log(probabilities), answers, EMOTIONS)
    assert scores.n == 3
    assert scores.accuracy == pytest.approx(2 / 3)
    assert scores.nll == pytest.approx(-(math.log(0.8) + math.log(0.3) + math.log(0.5)) / 3)
    assert scores.brier == pytest.approx((0.06 + 0.86 + 0.38) / 3)
    assert scores.ece == pytest.approx((0.2 + 0.6 + 0.5) / 3)  # one image a bin
    assert scores.balanced_accuracy == pytest.approx((1 + 0.5) / 2)  # neutral does not occur
    assert scores.confusion == ((1, 0, 0), (1, 1, 0), (0, 0, 0))
    assert scores.classes["sad"].support == 2
    assert scores.kl_to_votes is None


def test_ece_with_full_bins():
    confidence = np.array([0.5, 0.5, 0.9, 0.9])
    probabilities = np.column_stack([confidence, 1 - confidence])
    bins = reliability(probabilities, np.array([0, 0, 0, 1]), bins=2)
    assert bins.confidence == pytest.approx((0.5, 0.9))
    assert bins.accuracy == (1.0, 0.5)
    assert bins.ece == pytest.approx(0.5 * 0.5 + 0.5 * 0.4)
    assert sum(bins.histogram) == 4


def test_bins_hold_equally_many():
    logits, answers = sampled(1000)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    bins = reliability(probabilities, answers)
    assert len(bins.count) == 15
    assert set(bins.count) == {66, 67}
    assert bins.ece < 0.05  # the answers were drawn from these probabilities


def test_same_as_scikit_learn():
    logits, answers = sampled(500)
    scores = score(logits, answers, EMOTIONS, temperature=2.0)
    probabilities = np.exp(logits / 2) / np.exp(logits / 2).sum(1, keepdims=True)
    assert scores.nll == pytest.approx(log_loss(answers, probabilities))
    assert scores.macro_f1 == pytest.approx(f1_score(answers, logits.argmax(1), average="macro"))
    assert scores.balanced_accuracy == pytest.approx(balanced_accuracy_score(answers, logits.argmax(1)))


def test_kl_to_votes_by_hand():
    probabilities = np.array([[0.5, 0.25, 0.25], [0.2, 0.3, 0.5], [0.9, 0.05, 0.05]])
    shares = np.array([[1.0, 0, 0], [0.2, 0.3, 0.5], [0, 0, 0]])  # the last has no votes
    assert kl_to_votes(np.log(probabilities), shares) == pytest.approx(math.log(2) / 2)
    scores = score(np.log(probabilities), np.array([0, 2, 0]), EMOTIONS, votes=VoteTruth(shares))
    assert scores.kl_to_votes == pytest.approx(math.log(2) / 2)
    assert scores.n_votes == 2


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_temperature_is_found_again(factor):
    logits, answers = sampled(20_000)
    assert fit_temperature(logits * factor, answers) == pytest.approx(factor, rel=0.03)


def test_vote_temperature_is_found_again():
    logits, _ = sampled(200)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert fit_vote_temperature(logits * 2.5, shares) == pytest.approx(2.5, rel=1e-3)


def test_scores_are_plain_values():
    logits, answers = sampled(50)
    scores = score(logits, answers, EMOTIONS)
    assert json.loads(json.dumps(asdict(scores)))["n"] == 50
    assert "n = 50" in accuracy_text(scores)


def test_nothing_to_mark_is_an_error():
    with pytest.raises(DataError):
        score(np.zeros((2, 3)), np.array([-1, -1]), EMOTIONS)
    with pytest.raises(DataError):
        fit_temperature(np.zeros((2, 3)), np.array([-1, -1]))
    with pytest.raises(DataError):
        fit_vote_temperature(np.zeros((2, 3)), np.zeros((2, 3)))


def test_one_class_for_everything_is_a_weakness():
    truth = np.repeat([0, 1, 2], [5, 3, 2])
    logits = np.zeros((10, 3), np.float32)
    logits[:, 0] = 1
    assert weaknesses(score(logits, truth, ("a", "b", "c"))) == (Weakness.ONE_CLASS, Weakness.NOT_ABOVE_MAJORITY)
    assert weaknesses(score(np.eye(3)[truth], truth, ("a", "b", "c"))) == ()
    assert weaknesses(score(logits[:5], truth[:5], ("a", "b", "c"))) == ()  # images of one class cannot tell


def test_a_recall_offset_finds_nine_of_ten_images():
    behind = np.array([-2.0, -1.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 5.0])  # how far class 1 is behind class 0
    logits = np.stack([behind, np.zeros(10), np.full(10, -9.0)], axis=1)
    offsets = fit_recall_offsets(logits, np.ones(10, np.int64))
    assert offsets[0] == offsets[2] == 0  # no images
    assert offsets[1] == pytest.approx(1.4, abs=0.01)
    assert ((logits + offsets).argmax(1) == 1).sum() == 9
    assert fit_recall_offsets(logits[:2], np.ones(2, np.int64)) == (0, 0, 0)  # all are found already
