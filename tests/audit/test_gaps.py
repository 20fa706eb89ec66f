"""The audit finds planted gaps at the stated power and reports none where there is none."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from mien.audit.fairness import FairnessAttribute, audit_fairness
from mien.audit.gaps import Measure, Rate, count, holm_corrected, label_distribution, measure_gaps, rates
from mien.emotions import EMOTIONS
from mien.stats import minimum_detectable_gap, permute_counts, resample_counts

from .conftest import counts_of, predictions_from

ALIKE = (0.9, 0.6, 0.5)
ACCURACY, STANDARDIZED = Rate(Measure.ACCURACY), Rate(Measure.STANDARDIZED_ACCURACY)
ODDS = Rate(Measure.EQUALIZED_ODDS)


def gaps(counts, rng, draws=150):
    groups, k, _ = counts.shape
    names = tuple(f"g{number}" for number in range(groups))
    found = measure_gaps(counts, names, EMOTIONS[:k], min_group_size=5, resamples=draws, rng=rng)
    return {Rate(gap.measure, gap.emotion): gap for gap in found}


@pytest.mark.slow
def test_it_finds_a_planted_gap_at_the_stated_power():
    rng = np.random.default_rng(1)
    n, others, share = 120, 400, 0.8
    drop = minimum_detectable_gap(share, n, others)
    assert 0.1 < drop < 0.2
    found = 0
    for _ in range(150):
        counts = counts_of([((200, 200), (share, share)), ((60, 60), (share - drop, share - drop))], rng)
        gap = gaps(counts, rng)[STANDARDIZED]
        found += gap.p < 0.05 and gap.lowest == "g1"
    assert 0.7 < found / 150 < 0.9  # 80 %, give or take three standard errors


@pytest.mark.slow
def test_false_alarms_stay_at_the_level_whatever_labels_groups_show():
    rng = np.random.default_rng(2)
    alarms = dict.fromkeys((STANDARDIZED, ODDS), 0)
    naive = 0
    for _ in range(200):
        counts = counts_of([((150, 20, 30), ALIKE), ((30, 60, 60), ALIKE)], rng)
        found = gaps(counts, rng)
        for measure in alarms:
            alarms[measure] += found[measure].p < 0.05
        right = counts[:, range(3), range(1, 4)].sum(1)
        naive += chi2_contingency(np.stack([right, counts.sum((1, 2)) - right])).pvalue < 0.05
    assert naive > 150  # who compares plain accuracies is misled nearly always
    for measure, number in alarms.items():
        assert number <= 19, (
            measure
        )  # 10 expected; more than 19 come in fewer than 1 of 200 runs of a test at its level


@pytest.mark.slow
def test_p_values_are_uniform_under_the_null():
    rng = np.random.default_rng(3)
    p = [gaps(counts_of([((60, 60, 60), ALIKE)] * 3, rng), rng)[STANDARDIZED].p for _ in range(150)]
    assert np.mean(np.array(p) < 0.5) == pytest.approx(0.5, abs=0.13)


@pytest.mark.slow
def test_holm_keeps_the_rate_of_any_false_alarm():
    rng = np.random.default_rng(4)
    single = family = 0
    for _ in range(80):
        found = [
            tuple(gaps(counts_of([((50, 50, 50), ALIKE)] * groups, rng), rng, draws=500).values())
            for groups in (2, 3, 3)
        ]
        every = [gap for some in holm_corrected(found) for gap in some if gap.p is not None]
        single += min(gap.p for gap in every) < 0.05
        family += min(gap.p_corrected for gap in every) < 0.05
    assert single > 16  # uncorrected, there is a false alarm in far more than one audit of twenty
    assert family <= 9  # 4 expected at most


def test_tiny_groups_do_not_hide_a_gap_between_large_ones():
    rng = np.random.default_rng(5)
    large = [((400, 400), (0.9, 0.9)), ((400, 400), (0.75, 0.75))]
    counts = counts_of([*large, *[((3, 3), (0.85, 0.85))] * 10], rng)
    assert gaps(counts, rng)[STANDARDIZED].p < 0.02


def test_a_gap_hidden_by_different_labels_is_found():
    rng = np.random.default_rng(6)
    easy, hard = (300, 100), (100, 300)
    counts = counts_of([(hard, (0.95, 0.7)), (easy, (0.8, 0.55))], rng)
    found = gaps(counts, rng, draws=400)
    assert found[ACCURACY].difference < 0.08
    assert found[STANDARDIZED].difference == pytest.approx(0.15, abs=0.07)
    assert found[ACCURACY].p is None  # which the mix moves too: it is told, and not tested
    assert found[STANDARDIZED].p < 0.01


def test_the_gap_tested_is_the_gap_shown():
    """One group is better at the emotion that it shows most, the other at its own: at the same mix they are alike."""
    counts = np.zeros((2, 2, 5), np.int64)
    counts[0, 0, 1:3], counts[0, 1, 1:3] = (930, 70), (40, 460)
    counts[1, 0, 1:3], counts[1, 1, 1:3] = (1780, 220), (120, 2880)
    found = gaps(counts, np.random.default_rng(13), draws=1000)
    low, high = found[STANDARDIZED].interval
    assert low < 0 < high
    assert found[STANDARDIZED].p > 0.1
    assert all(found[Rate(Measure.RECALL, name)].p < 0.01 for name in EMOTIONS[:2])


def test_standardization_removes_the_effect_of_labels():
    counts = np.zeros((2, 2, 5), np.int64)
    counts[0, 0, 1:3], counts[0, 1, 1:3] = (90, 10), (10, 10)
    counts[1, 0, 1:3], counts[1, 1, 1:3] = (18, 2), (50, 50)
    table = rates(counts, label_distribution(counts))
    assert table[0, 0] - table[1, 0] > 0.25
    assert table[0, 1] == pytest.approx(table[1, 1])


def test_gaps_equal_those_of_fairlearn():
    from fairlearn.metrics import MetricFrame, equalized_odds_difference, true_positive_rate

    rng = np.random.default_rng(7)
    counts = counts_of([((80, 50), (0.9, 0.7)), ((60, 90), (0.7, 0.8)), ((40, 40), (0.8, 0.5))], rng)
    made = predictions_from(counts, ("a", "b", "c"))
    frame = {"y_true": made.y_true, "y_pred": made.y_pred, "sensitive_features": made.groups["group"]}
    found = gaps(counts, rng)
    assert found[ODDS].difference == pytest.approx(equalized_odds_difference(**frame))
    recall = MetricFrame(metrics=true_positive_rate, **frame)
    assert found[Rate(Measure.RECALL, EMOTIONS[1])].difference == pytest.approx(recall.difference())
    assert found[Rate(Measure.RECALL, EMOTIONS[1])].ratio == pytest.approx(recall.ratio())
    (own,) = audit_fairness(made, resamples=100).attributes
    by_name = {group.name: group for group in own.groups}
    assert by_name["a"].accuracy == pytest.approx(found[ACCURACY].high)
    assert by_name["a"].recall[EMOTIONS[1]] == pytest.approx(recall.by_group["a"])


@pytest.mark.slow
def test_drawing_counts_is_equivalent_to_drawing_images():
    rng = np.random.default_rng(8)
    counts = counts_of([((40, 30, 20), ALIKE), ((10, 30, 60), ALIKE)], rng)
    made = predictions_from(counts, ("a", "b"))
    codes = (made.groups["group"] == "b").astype(np.int64)
    weights = label_distribution(counts)
    slow_boot, slow_null = [], []
    for _ in range(1500):
        picks = np.concatenate([rng.choice(np.flatnonzero(codes == g), (codes == g).sum()) for g in (0, 1)])
        fake = counts_from(made.y_true[picks], made.y_pred[picks], codes[picks])
        slow_boot.append(rates(fake, weights))
        dealt = codes.copy()
        for emotion in range(3):
            here = made.y_true == emotion
            dealt[here] = rng.permutation(codes[here])
        slow_null.append(rates(counts_from(made.y_true, made.y_pred, dealt), weights))
    for slow, quick in ((slow_boot, resample_counts), (slow_null, permute_counts)):
        fast = np.concatenate([rates(drawn, weights) for drawn in quick(counts, 1500, rng)])
        for moment in (np.nanmean, np.nanstd):
            assert moment(fast, axis=0)[:, :8] == pytest.approx(moment(np.array(slow), axis=0)[:, :8], abs=0.012)


def counts_from(truth, said, codes):
    made = np.zeros((2, 3, 7), np.int64)
    np.add.at(made, (codes, truth, said + 1), 1)
    return made


def test_permutations_keep_sizes_and_emotions_of_groups():
    rng = np.random.default_rng(9)
    counts = counts_of([((40, 0, 20), ALIKE), ((1, 30, 60), ALIKE), ((5, 5, 5), ALIKE)], rng)
    counts[0, 0, 0] += 7  # faces not found
    counts[2, 2, 5] += 4  # abstained
    made = predictions_from(counts, ("a", "b", "c"))
    codes = np.array([{"a": 0, "b": 1, "c": 2}[g] for g in made.groups["group"]])
    assert count(made, codes, 3).sum() == counts.sum()
    table = np.concatenate([rates(drawn, label_distribution(counts)) for drawn in permute_counts(counts, 50, rng)])
    assert table.shape == (50, 3, 10)
    assert np.isnan(table[:, 0, 2 + 1]).all()  # this group shows none of it
    assert (table[:, 0, -2] <= 1).all()


def test_the_same_seed_gives_the_same_audit_fairness():
    made = predictions_from(counts_of([((40, 30), (0.8, 0.6))] * 3, np.random.default_rng(10)), ("a", "b", "c"))
    assert audit_fairness(made, resamples=200, seed=5) == audit_fairness(made, resamples=200, seed=5)
    assert audit_fairness(made, resamples=200, seed=5) != audit_fairness(made, resamples=200, seed=6)


def test_constant_rates_are_not_compared():
    counts = np.zeros((2, 2, 5), np.int64)
    counts[:, 0, 1], counts[:, 1, 2] = 50, 50  # all right
    assert gaps(counts, np.random.default_rng(0)) == {}


def test_many_comparisons_get_enough_resamples():
    rng = np.random.default_rng(11)
    made = predictions_from(counts_of([((200, 200), (0.9, 0.9)), ((200, 200), (0.6, 0.6))], rng), ("a", "b"))
    noise = {f"noise{i}": rng.choice(np.array(["x", "y"], object), len(made)) for i in range(8)}
    found = audit_fairness(replace(made, groups={**made.groups, **noise}), resamples=100)
    assert found.resamples > 20 * found.n_comparisons
    least = {
        one.name: min(gap.p_corrected for gap in one.gaps if gap.p_corrected is not None) for one in found.attributes
    }
    assert least.pop("group") < 0.05
    assert min(least.values()) > 0.05


def test_equalized_odds_name_no_rate_without_a_difference():
    rng = np.random.default_rng(12)
    shown = (900, 900, 8)
    counts = counts_of([(shown, (0.9, 0.9, 0.9)), (shown, (0.75, 0.9, 0.9))], rng)
    counts[0, 2, 1:], counts[1, 2, 1:] = (1, 0, 7, 0, 0, 0), (4, 0, 4, 0, 0, 0)
    found = audit_fairness(predictions_from(counts, ("a", "b")), resamples=1000)
    (by_group,) = found.attributes
    odds = next(gap for gap in by_group.gaps if gap.measure is Measure.EQUALIZED_ODDS)
    assert odds.p_corrected < 0.05
    assert odds.rate == Rate(Measure.RECALL, EMOTIONS[2])  # the largest difference, on 8 images
    named = [(gap.measure, gap.emotion) for gap in by_group.significant_gaps]
    assert (Measure.RECALL, EMOTIONS[0]) in named
    assert all(measure is not Measure.EQUALIZED_ODDS and emotion != EMOTIONS[2] for measure, emotion in named)


def test_p_belongs_to_the_most_significant_pair():
    counts = np.zeros((3, 2, 5), np.int64)
    for emotion in range(2):
        for group, (wrong, right) in enumerate(((2, 2), (40, 360), (100, 300))):
            counts[group, emotion, 1 + emotion], counts[group, emotion, 2 - emotion] = right, wrong
    found = measure_gaps(
        counts, ("few", "well", "badly"), EMOTIONS[:2], min_group_size=5, resamples=2000,
        rng=np.random.default_rng(15),
    )  # fmt: skip
    tested = [gap for gap in found if gap.measure is Measure.STANDARDIZED_ACCURACY]
    ((gap,),) = holm_corrected([tuple(tested)])
    assert (gap.highest, gap.lowest) == ("well", "few")
    assert gap.significant
    assert gap.other_pair_significant
    assert gap.most_significant_pair == ("well", "badly")
    assert FairnessAttribute("kind", (), (gap,), 0, {"angry": 1.0}).significant_gaps == [gap]
