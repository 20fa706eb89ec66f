import csv
import json
import re

import numpy as np
import pytest

from mien.audit.fairness import audit_fairness
from mien.audit.fairness_report import FILES, summary, write_report
from mien.audit.gaps import Measure, Verdict
from mien.audit.predictions import Predictions
from mien.emotions import EMOTIONS
from mien.errors import OptionError, OutputError
from mien.stats import images_needed, minimum_detectable_gap

from .conftest import counts_of, predictions_from


def test_sizes_are_those_of_the_text_books():
    # 60 against 50 %: 387 a group by the arcsine transformation (Cohen 1988), 388 by the normal approximation
    assert images_needed(0.6, 387) == pytest.approx(387, abs=1)
    assert minimum_detectable_gap(0.6, 387, 387) == pytest.approx(0.1, abs=1e-3)


def test_detectable_gap_and_sample_size_are_inverse():
    for share in (0.3, 0.6, 0.9):
        n = images_needed(share, 5000)
        assert minimum_detectable_gap(share, n, 5000) == pytest.approx(0.1, abs=2e-3)
        assert minimum_detectable_gap(share, n - 2, 5000) > 0.1


def test_detectable_gaps_have_a_lower_limit():
    assert images_needed(0.8, 10**9) == pytest.approx(images_needed(0.8, 0) / 2, abs=1)
    assert images_needed(0.8, 50) == images_needed(0.8, 0)


def test_groups_of_one_have_no_conclusion():
    assert minimum_detectable_gap(0.5, 1, 100) is None
    assert minimum_detectable_gap(0.5, 0, 100) is None
    assert minimum_detectable_gap(0.5, 10, 0) is None


def five_each(right):
    """Report 004's tables: five photos a group, of which so many were right."""
    counts = np.zeros((len(right), 2, 5), np.int64)
    for group, number in enumerate(right.values()):
        counts[group, 1, 2], counts[group, 1, 1] = number, 5 - number
    return predictions_from(counts, list(right), "age")


def test_five_photos_per_group_are_inconclusive():
    found = audit_fairness(
        five_each({"children": 2, "toddler": 3, "teenager": 3, "senior": 3, "adult": 3}), resamples=300
    )
    (by_age,) = found.attributes
    assert by_age.verdict is Verdict.INCONCLUSIVE
    assert {gap.p for gap in by_age.gaps if gap.p is not None and gap.p < 0.5} == set()
    assert by_age.gaps[0].difference == pytest.approx(0.2)
    assert by_age.gaps[0].null_gap >= 0.6  # chance alone gives three times as much
    for group in by_age.groups:
        assert group.minimum_detectable_gap > 0.5
        assert 380 <= group.n_needed <= 390


def test_enough_photos_without_a_gap_are_conclusive():
    rng = np.random.default_rng(3)
    made = predictions_from(counts_of([((900, 900), (0.85, 0.8))] * 2, rng), ("a", "b"))
    found = audit_fairness(made, resamples=300)
    assert found.attributes[0].verdict is Verdict.NO_DIFFERENCE
    assert found.attributes[0].small_groups == ()


def test_gaps_are_reported_with_groups_and_figures():
    rng = np.random.default_rng(4)
    made = predictions_from(counts_of([((900, 900), (0.9, 0.9)), ((900, 900), (0.9, 0.6))], rng), ("day", "night"))
    found = audit_fairness(made, resamples=1000)
    assert found.attributes[0].verdict is Verdict.DIFFERENCE
    first, *others = found.attributes[0].significant_gaps
    assert (first.measure, first.highest, first.lowest) == (Measure.STANDARDIZED_ACCURACY, "day", "night")
    recalls = {gap.emotion for gap in others if gap.measure is Measure.RECALL}
    assert recalls == {EMOTIONS[1]}


def test_the_headline_says_how_few_images_it_rests_on(tmp_path):
    rows = ["group,label,predicted"]
    for group, n_fear, right in (("a", 200, 190), ("b", 20, 2)):
        rows += [f"{group},happy,happy"] * 200
        rows += [f"{group},fear,{'fear' if k < right else 'happy'}" for k in range(n_fear)]
    (tmp_path / "p.csv").write_text("\n".join(rows) + "\n")
    result = audit_fairness(tmp_path / "p.csv", groups=["group"], resamples=500)
    assert result.attributes[0].verdict is Verdict.DIFFERENCE
    assert "20 images of fear in b" in summary(result)


