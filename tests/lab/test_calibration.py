"""Calibration of synthetic heads with known probabilities."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mien.emotions import EMOTIONS, LABEL_SETS
from mien.model.card import HeadCard, InputSpec
from mien.model.preprocess import to_tensor

from .conftest import two_classes

pytest.importorskip("sklearn", reason="the lab's tests need the extra [lab]")

from mien.data.dataset import Votes
from mien.lab.calibration import (
    by_class,
    by_label_set,
    calibration,
    detect_mixed,
    measure_calibration,
    selective,
    vote_agreement,
)  # fmt: skip
from mien.lab.calibration_report import write_report
from mien.lab.evaluation.classifier import Classifier
from mien.lab.evaluation.metrics import probabilities_at
from mien.lab.recipe import Head
from mien.stats import bootstrap

EIGHT = LABEL_SETS["eight"]
SPEC = InputSpec(16, 0.5, 0.25)


@pytest.fixture(scope="module")
def honest():
    """Logits of a head that is exactly as often right as it says, and the answers: many, for noise looks like error."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (20_000, 8))
    probabilities = probabilities_at(logits, 1.0)
    answers = (probabilities.cumsum(1) > rng.random((len(logits), 1))).argmax(1)
    return logits, answers.astype(np.int64)


@pytest.mark.slow
def test_overconfident_heads_have_a_calibration_error(honest):
    logits, answers = honest
    assert calibration(logits, answers, temperature=1.0).ece.value < 0.015
    boastful = calibration(logits, answers, temperature=0.4)
    assert boastful.ece.value > 0.2
    assert boastful.ece_refitted < 0.015  # a temperature of its own would cure it
    assert boastful.ece.low < boastful.ece.value < boastful.ece.high


def test_each_emotion_has_its_own_calibration(honest):
    logits, answers = honest
    classes = by_class(probabilities_at(logits, 1.0), answers, EIGHT)
    for emotion in classes.values():
        assert abs(emotion.expected - emotion.found) < 0.01
        assert emotion.error < 0.02
        assert abs(emotion.confidence - emotion.precision) < 0.03
    worse = by_class(probabilities_at(logits + np.eye(8)[3] * 2, 1.0), answers, EIGHT)
    assert worse[EIGHT[3]].expected > worse[EIGHT[3]].found + 0.1


@pytest.mark.slow
def test_conditioning_on_a_label_set_keeps_calibration(honest):
    logits, answers = honest
    sets = by_label_set(logits, answers, EIGHT, 1.0)
    assert set(sets) == {"happy-sad", "four", "seven"}
    assert all(one.ece.value < 0.03 for one in sets.values())
    assert sets["happy-sad"].accuracy.value > sets["four"].accuracy.value > sets["seven"].accuracy.value


def test_predicting_the_true_votes_reaches_the_floor():
    rng = np.random.default_rng(1)
    people = rng.dirichlet(np.full(8, 0.3), 5000)
    votes = rng.multinomial(10, people / people.sum(1, keepdims=True)) / 10
    knows = vote_agreement(people, votes, np.full(5000, 10))
    assert knows.floor == pytest.approx(knows.kl.value, rel=0.15)
    guesses = vote_agreement(np.full_like(people, 1 / 8), votes, np.full(5000, 10))
    assert guesses.kl.value > knows.kl.value + 0.5


def test_the_photo_app_reads_divided_faces():
    votes = np.zeros((100, 8))
    votes[:30, 0], votes[:30, 2] = 0.6, 0.4
    votes[30:, 5] = 1
    expected = 0.9 * votes + 0.1 / 8
    found = detect_mixed(expected, votes)
    assert (found.truly, found.average_precision, found.chance) == (30, 1.0, 0.3)
    share, named, precision, recall, f1, both = next(row for row in found.rows if row[0] == 0.25)
    assert (share, named, precision, recall, f1, both) == (0.25, 30, 1.0, 1.0, pytest.approx(1.0), 1.0)
    nobody = detect_mixed(votes[30:], votes[30:])
    assert nobody.truly == 0
    assert nobody.average_precision is None


def test_abstention_lowers_the_error_of_the_rest():
    confidence = np.linspace(0.01, 1, 1000)
    right = np.random.default_rng(2).random(1000) < confidence
    knows = selective(confidence, right)
    blind = selective(np.random.default_rng(3).random(1000), right)
    assert knows.best < knows.area < blind.area - 0.1
    below = {row[0]: row[1:] for row in knows.rows}
    assert below[0.0][0] == 1
    assert below[0.0][2] is None
    assert below[0.9][1] > below[0.5][1] > below[0.5][2]
    assert knows.coverage[-1] == 1
    assert knows.risk[-1] == pytest.approx(1 - right.mean())


def test_intervals_have_nominal_coverage():
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(100):
        values = rng.exponential(1.0, 200)
        estimate = bootstrap(lambda rows, values=values: float(values[rows].mean()), 200, resamples=200)
        inside += estimate.low <= 1.0 <= estimate.high
    assert 85 <= inside <= 100


def test_a_head_is_evaluated_and_the_report_written(tmp_path):
    faces = two_classes(320)
    classifier = oracle(faces)
    found = measure_calibration(classifier, faces)
    assert {one.images for one in found} == {"official", "dedup"}
    assert found[0].overall.accuracy.value == 1
    assert found[0].votes is None
    names = {path.name for path in write_report(found, tmp_path)}
    assert names == {f"calibration.{end}" for end in ("json", "md", "html")} | {"reliability.png", "risk_coverage.png"}
    assert json.loads((tmp_path / "calibration.json").read_text())[0]["head"] == "fer2013"


@pytest.mark.slow
def test_votes_are_measured_where_there_are_any(tmp_path):
    faces = two_classes(320)
    table = np.zeros((len(faces), 8), np.uint8)
    table[np.arange(len(faces)), faces.labels] = 6
    table[np.arange(len(faces)), (faces.labels + 1) % 8] = 4
    nobody = np.zeros(len(faces), np.uint8)
    voted = replace(faces, votes=Votes(table, nobody, nobody))
    head = HeadCard(EIGHT)
    classifier = replace(
        oracle(voted), heads={"ferplus": head}, recipe_heads={"ferplus": Head(emotions="eight", targets="votes")},
        run=lambda images: {"ferplus": np.log(lookup(voted, images, table / 10) + 1e-6).astype(np.float32)},
    )  # fmt: skip
    official = measure_calibration(classifier, voted)[0]
    assert official.votes.kl.value == pytest.approx(0, abs=1e-3)
    assert official.mixed.chance == 1
    assert (tmp_path / "mixed.png") in write_report([official], tmp_path)


def lookup(faces, images, values):
    """The row of ``values`` that belongs to each image or its mirror image."""
    known = {}
    for image, row in zip(to_tensor(faces.images, SPEC), values):
        known[image.tobytes()] = known[np.ascontiguousarray(image[..., ::-1]).tobytes()] = row
    return np.stack([known[np.ascontiguousarray(image).tobytes()] for image in images])


def oracle(faces):
    """A classifier that knows the label of every image."""
    seven = LABEL_SETS["seven"]
    logits = np.eye(len(seven))[[seven.index(EMOTIONS[label]) for label in faces.labels]] * 8

    def run(images):
        return {"fer2013": lookup(faces, images, logits).astype(np.float32)}

    return Classifier("oracle", SPEC, {"fer2013": HeadCard(seven)}, {"fer2013": Head()}, 0, run)
