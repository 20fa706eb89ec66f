"""Thresholds hold at the stated risk; small groups get none."""

import json
from pathlib import Path

import numpy as np
import pytest

from mien.audit.predictions import Columns, predictions_of
from mien.audit.table import open_table
from mien.audit.thresholds import (
    Readings,
    ThresholdStatus,
    apply_thresholds,
    fit_thresholds,
    lowest_threshold,
    read_thresholds,
    readings_needed,
    split_table,
    thresholds_json,
)
from mien.errors import DataError, OptionError


def readings(rng, n, fall=0.0):
    """Readings that are right as often as they are sure, less ``fall``."""
    confidence = rng.uniform(0.5, 1, n)
    return Readings(confidence, rng.random(n) < confidence - fall)


def accuracy_above(threshold, fall):
    return (max(threshold, 0.5) + 1) / 2 - fall


@pytest.mark.slow
def test_thresholds_hold_at_the_stated_risk():
    rng = np.random.default_rng(0)
    found = [lowest_threshold([readings(rng, 600, 0.03), readings(rng, 400)], 0.8, 0.05) for _ in range(300)]
    promised = [threshold for threshold in found if threshold is not None]
    broken = sum(accuracy_above(threshold, 0.03) < 0.8 for threshold in promised)
    assert broken <= 26  # 15 are expected at most; more than 26 come once in 300 times
    assert len(promised) > 200  # and a promise is worth something


def test_the_common_threshold_is_that_of_the_worst_group():
    rng = np.random.default_rng(1)
    good, bad = readings(rng, 3000), readings(rng, 3000, 0.08)
    own = [lowest_threshold([one], 0.85, 0.05) for one in (good, bad)]
    assert own[0] is not None
    assert own[1] is not None
    assert own[0] < own[1]
    assert lowest_threshold([good, bad], 0.85, 0.05) == own[1]


def test_perfect_groups_need_no_threshold_and_wrong_ones_have_none():
    sure = np.linspace(0.3, 1, 500)
    assert lowest_threshold([Readings(sure, np.ones(500, bool))], 0.9, 0.05) == 0
    assert lowest_threshold([Readings(sure, np.zeros(500, bool))], 0.9, 0.05) is None
    assert lowest_threshold([Readings(sure[:0], np.zeros(0, bool))], 0.9, 0.05) is None
    assert readings_needed(0.9, 0.05) > readings_needed(0.8, 0.05) > readings_needed(0.5, 0.05)
    assert readings_needed(0.9, 0.01) > readings_needed(0.9, 0.05)


@pytest.fixture
def table(write):
    rng = np.random.default_rng(2)
    groups = np.repeat(["f", "m", "x"], [2000, 2000, 60])
    confidence = rng.uniform(0.5, 1, len(groups)).round(4)
    right = rng.random(len(groups)) < confidence - np.where(groups == "m", 0.05, 0)
    order = rng.permutation(len(groups))
    columns = {
        "truth": np.full(len(groups), "happy"),
        "predicted": np.where(right, "happy", "sad"),
        "gender": groups,
        "confidence": confidence,
        "person": [f"p{row // 4}" for row in range(len(groups))],
    }
    return open_table(Path(write({name: np.asarray(cells)[order] for name, cells in columns.items()})))


def test_held_out_images_are_not_used_for_fitting(table):
    first, held = split_table(table, "gender")
    assert (len(first), len(held)) == (2030, 2030)
    assert list(first.text("gender")).count("x") == 30
    one, other = split_table(table, "gender", person="person")
    assert not set(one.text("person")) & set(other.text("person"))
    assert len(one) + len(other) == 4060
    assert (split_table(table, "gender")[0].text("confidence") == first.text("confidence")).all()
    with pytest.raises(DataError):
        split_table(table, "sex")
    with pytest.raises(OptionError):
        split_table(table, "gender", share=1)


def test_thresholds_are_fitted_checked_kept_and_applied(table, tmp_path):
    first, held = split_table(table, "gender")
    columns = Columns(("gender",))
    found = fit_thresholds(first, held, columns, target=0.8)
    f, m, x = found.groups
    assert f.threshold is not None
    assert m.threshold is not None
    assert f.threshold < m.threshold
    assert (x.threshold, x.status) == (None, ThresholdStatus.TOO_SMALL)
    assert found.common is not None
    for group in (f, m):
        assert group.common is not None
        assert group.common.interval is not None
        assert group.common.interval[1] > 0.8
    (tmp_path / "t.json").write_text(thresholds_json(found))
    rule = read_thresholds(tmp_path / "t.json")
    predictions = predictions_of(held, columns)
    common = apply_thresholds(predictions, rule, own=False)
    assert len(common) == sum(group.common.n_kept for group in found.groups if group.common)
    assert (np.asarray(common.confidence) >= found.common).all()
    own = apply_thresholds(predictions, rule, own=True)
    assert "x" not in own.groups["gender"]  # no guarantee, so no reading is kept
    assert len(own.notes) == 2
    with pytest.raises(DataError):
        apply_thresholds(predictions_of(held, Columns(("person",))), rule, own=True)


def test_mistakes(table, tmp_path, write):
    with pytest.raises(OptionError):
        fit_thresholds(table, table, Columns(("gender",)), target=90)
    plain = open_table(Path(write({"truth": ["happy"], "predicted": ["sad"], "g": ["a"]}, "plain.csv")))
    with pytest.raises(DataError):
        fit_thresholds(plain, plain, Columns(("g",)), target=0.9)
    two = open_table(Path(write({"truth": ["happy"] * 2, "predicted": ["sad"] * 2, "g": "ab"}, "two.csv")))
    with pytest.raises(DataError):
        fit_thresholds(two, two, Columns(("g",)), target=0.9)
    with pytest.raises(DataError):
        read_thresholds(tmp_path / "none.json")
    (tmp_path / "other.json").write_text('{"kind": "x"}')
    with pytest.raises(DataError):
        read_thresholds(tmp_path / "other.json")


def test_the_commands_work_together(run, table, tmp_path):
    rest, rule = tmp_path / "rest.csv", tmp_path / "t.json"
    found = json.loads(
        run("thresholds", tmp_path / "predictions.csv", "--groups", "gender", "--target", 0.8, "--out", rule,
            "--held-out", rest, "--json")
    )  # fmt: skip
    words = ("fairness", rest, "--groups", "gender", "--resamples", 100, "--json")
    every, kept = json.loads(run(*words)), json.loads(run(*words, "--thresholds", rule))
    assert kept["n"] == sum(group["common"]["n_kept"] for group in found["groups"]) < every["n"]
