"""Statistics match textbooks and reference packages."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from mien import stats


def test_wilson_interval_matches_the_textbook():
    assert stats.wilson(56, 70) == pytest.approx((0.6918, 0.8770), abs=1e-4)
    assert stats.wilson(0, 10)[0] == 0
    assert stats.wilson(10, 10)[1] == 1


def test_wilson_limits_are_unknown_without_images():
    low, high = stats.wilson_limits(np.array([0, 5]), np.array([0, 10]))
    assert np.isnan([low[0], high[0]]).all()
    assert (low[1], high[1]) == pytest.approx(stats.wilson(5, 10))


def test_differences_have_the_intervals_of_newcombe_1998():
    first, second = stats.wilson(56, 70), stats.wilson(48, 80)
    assert stats.difference_interval(0.8, first, 0.6, second) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_mcnemar_counts_disagreements_only():
    first = np.array([True] * 8 + [False] * 2 + [True] * 50)
    second = np.array([False] * 8 + [True] * 2 + [True] * 50)
    assert stats.mcnemar(first, second) == pytest.approx(0.109375)  # binomial: 2 of 10, two-sided
    assert stats.mcnemar(first, first) == 1


def test_holm_corrects_step_down():
    assert stats.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert stats.holm([]) == []


def test_bootstrap_covers_the_standard_error():
    values = np.random.default_rng(0).normal(size=400)
    estimate = stats.bootstrap(lambda rows: float(values[rows].mean()), 400)
    assert estimate.value == values.mean()
    assert (estimate.high - estimate.low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.1)


def test_permutation_p_is_never_zero():
    assert stats.permutation_p(3.0, np.zeros(99)) == pytest.approx(0.01)
    assert stats.permutation_p(0.0, np.zeros(99)) == 1


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    confidence = np.repeat([0.6, 0.9], 100)
    correct = np.tile([True, False], 100)
    assert stats.calibration_error(confidence, correct) == pytest.approx(0.25, abs=0.01)
    assert stats.calibration_error(np.ones(3), np.ones(3, bool)) == 0


def test_bins_hold_equally_many_rows():
    sizes = [len(part) for part in stats.equal_mass_bins(np.random.default_rng(0).random(100), 15)]
    assert sum(sizes) == 100
    assert max(sizes) - min(sizes) <= 1
    assert len(stats.equal_mass_bins(np.ones(3), 15)) == 3


def test_macro_f1_averages_the_classes_that_occur():
    y_true, y_pred = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 0])
    each = f1_score(y_true, y_pred, labels=[0, 1], average=None)
    assert stats.macro_f1(y_true, y_pred) == pytest.approx(each.mean())
