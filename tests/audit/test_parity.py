"""Shares of predictions without labels."""

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from mien.audit.fairness import audit_fairness
from mien.audit.fairness_report import FILES_WITHOUT_LABELS
from mien.audit.gaps import Measure, Verdict, count, rates
from mien.audit.predictions import Columns, Predictions, predictions_of
from mien.audit.table import open_table
from mien.emotions import EMOTIONS
from mien.errors import DataError, OptionError, OutputError

NAMES = EMOTIONS[:3]


def predicted(groups, rng, found=1.0, abstained=0.0) -> Predictions:
    """Made-up predictions: name of the group -> how many images, and how likely each emotion is."""
    said = np.concatenate([rng.choice(3, n, p=chances) for n, chances in groups.values()])
    seen = rng.random(len(said)) < found
    cells = np.concatenate([np.full(n, name, object) for name, (n, _) in groups.items()])
    return Predictions(
        NAMES,
        np.full(len(said), -1),
        np.where(seen, said, -1),
        (rng.random(len(said)) < abstained) & seen if abstained else None,
        None,
        found < 1,
        {"group": cells},
    )


ALIKE = (0.5, 0.3, 0.2)


def audited(made, **options):
    return audit_fairness(made, no_labels=True, **options)


def test_counts_and_shares_are_those_of_the_images():
    said = np.array([0, 0, 1, -1, 2, 2, 2, -1])
    abstained = np.array([0, 1, 0, 0, 0, 0, 1, 0], bool)
    cells = np.array(["a"] * 4 + ["b"] * 4, object)
    made = Predictions(NAMES, np.full(8, -1), said, abstained, None, True, {"group": cells})
    counts = count(made, np.array([0] * 4 + [1] * 3 + [-1]), 2)
    assert counts.tolist() == [[[1, 1, 1, 0, 1, 0, 0]], [[0, 0, 0, 2, 0, 0, 1]]]
    assert rates(counts, None)[0] == pytest.approx([2 / 3, 1 / 3, 0, 3 / 4, 1 / 3])
    assert rates(counts, None)[1] == pytest.approx([0, 0, 1, 1, 1 / 3])
    group = audited(made, min_group_size=2, resamples=100).attributes[0].groups[0]
    assert group.predicted == dict(zip(NAMES, (2, 1, 0)))
    assert group.prediction_share[NAMES[0]] == pytest.approx(2 / 3)
    low, high = group.prediction_interval[NAMES[0]]
    assert 0 < low < 2 / 3 < high < 1
    assert (group.n, group.n_found) == (4, 3)
    assert (group.detection_rate, group.abstention_rate) == (3 / 4, 1 / 3)


def test_a_planted_difference_is_found():
    rng = np.random.default_rng(0)
    found = audited(predicted({"a": (600, ALIKE), "b": (600, (0.35, 0.45, 0.2))}, rng), resamples=400)
    (by_group,) = found.attributes
    gaps = {gap.emotion: gap for gap in by_group.gaps if gap.measure is Measure.PREDICTION_SHARE}
    assert tuple(gaps) == NAMES
    gap = gaps[NAMES[1]]
    assert (gap.highest, gap.lowest) == ("b", "a")
    assert gap.interval[0] < 0.15 < gap.interval[1]
    assert gap.p_corrected < 0.05 < gaps[NAMES[2]].p_corrected
    assert by_group.verdict is Verdict.DIFFERENCE


@pytest.mark.slow
def test_equal_groups_are_flagged_at_the_nominal_rate():
    alarms = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        made = predicted({"a": (150, ALIKE), "b": (60, ALIKE), "c": (20, ALIKE)}, rng, found=0.9, abstained=0.2)
        (by_group,) = audited(made, resamples=200, seed=seed).attributes
        alarms += min(gap.p_corrected for gap in by_group.gaps) < 0.05
    assert alarms <= 11  # of 100 at 5 %: binomial, 99 %


def test_a_lower_detection_rate_comes_first():
    rng = np.random.default_rng(1)
    made = predicted({"a": (400, ALIKE), "b": (400, (0.2, 0.6, 0.2))}, rng, found=0.99)
    lost = np.where((made.groups["group"] == "b") & (rng.random(800) < 0.2), -1, made.y_pred)
    (by_group,) = audited(replace(made, y_pred=lost), resamples=400).attributes
    assert by_group.significant_gaps[0].measure is Measure.DETECTION_RATE


