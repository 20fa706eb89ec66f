"""Thresholds keep what they promise, and promise nothing to groups too small."""

from pathlib import Path

import numpy as np
import pytest

from mien.audit.fairness.columns import Columns, predictions_of
from mien.audit.fairness.table import open_table
from mien.audit.thresholds.checking import halves
from mien.audit.thresholds.fitting import Marks, lowest, needed, thresholds
from mien.audit.thresholds.keeping import read_rule, relied_on, write_thresholds
from mien.audit.thresholds.terminal import headline
from mien.errors import DataError, OptionError


def marks(rng, n, fall=0.0):
    """Readings that are right as often as they are sure, less ``fall``."""
    confidence = rng.uniform(0.5, 1, n)
    return Marks(confidence, rng.random(n) < confidence - fall)


def accuracy_above(threshold, fall):
    return (max(threshold, 0.5) + 1) / 2 - fall


def test_promises_are_broken_no_more_often_than_the_risk():
    rng = np.random.default_rng(0)
    found = [lowest([marks(rng, 600, 0.03), marks(rng, 400)], 0.8, 0.05) for _ in range(300)]
    promised = [threshold for threshold in found if threshold is not None]
    broken = sum(accuracy_above(threshold, 0.03) < 0.8 for threshold in promised)
    assert broken <= 26  # 15 are expected at most; more than 26 come once in 300 times
    assert len(promised) > 200  # and a promise is worth something


def test_the_common_threshold_is_that_of_the_worst_group():
    rng = np.random.default_rng(1)
    good, bad = marks(rng, 3000), marks(rng, 3000, 0.08)
    own = [lowest([one], 0.85, 0.05) for one in (good, bad)]
    assert own[0] is not None
    assert own[1] is not None
    assert own[0] < own[1]
    assert lowest([good, bad], 0.85, 0.05) == own[1]


def test_always_right_needs_no_threshold_and_never_right_has_none():
    sure = np.linspace(0.3, 1, 500)
    assert lowest([Marks(sure, np.ones(500, bool))], 0.9, 0.05) == 0
    assert lowest([Marks(sure, np.zeros(500, bool))], 0.9, 0.05) is None
    assert lowest([Marks(sure[:0], np.zeros(0, bool))], 0.9, 0.05) is None
    assert needed(0.9, 0.05) > needed(0.8, 0.05) > needed(0.5, 0.05)
    assert needed(0.9, 0.01) > needed(0.9, 0.05)


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


def test_what_is_held_back_was_not_fitted_to(table):
    first, held = halves(table, "gender")
    assert (len(first), len(held)) == (2030, 2030)
    assert list(first.text("gender")).count("x") == 30
    one, other = halves(table, "gender", person="person")
    assert not set(one.text("person")) & set(other.text("person"))
    assert len(one) + len(other) == 4060
    assert (halves(table, "gender")[0].text("confidence") == first.text("confidence")).all()
    with pytest.raises(DataError, match="has no column 'sex'"):
        halves(table, "sex")
    with pytest.raises(OptionError, match="share"):
        halves(table, "gender", share=1)


def test_thresholds_are_fitted_checked_kept_and_applied(table, tmp_path):
    first, held = halves(table, "gender")
    columns = Columns(("gender",))
    found = thresholds(first, held, columns, target=0.8)
    f, m, x = found.groups
    assert f.threshold is not None
    assert m.threshold is not None
    assert f.threshold < m.threshold
    assert (x.threshold, x.why) == (None, "too small")
    assert "Nothing can be promised to x" in headline(found)
    assert found.common is not None
    for group in (f, m):
        assert group.common is not None
        assert group.common.interval is not None
        assert group.common.interval[1] > 0.8
    write_thresholds(found, tmp_path / "t.json")
    rule = read_rule(tmp_path / "t.json")
    predictions = predictions_of(held, columns)
    common = relied_on(predictions, rule, own=False)
    assert len(common) == sum(group.common.relied_on for group in found.groups if group.common)
    assert (np.asarray(common.confidence) >= found.common).all()
    own = relied_on(predictions, rule, own=True)
    assert "x" not in own.groups["gender"]  # nothing is promised to them, so nothing is relied on
    assert "Relied on by gender: f " in own.notes[-1]
    with pytest.raises(DataError, match="need that column"):
        relied_on(predictions_of(held, Columns(("person",))), rule, own=True)


def test_mistakes(table, tmp_path, write):
    with pytest.raises(OptionError, match="target, risk: got 90"):
        thresholds(table, table, Columns(("gender",)), target=90)
    plain = open_table(Path(write({"truth": ["happy"], "predicted": ["sad"], "g": ["a"]}, "plain.csv")))
    with pytest.raises(DataError, match="one group only"):
        thresholds(plain, plain, Columns(("g",)), target=0.9)
    two = open_table(Path(write({"truth": ["happy"] * 2, "predicted": ["sad"] * 2, "g": "ab"}, "two.csv")))
    with pytest.raises(DataError, match="no confidence"):
        thresholds(two, two, Columns(("g",)), target=0.9)
    with pytest.raises(DataError, match="cannot be read as thresholds"):
        read_rule(tmp_path / "none.json")
    (tmp_path / "other.json").write_text('{"kind": "x"}')
    with pytest.raises(DataError, match="its kind is 'x'"):
        read_rule(tmp_path / "other.json")


def test_the_commands_work_together(table, tmp_path, capsys):
    from mien.cli.auditing import run
    from mien.cli.thresholds import thresholds as command

    source = tmp_path / "predictions.csv"
    command(source, groups="gender", target=0.8, out=tmp_path / "t.json", rest=tmp_path / "rest.csv")
    assert capsys.readouterr().out.startswith("Rely on readings of 0.")
    run(
        tmp_path / "rest.csv",
        Columns(("gender",)),
        None,
        images="",
        settings={"cross": False, "least": 5, "draws": 100, "seed": 0},
        thresholds=tmp_path / "t.json",
        out=None,
        as_json=False,
    )
    assert "Only readings relied on are audited" in capsys.readouterr().out
