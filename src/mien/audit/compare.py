"""Compare two models on the same images, group by group, and the gaps between groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .. import stats
from ..stats import LEVEL, Counts, Floats, Interval
from .groups import MIN_GROUP_SIZE, Grouping, groupings
from .predictions import Columns, PairedPredictions, join_predictions
from .table import Table, open_table

RESAMPLES = 5000
# An image is right in both, lost (right before only), gained (right after only), or right in neither.
_BOTH, _LOST, _GAINED, _NEITHER = range(4)


class GapTrend(str, Enum):
    """How a gap between groups changed."""

    NARROWED = "narrowed"
    WIDENED = "widened"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARED = "not_compared"


@dataclass(frozen=True)
class GroupChange:
    """One group before and after; shares are 0 to 1.

    Attributes:
        n: images.
        before, after: accuracy of the first and the second model, with 95% intervals (Wilson 1927).
        difference: ``after - before``, with its 95% ``interval`` (paired bootstrap).
        gained, lost: images that only the second, only the first model gets right.
        p, p_corrected: both models are right equally often in this group (McNemar 1947, exact; Holm 1979).
        compared: large enough to take part in the gap and in the correction.
    """

    name: str
    n: int
    before: float
    before_interval: Interval
    after: float
    after_interval: Interval
    difference: float
    interval: Interval
    gained: int
    lost: int
    p: float
    p_corrected: float
    compared: bool

    @property
    def significant(self) -> bool:
        """Whether the group was compared and differs significantly at the 5% level after correction."""
        return self.compared and self.p_corrected < LEVEL


@dataclass(frozen=True)
class AccuracyGap:
    """The largest difference in accuracy: the two groups, its size and its 95% interval (bootstrap)."""

    highest: str
    lowest: str
    gap: float
    interval: Interval


@dataclass(frozen=True)
class GapChange:
    """Change of the largest gap in accuracy, which may be between other groups ``after``.

    Attributes:
        difference: gap after minus gap before, with its 95% interval (paired bootstrap).
        p, p_corrected: the models are exchangeable, image by image (permutation test; Holm 1979).
    """

    before: AccuracyGap
    after: AccuracyGap
    difference: float
    interval: Interval
    p: float
    p_corrected: float

    @property
    def significant(self) -> bool:
        """Significant after correction, and the interval excludes 0; the two may disagree in small groups."""
        low, high = self.interval
        return self.p_corrected < LEVEL and not low <= 0 <= high


@dataclass(frozen=True)
class CompareAttribute:
    """One column of groups; ``gap`` is None if fewer than two have enough images, ``n_missing`` images have no group."""

    name: str
    groups: tuple[GroupChange, ...]
    gap: GapChange | None
    n_missing: int

    @property
    def verdict(self) -> GapTrend:
        """How the gap changed."""
        if self.gap is None:
            return GapTrend.NOT_COMPARED
        if not self.gap.significant:
            return GapTrend.INCONCLUSIVE
        return GapTrend.NARROWED if self.gap.difference < 0 else GapTrend.WIDENED

    @property
    def leveled_down(self) -> bool:
        """Whether the gap narrowed because the best group lost and the worst did not gain."""
        if self.gap is None:
            return False
        by_name = {group.name: group for group in self.groups}
        best, worst = by_name[self.gap.before.highest], by_name[self.gap.before.lowest]
        return best.difference < 0 and worst.difference <= 0


@dataclass(frozen=True)
class CompareResult:
    """A comparison of two models.

    Attributes:
        n: images.
        overall: all images as one group; its p-value is not corrected.
        attributes: columns of groups.
        resamples, min_group_size: the settings.
        n_comparisons: p-values of groups corrected together; those of gaps are corrected among themselves.
        notes: remarks on the data, one sentence each.
    """

    n: int
    overall: GroupChange
    attributes: tuple[CompareAttribute, ...]
    resamples: int
    min_group_size: int
    n_comparisons: int
    notes: tuple[str, ...]


def audit_compare(
    before: Path | str | Table,
    after: Path | str | Table,
    *,
    groups: Sequence[str],
    image: str = "",
    label: str = "",
    predicted: str = "",
    person: str = "",
    min_group_size: int = MIN_GROUP_SIZE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> CompareResult:
    """Compare two models on the same images, group by group.

    Accuracies are compared by McNemar's exact test, corrected for all groups of all columns (Holm 1979), with
    paired-bootstrap intervals. The change of the largest gap is tested by permutations that swap the predictions of an
    image at random.

    Args:
        before: predictions of the first model, a table with one row per image; also has labels, groups and people.
        after: predictions of the second model; its labels, if any, must be equal.
        groups: columns of groups.
        image: column of image names; if empty, it is searched for under usual names, as are all columns below.
        label: column of labels.
        predicted: column of predictions.
        person: column of people; one image per person is kept.
        min_group_size: smaller groups are shown but not compared.
        resamples: bootstrap resamples, and permutations.
        seed: random seed.

    Raises:
        OptionError: a setting is out of range, or there is no column of groups.
        DataError: a table is invalid, the tables share no image or disagree on labels; or a column holds one group only,
            none, or too many.
    """
    columns = Columns(tuple(groups), label, predicted, person=person)
    pair = join_predictions(open_table(before), open_table(after), columns, image)
    return compare_pair(pair, min_group_size=min_group_size, resamples=resamples, seed=seed)


def compare_pair(
    pair: PairedPredictions, *, min_group_size: int = MIN_GROUP_SIZE, resamples: int = RESAMPLES, seed: int = 0
) -> CompareResult:
    """The comparison of ``audit_compare`` on joined predictions."""
    rng = np.random.default_rng(seed)
    made = []
    wanted = groupings(pair.groups, min_group_size=min_group_size, resamples=resamples)
    for one in (*wanted, Grouping.everyone(len(pair))):
        counts = _count(pair, one.codes, len(one.names))
        drawn = np.concatenate(list(stats.resample_counts(counts, resamples, rng)))
        big = counts.sum(1) >= min_group_size
        groups = tuple(
            _group(name, counts[group], drawn[:, group], compared=bool(big[group]))
            for group, name in enumerate(one.names)
        )
        kept = tuple(name for name, is_big in zip(one.names, big) if is_big)
        gap = _gap_change(counts[big], kept, drawn[:, big], rng) if len(kept) > 1 else None
        made.append(CompareAttribute(one.name, groups, gap, one.n_missing))
    (overall,) = made.pop().groups
    attributes = _corrected(made)
    compared = sum(group.compared for one in attributes for group in one.groups)
    return CompareResult(len(pair), overall, attributes, resamples, min_group_size, compared, pair.notes)


def _count(pair: PairedPredictions, codes: npt.NDArray[np.int64], groups: int) -> Counts:
    """int64 (G, 4): images of each group right in both, lost, gained, right in neither."""
    outcome, has = _NEITHER - 2 * pair.before - pair.after, codes >= 0
    return np.bincount(codes[has] * 4 + outcome[has], minlength=4 * groups).reshape(groups, 4).astype(np.int64)


def _accuracies(counts: Counts) -> tuple[Floats, Floats]:
    """float64 (..., G), before and after."""
    n = np.maximum(1, counts.sum(-1))
    return (counts[..., _BOTH] + counts[..., _LOST]) / n, (counts[..., _BOTH] + counts[..., _GAINED]) / n


def _gap_change(counts: Counts, names: tuple[str, ...], drawn: Counts, rng: np.random.Generator) -> GapChange:
    """Change of the gap between the best and the worst group; ``drawn`` are resamples of ``counts``."""
    ends, resampled = [], []
    for shares, redrawn in zip(_accuracies(counts), _accuracies(drawn)):
        high, low = int(shares.argmax()), len(shares) - 1 - int(shares[::-1].argmin())
        gaps = redrawn[:, high] - redrawn[:, low]
        gap = float(shares[high] - shares[low])
        ends.append(AccuracyGap(names[high], names[low], gap, stats.percentile_interval(gaps)))
        resampled.append(gaps)
    before, after = ends
    seen = after.gap - before.gap
    # The null: the two answers of each image are swapped at random
    swapped, differing = np.broadcast_to(counts, drawn.shape).copy(), counts[:, _LOST] + counts[:, _GAINED]
    swapped[..., _GAINED] = rng.binomial(differing, 0.5, size=(len(drawn), len(counts)))
    swapped[..., _LOST] = differing - swapped[..., _GAINED]
    null = [np.ptp(shares, axis=1) for shares in _accuracies(swapped)]
    p = stats.permutation_p(abs(seen), np.abs(null[1] - null[0]))
    return GapChange(before, after, seen, stats.percentile_interval(resampled[1] - resampled[0]), p, p)


def _group(name: str, counts: Counts, drawn: Counts, *, compared: bool) -> GroupChange:
    """One group from its outcomes, int64 (4,), and resamples of them, int64 (D, 4)."""
    n, (both, lost, gained, _) = int(counts.sum()), counts.tolist()
    p = stats.mcnemar_counts(lost, gained)
    return GroupChange(
        name=name,
        n=n,
        before=(both + lost) / n,
        before_interval=stats.wilson(both + lost, n),
        after=(both + gained) / n,
        after_interval=stats.wilson(both + gained, n),
        difference=(gained - lost) / n,
        interval=stats.percentile_interval((drawn[:, _GAINED] - drawn[:, _LOST]) / n),
        gained=gained,
        lost=lost,
        p=p,
        p_corrected=p,
        compared=compared,
    )


def _corrected(made: list[CompareAttribute]) -> tuple[CompareAttribute, ...]:
    """p-values of compared groups corrected together; those of gaps among themselves."""
    p_groups = iter(stats.holm([group.p for one in made for group in one.groups if group.compared]))
    p_gaps = iter(stats.holm([one.gap.p for one in made if one.gap]))

    def group(one: GroupChange) -> GroupChange:
        return replace(one, p_corrected=next(p_groups)) if one.compared else one

    return tuple(
        replace(one, groups=tuple(map(group, one.groups)), gap=one.gap and replace(one.gap, p_corrected=next(p_gaps)))
        for one in made
    )