def test_confidence_is_measured_by_group():
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
    groups = {group.name: group for group in audit_fairness(made, resamples=100).attributes[0].groups}
    assert groups["bold"].overconfidence == pytest.approx(0.3, abs=0.04)
    assert groups["bold"].ece == pytest.approx(0.3, abs=0.04)
    assert groups["honest"].ece < 0.06
    low, high = groups["honest"].overconfidence_interval
    assert low < 0 < high


def test_accuracy_depends_on_the_label_mix_and_is_not_tested():
    rng = np.random.default_rng(5)
    counts = counts_of([((4000, 1000), (0.9, 0.6)), ((1000, 4000), (0.9, 0.6))], rng)
    (by_group,) = audit_fairness(predictions_from(counts, ("easy", "hard")), resamples=300).attributes
    assert by_group.verdict is Verdict.NO_DIFFERENCE
    plain = by_group.gaps[0]
    assert (plain.measure, plain.highest, plain.lowest, plain.p) == (Measure.ACCURACY, "easy", "hard", None)
    assert plain.interval[0] > 0


def test_groups_without_a_common_emotion_are_inconclusive():
    counts = np.zeros((2, 2, 5), np.int64)
    counts[0, 0, 1:3], counts[1, 1, 1:3] = (1900, 100), (1000, 1000)
    (by_group,) = audit_fairness(predictions_from(counts, ["one", "other"]), resamples=100).attributes
    assert by_group.label_distribution == {}
    assert by_group.verdict is Verdict.INCONCLUSIVE


def test_standardized_accuracy_covers_common_emotions_only():
    counts = np.zeros((2, 2, 5), np.int64)
    counts[0, 0, 1:3], counts[0, 1, 1:3] = (190, 10), (50, 150)
    counts[1, 0, 1:3] = (180, 20)
    (by_group,) = audit_fairness(predictions_from(counts, ["one", "other"]), resamples=100).attributes
    assert by_group.label_distribution == {"angry": 1.0}


@pytest.fixture
def unfair(write):
    rng = np.random.default_rng(1)
    made = predictions_from(counts_of([((300, 300), (0.9, 0.9)), ((300, 300), (0.9, 0.6))], rng), ("<day>", "night"))
    names = np.array(made.emotions)
    return write({"truth": names[made.y_true], "predicted": names[made.y_pred], "light": made.groups["group"]})


def rows_of(path):
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def test_the_command_writes_all_files(run, unfair, tmp_path):
    out = tmp_path / "audit"
    run("fairness", unfair, "--groups", "light", "--resamples", 1000, "--out", out)
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    groups = rows_of(out / "groups.csv")
    assert [(row["name"], row["n"]) for row in groups] == [("<day>", "600"), ("night", "600")]
    assert float(groups[0]["accuracy"]) == pytest.approx(0.9, abs=0.04)
    gaps = {row["measure"]: row for row in rows_of(out / "gaps.csv")}
    assert float(gaps["accuracy"]["difference_low"]) < 0.15 < float(gaps["accuracy"]["difference_high"])
    page = (out / "report.html").read_text("utf-8")
    assert not re.search(r"https?:|<script|src=", page)
    assert "&lt;day&gt;" in page
    assert "<day>" not in page
    for image in ("accuracy.png", "gaps.png"):
        assert (out / image).read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError):
        run("fairness", unfair, "--groups", "light", "--out", out)
    run("fairness", unfair, "--groups", "light", "--out", out, "--overwrite", "--resamples", 100)


def test_json_holds_the_whole_result(run, unfair):
    found = json.loads(run("fairness", unfair, "--groups", "light", "--json", "--resamples", 200))
    (by_light,) = found["attributes"]
    assert by_light["verdict"] == Verdict.DIFFERENCE.value
    assert {group["name"] for group in by_light["groups"]} == {"<day>", "night"}
    assert {"interval", "p", "p_corrected", "ratio"} <= set(by_light["gaps"][0])
    assert found["model"] is None


def test_group_names_are_escaped_in_figures(tmp_path):
    counts = np.zeros((4, 2, 5), np.int64)
    counts[:, 0, 1:3], counts[:, 1, 1:3] = (40, 10), (20, 30)
    made = predictions_from(counts, ["$0-$10k", "$10k_{2$", "女性", "\U0001f600"])
    written = write_report(audit_fairness(made, resamples=100), tmp_path, "x")
    assert {path.name for path in written} == {*FILES}


def test_own_thresholds_require_thresholds(unfair):
    with pytest.raises(OptionError):
        audit_fairness(unfair, groups=["light"], own_thresholds=True)
