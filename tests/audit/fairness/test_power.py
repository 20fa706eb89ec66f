import numpy as np
import pytest

from mien.audit.fairness.auditing import audit
from mien.audit.fairness.power import photos_needed, smallest_gap
from mien.audit.fairness.values import Predictions
from mien.audit.fairness.words import headline, needs, verdict
from mien.emotions import EMOTIONS

from .conftest import counts_of, predictions_from


def test_sizes_are_those_of_the_text_books():
    # 60 against 50 %: 387 a group by the arcsine transformation (Cohen 1988), 388 by the normal approximation
    assert photos_needed(0.6, 387) == pytest.approx(387, abs=1)
    assert smallest_gap(0.6, 387, 387) == pytest.approx(0.1, abs=1e-3)


def test_gap_and_number_of_photos_are_each_other_backwards():
    for share in (0.3, 0.6, 0.9):
        n = photos_needed(share, 5000)
        assert smallest_gap(share, n, 5000) == pytest.approx(0.1, abs=2e-3)
        assert smallest_gap(share, n - 2, 5000) > 0.1


def test_more_others_help_only_so_far():
    assert photos_needed(0.8, 10**9) == pytest.approx(photos_needed(0.8, 0) / 2, abs=1)
    assert photos_needed(0.8, 50) == photos_needed(0.8, 0)


def test_a_group_of_one_shows_nothing_at_all():
    assert smallest_gap(0.5, 1, 100) is None
    assert smallest_gap(0.5, 0, 100) is None
    assert smallest_gap(0.5, 10, 0) is None


def five_each(right):
    """Report 004's tables: five photos a group, of which so many were right."""
    counts = np.zeros((len(right), 2, 5), np.int64)
    for group, number in enumerate(right.values()):
        counts[group, 1, 2], counts[group, 1, 1] = number, 5 - number
    return predictions_from(counts, list(right), "age")


def test_nothing_can_be_concluded_from_five_photos_a_group():
    found = audit(five_each({"children": 2, "toddler": 3, "teenager": 3, "senior": 3, "adult": 3}), draws=300)
    (by_age,) = found.attributes
    assert verdict(by_age).kind == "small"
    assert headline(found).startswith("Nobody can say yet")
    assert {gap.p for gap in by_age.gaps if gap.p is not None and gap.p < 0.5} == set()
    assert by_age.gaps[0].difference == pytest.approx(0.2)
    assert by_age.gaps[0].chance >= 0.6  # chance alone gives three times as much
    for group in by_age.groups:
        assert group.smallest_gap > 0.5
        assert 380 <= group.more <= 390
        assert "more photos needed" in needs(group)


def test_enough_photos_without_a_gap_say_so():
    rng = np.random.default_rng(3)
    made = predictions_from(counts_of([((900, 900), (0.85, 0.8))] * 2, rng), ("a", "b"))
    found = audit(made, draws=300)
    assert verdict(found.attributes[0]).kind == "none"
    assert headline(found).startswith("No difference was found")
    assert all(not needs(group) for group in found.attributes[0].groups)


def test_a_gap_is_told_with_its_groups_and_figures():
    rng = np.random.default_rng(4)
    made = predictions_from(counts_of([((900, 900), (0.9, 0.9)), ((900, 900), (0.9, 0.6))], rng), ("day", "night"))
    found = audit(made, draws=1000)
    said = verdict(found.attributes[0])
    assert said.kind == "gap"
    assert "for day and" in said.text
    assert "for night" in said.text
    assert f"recall of {EMOTIONS[1]}" in said.text
    assert f"recall of {EMOTIONS[0]}" not in said.text
    assert headline(found).startswith(
        "It does not work equally well for everyone: there are differences by group (accuracy, same mix: 1"
    )


def test_sureness_is_measured_by_group():
    rng = np.random.default_rng(5)
    n = 3000
    sure = rng.uniform(0.5, 1, n)
    shift = np.where(np.arange(n) < n // 2, 0.0, 0.3)
    truth = rng.integers(0, 2, n)
    right = rng.random(n) < sure - shift
    made = Predictions(
        EMOTIONS[:2], truth, np.where(right, truth, 1 - truth), None, sure, False,
        {"group": np.where(shift > 0, "bold", "honest").astype(object)},
    )  # fmt: skip
    groups = {group.name: group for group in audit(made, draws=100).attributes[0].groups}
    assert groups["bold"].overconfidence == pytest.approx(0.3, abs=0.04)
    assert groups["bold"].ece == pytest.approx(0.3, abs=0.04)
    assert groups["honest"].ece < 0.06
    low, high = groups["honest"].overconfidence_interval
    assert low < 0 < high


def test_what_the_mix_of_emotions_does_to_accuracy_is_told_beside_no_difference():
    rng = np.random.default_rng(5)
    counts = counts_of([((4000, 1000), (0.9, 0.6)), ((1000, 4000), (0.9, 0.6))], rng)
    answer = headline(audit(predictions_from(counts, ("easy", "hard")), draws=300))
    assert answer.startswith("No difference was found by group at the same mix of emotions")
    assert "hard is right 1" in answer
    assert "less often than easy all the same, for the emotions shown differ" in answer
