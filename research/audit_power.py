"""Power and false-alarm rate of the fairness audit, on simulated predictions with and without a planted gap.

    python research/audit_power.py [REPEATS]

How often a planted gap of the size that ``power.minimum_detectable_gap`` states is found (80% is expected); how often
predictions without a gap raise an alarm at the 5% level, with equal and with different label distributions, beside a plain
chi-square test of accuracies; and how often any of several comparisons raises one, before and after Holm's correction. The
same for shares of predictions without labels.
"""

import sys

import numpy as np
from scipy.stats import chi2_contingency

from mien.audit.gaps import holm_corrected, measure_gaps
from mien.emotions import EMOTIONS
from mien.stats import minimum_detectable_gap, wilson

ALIKE = (0.9, 0.6, 0.5)


def drawn(groups, rng):
    """Counts of groups, each with its images and its recall by emotion."""
    k = len(groups[0][0])
    counts = np.zeros((len(groups), k, 2 * k + 1), np.int64)
    for group, (shown, recall) in enumerate(groups):
        for emotion in range(k):
            shares = np.full(k, (1 - recall[emotion]) / (k - 1))
            shares[emotion] = recall[emotion]
            counts[group, emotion, 1 : k + 1] = rng.multinomial(shown[emotion], shares)
    return counts


def audited(groups, rng, draws=400):
    counts = drawn(groups, rng)
    names = tuple(map(str, range(len(groups))))
    emotions = EMOTIONS[: counts.shape[1]]
    return counts, measure_gaps(counts, names, emotions, min_group_size=5, resamples=draws, rng=rng)


def report(name, times, repeats):
    low, high = wilson(int(times), repeats)
    print(f"{name:58s} {100 * times / repeats:5.1f} % ({100 * low:.1f} to {100 * high:.1f})")


def planted(repeats, rng):
    for n, others, share in ((50, 500, 0.8), (120, 400, 0.8), (400, 400, 0.6), (1000, 5000, 0.9)):
        drop = minimum_detectable_gap(share, n, others)
        large, small = ((others // 2,) * 2, (share,) * 2), ((n // 2,) * 2, (share - drop,) * 2)
        found = sum(audited([large, small], rng)[1][1].p < 0.05 for _ in range(repeats))
        report(f"planted: {n} against {others}, {100 * drop:.1f} points below {100 * share:.0f} %", found, repeats)


def fair(repeats, rng):
    for name, groups in (
        ("same mix", [((60, 60, 60), ALIKE), ((90, 90, 90), ALIKE)]),
        ("another mix", [((150, 20, 30), ALIKE), ((30, 60, 60), ALIKE)]),
        ("another mix, six groups", [((150, 20, 30), ALIKE), ((30, 60, 60), ALIKE), ((8, 4, 3), ALIKE)] * 2),
    ):
        naive, alarms = 0, {}
        for _ in range(repeats):
            counts, found = audited(groups, rng)
            right = counts[:, range(3), range(1, 4)].sum(1)
            naive += chi2_contingency(np.stack([right, counts.sum((1, 2)) - right])).pvalue < 0.05
            for gap in found[1:3]:
                alarms[gap.measure.value] = alarms.get(gap.measure.value, 0) + (gap.p < 0.05)
        for measure, times in alarms.items():
            report(f"fair, {name}: {measure}", times, repeats)
        report(f"fair, {name}: plain chi-square of accuracies", naive, repeats)


def family(repeats, rng):
    single = together = 0
    for _ in range(repeats):
        found = [audited([((50, 50, 50), ALIKE)] * groups, rng, 800)[1] for groups in (2, 3, 4)]
        single += min(gap.p for some in found for gap in some if gap.p is not None) < 0.05
        together += min(gap.p_corrected for some in holm_corrected(found) for gap in some if gap.p is not None) < 0.05
    report("fair, three columns of groups: any alarm, uncorrected", single, repeats)
    report("fair, three columns of groups: any alarm, corrected", together, repeats)


def unlabeled(repeats, rng):
    """Groups whose faces are read as three emotions with some shares; one in ten images has no face that is found."""

    def compared(groups):
        counts = np.stack([rng.multinomial(n, [0.1, *(0.9 * np.array(mix)), 0, 0, 0]) for n, mix in groups])[:, None]
        names = tuple(map(str, range(len(groups))))
        options = {"labeled": False, "known": (True, False), "min_group_size": 5, "resamples": 800, "rng": rng}
        return measure_gaps(counts, names, EMOTIONS[:3], **options)

    for n, others in ((100, 1000), (500, 500)):
        drop = minimum_detectable_gap(0.5, round(0.9 * n), round(0.9 * others))
        mix = (0.5 - drop, 0.3 + drop, 0.2)
        found = sum(compared([(others, (0.5, 0.3, 0.2)), (n, mix)])[0].p < 0.05 for _ in range(repeats))
        report(f"shares, planted: {n} against {others}, {100 * drop:.1f} points below 50 %", found, repeats)
    single = together = 0
    for _ in range(repeats):
        found = compared([(n, (0.5, 0.3, 0.2)) for n in (400, 100, 15)])
        single += min(gap.p for gap in found) < 0.05
        together += min(gap.p_corrected for some in holm_corrected([found]) for gap in some) < 0.05
    report("shares, fair, three groups: any alarm, uncorrected", single, repeats)
    report("shares, fair, three groups: any alarm, corrected", together, repeats)


if __name__ == "__main__":
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    chance = np.random.default_rng(0)
    planted(times, chance)
    fair(times, chance)
    family(times, chance)
    unlabeled(times, np.random.default_rng(0))
