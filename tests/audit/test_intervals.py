"""Intervals of gaps have nominal coverage, also for few images and for perfect groups."""

import numpy as np
import pytest

from mien.audit.gaps import Limits, Measure, label_distribution, measure_gaps, parts, rates
from mien.emotions import EMOTIONS
from mien.stats import wilson

from .conftest import counts_of


def gap_of(counts, resamples=100):
    names = tuple(f"g{number}" for number in range(len(counts)))
    found = measure_gaps(
        counts, names, EMOTIONS[: counts.shape[1]], min_group_size=5, resamples=resamples,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    return next(gap for gap in found if (gap.measure, gap.emotion) == (Measure.RECALL, "angry"))


def two_groups(right, wrong):
    """Two groups that show one emotion each way: so many right, so many wrong."""
    counts = np.zeros((2, 2, 5), np.int64)
    counts[:, 0, 1], counts[:, 0, 2] = right, wrong
    counts[:, 1, 1], counts[:, 1, 2] = 3, 40
    return counts


def test_newcombes_published_example():
    """Newcombe (1998), table II: 56 of 70 against 48 of 80 gives 0.0524 to 0.3339, 10 of 10 against 0 of 10 0.6075 to 1."""
    several = Limits.of(np.array([[56, 10], [48, 0]]), np.array([[70, 10], [80, 10]]))
    assert several.difference(0, 1, 1) == pytest.approx((0.6075, 1.0), abs=1e-4)
    several.few[:] = True
    assert several.difference(0, 1, 0) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_perfect_groups_have_intervals():
    gap = gap_of(two_groups((5, 0), (0, 5)))
    assert gap.difference == 1
    assert gap.interval[0] < 0.45
    assert gap.interval[1] == 1
    assert gap.ratio_interval is None


@pytest.mark.slow
def test_intervals_of_small_samples_have_nominal_coverage():
    rng = np.random.default_rng(1)
    truths = np.array([0.95, 0.9])
    covered = 0
    for _ in range(200):
        right = rng.binomial((30, 1000), truths)
        gap = gap_of(two_groups(right, np.array((30, 1000)) - right))
        sign = 1 if gap.highest == "g0" else -1
        covered += gap.interval[0] <= sign * 0.05 <= gap.interval[1]
    assert covered >= 180  # 190 expected; of resamples alone some 155


def test_large_groups_keep_their_bootstrap():
    counts = two_groups((400, 300), (100, 200))
    assert gap_of(counts, resamples=3000).interval == pytest.approx((0.146, 0.254), abs=0.006)


def test_a_weighted_mean_of_recalls_lies_within_its_interval():
    counts = counts_of([((40, 30, 20), (0.9, 0.6, 0.5)), ((10, 60, 60), (0.9, 0.6, 0.5))], np.random.default_rng(2))
    weights = label_distribution(counts)
    ends = Limits.of(*parts(counts, labeled=True)).with_mean(1, range(2, 5), weights)
    assert ends.value == pytest.approx(rates(counts, weights))
    assert (ends.low <= ends.value).all()
    assert (ends.value <= ends.high).all()
    single = Limits.of(*parts(counts, labeled=True)).with_mean(1, range(2, 5), np.array([1.0, 0, 0]))
    n, right = int(counts[0, 0].sum()), int(counts[0, 0, 1])
    assert (single.low[0, 1], single.high[0, 1]) == pytest.approx(wilson(right, n), abs=1e-6)