def test_few_images_are_inconclusive():
    rng = np.random.default_rng(2)
    found = audited(predicted({"a": (20, ALIKE), "b": (20, ALIKE), "c": (2, ALIKE)}, rng), resamples=200)
    (by_group,) = found.attributes
    assert by_group.verdict is Verdict.INCONCLUSIVE
    assert [group.compared for group in by_group.groups] == [True, True, False]
    assert by_group.groups[0].n_needed > 300
    enough = audited(predicted({"a": (900, ALIKE), "b": (900, ALIKE)}, rng), resamples=200).attributes[0]
    assert enough.verdict is Verdict.NO_DIFFERENCE
    assert enough.small_groups == ()
    alone = audited(predicted({"a": (20, ALIKE), "b": (2, ALIKE)}, rng), resamples=200).attributes[0]
    assert (alone.gaps, alone.verdict) == ((), Verdict.INCONCLUSIVE)


def test_a_group_without_a_face_has_no_shares():
    rng = np.random.default_rng(3)
    made = predicted({"a": (30, ALIKE), "b": (30, ALIKE), "c": (30, ALIKE)}, rng, found=0.9)
    blind = replace(made, y_pred=np.where(made.groups["group"] == "c", -1, made.y_pred))
    group = audited(blind, resamples=100).attributes[0].groups[2]
    assert set(group.prediction_share.values()) == {None}
    assert group.detection_rate == 0


def test_the_same_seed_gives_the_same_figures():
    made = predicted({"a": (40, ALIKE), "b": (40, ALIKE)}, np.random.default_rng(4))
    assert (
        audited(made, resamples=100, seed=5)
        == audited(made, resamples=100, seed=5)
        != audited(made, resamples=100, seed=6)
    )


def test_intersections_and_invalid_settings():
    made = predicted({"a": (40, ALIKE), "b": (40, ALIKE)}, np.random.default_rng(5))
    both = replace(made, groups={**made.groups, "half": np.array(["x", "y"] * 40, object)})
    assert [one.name for one in audited(both, intersections=True, resamples=100).attributes] == [
        "group",
        "half",
        "group x half",
    ]
    with pytest.raises(OptionError):
        audited(replace(made, groups={}))
    with pytest.raises(OptionError):
        audited(made, resamples=1)
    with pytest.raises(OptionError):
        audit_fairness(made)


@pytest.fixture
def table(write):
    rng = np.random.default_rng(6)
    said = np.concatenate([rng.choice(["happy", "sad", ""], 400, p=p) for p in ((0.6, 0.35, 0.05), (0.3, 0.65, 0.05))])
    return write({"predicted": said, "place": ["<day>"] * 400 + ["night"] * 400, "what": ["bored"] * 800})


def test_labels_are_ignored(write):
    from pathlib import Path

    path = Path(write({"truth": ["bored", "7", ""], "predicted": ["happy", "sad", "sad"], "g": ["a", "b", "b"]}))
    made = predictions_of(open_table(path), Columns(("g",), no_labels=True))
    assert not made.has_labels
    assert len(made) == 3
    assert made.emotions == ("happy", "sad")
    with pytest.raises(DataError):
        predictions_of(open_table(path), Columns(("g",)))


def test_labels_are_required_unless_declined(run, table):
    with pytest.raises(DataError):
        run("fairness", table, "--groups", "place")
    with pytest.raises(DataError):
        run("fairness", table, "--groups", "place", "--label", "trth")
    with pytest.raises(OptionError):
        run("fairness", table, "--groups", "place", "--label", "what", "--no-labels")


def test_the_command_writes_all_files(run, table, tmp_path):
    out = tmp_path / "audit"
    run("fairness", table, "--groups", "place", "--no-labels", "--resamples", 200, "--out", out)
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES_WITHOUT_LABELS)
    with (out / "groups.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["n"]) for row in rows] == [("<day>", "400"), ("night", "400")]
    assert float(rows[0]["share_happy"]) == pytest.approx(0.63, abs=0.06)
    assert float(rows[0]["share_happy_low"]) < float(rows[0]["share_happy"]) < float(rows[0]["share_happy_high"])
    page = (out / "report.html").read_text("utf-8")
    assert not re.search(r'https?:|<script|src="(?!data:)', page)
    assert "&lt;day&gt;" in page
    assert "<day>" not in page
    for image in ("shares.png", "gaps.png"):
        assert (out / image).read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError):
        run("fairness", table, "--groups", "place", "--no-labels", "--out", out)
    found = json.loads((out / "audit.json").read_text("utf-8"))
    assert found["attributes"][0]["verdict"] == Verdict.DIFFERENCE.value
