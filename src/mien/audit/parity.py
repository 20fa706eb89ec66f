"""Demographic parity: without labels, whether groups get each prediction equally often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..stats import Interval, images_needed, minimum_detectable_gap, wilson
from .fairness import RESAMPLES
from .gaps import Gap, Verdict, holm_corrected, parity_gaps
from .grouping import MIN_GROUP_SIZE, excluded_note, groupings
from .predictions import Columns, ModelInfo, Predictions, as_predictions
from .rates import Counts, Measure, count
from .table import Table
from .thresholds import ThresholdRule, with_thresholds

#: Permutations per comparison, so that the smallest p-value stays below half the level after correction.
_PER_COMPARISON = 40
#: Detection and abstention; the emotions are added.
_OTHER_MEASURES = 2
#: The share at which a difference is hardest to detect.
_HARDEST = 0.5


@dataclass(frozen=True)
class Share:
    """A share of images, 0 to 1, with its 95% interval (Wilson 1927)."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class GroupShares:
    """One group; shares are None where unknown.

    Attributes:
        name: of the group.
        n: images.
        n_found: images in which a face was found; shares of emotions and abstentions refer to these.
        predicted: emotion -> images it was predicted for.
        shares: emotion -> share of the faces it was predicted for.
        detection_rate: share of images in which a face was found.
        abstention_rate: share of found faces whose reading abstained.
        minimum_detectable_gap: difference from all other groups detected with 80% power at shares around one half; None if
            none is.
        n_needed: additional images needed to detect a difference of 10 points; 0 if there are enough.
        compared: large enough to take part in the gaps.
    """

    name: str
    n: int
    n_found: int
    predicted: dict[str, int]
    shares: dict[str, Share | None]
    detection_rate: Share | None
    abstention_rate: Share | None
    minimum_detectable_gap: float | None
    n_needed: int
    compared: bool


@dataclass(frozen=True)
class ParityAttribute:
    """One column of groups, or an intersection of two.

    Attributes:
        name: such as ``gender``, or ``gender x age``.
        groups: in natural order.
        gaps: between groups that can be compared.
        n_missing: images without a group.
    """

    name: str
    groups: tuple[GroupShares, ...]
    gaps: tuple[Gap, ...]
    n_missing: int

    @property
    def small_groups(self) -> tuple[GroupShares, ...]:
        """Groups too small to show a difference of 10 points with 80% power."""
        return tuple(group for group in self.groups if group.n_needed > 0)

    @property
    def verdict(self) -> Verdict:
        """What can be said of this column."""
        if any(gap.significant for gap in self.gaps):
            return Verdict.DIFFERENCE
        return Verdict.INCONCLUSIVE if not self.gaps or self.small_groups else Verdict.NO_DIFFERENCE

    @property
    def significant_gaps(self) -> list[Gap]:
        """Detection first, then the largest."""
        kept = [gap for gap in self.gaps if gap.significant]
        return sorted(kept, key=lambda gap: (gap.measure is not Measure.DETECTION_RATE, -gap.difference))


@dataclass(frozen=True)
class ParityResult:
    """An audit without labels.

    Attributes:
        n: images.
        emotions: the emotions that were predicted.
        overall: all images as one group.
        attributes: columns of groups and their intersections.
        n_comparisons: p-values corrected together.
        resamples: bootstrap resamples, and permutations, of each comparison.
        min_group_size: images that a group needs to be compared.
        notes: remarks on the data, one sentence each.
        model: the model that made the predictions; None if unknown.
    """

    n: int
    emotions: tuple[str, ...]
    overall: GroupShares
    attributes: tuple[ParityAttribute, ...]
    n_comparisons: int
    resamples: int
    min_group_size: int
    notes: tuple[str, ...]
    model: ModelInfo | None = None


def audit_parity(
    predictions: Path | str | Table | Predictions,
    *,
    groups: Sequence[str] = (),
    predicted: str = "",
    confidence: str = "",
    found: str = "",
    abstained: str = "",
    person: str = "",
    intersections: bool = False,
    thresholds: ThresholdRule | Path | str | None = None,
    own_thresholds: bool = False,
    min_group_size: int = MIN_GROUP_SIZE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> ParityResult:
    """Compare how often each emotion is predicted, a face is found and a reading abstains (demographic parity).

    Labels are ignored. Groups may really show different emotions: a difference is no finding of unfairness. Method and
    limits: ``docs/fairness.md``.

    Arguments are those of ``audit_fairness``, without labels.

    Raises:
        OptionError: a setting is out of range, or there is no column of groups.
        DataError: the table is invalid; or a column holds one group only, none, or too many.
    """
    columns = Columns(tuple(groups), "", predicted, confidence, found, abstained, person, no_labels=True)
    data = with_thresholds(as_predictions(predictions, columns), thresholds, own=own_thresholds)
    wanted = groupings(data, intersections=intersections, min_group_size=min_group_size, resamples=resamples)
    resamples = max(resamples, _PER_COMPARISON * len(wanted) * (len(data.emotions) + _OTHER_MEASURES))
    rng = np.random.default_rng(seed)
    known = (data.detection_known, data.abstained is not None)
    made, gaps = [], []
    for one in wanted:
        counts = count(data, one.codes, len(one.names), by_label=False)
        made.append((one, _groups(counts, one.names, data, min_group_size)))
        options = {"min_group_size": min_group_size, "resamples": resamples}
        gaps.append(parity_gaps(counts, one.names, data.emotions, known=known, rng=rng, **options))
    everyone = count(data, np.zeros(len(data), np.int64), 1, by_label=False)
    (overall,) = _groups(everyone, ("all",), data, min_group_size)
    small = [(one.name, [(group.name, group.n) for group in some if not group.compared]) for one, some in made]
    return ParityResult(
        n=len(data),
        emotions=data.emotions,
        overall=overall,
        attributes=tuple(
            ParityAttribute(one.name, some, own, one.n_missing) for (one, some), own in zip(made, holm_corrected(gaps))
        ),
        n_comparisons=sum(map(len, gaps)),
        resamples=resamples,
        min_group_size=min_group_size,
        notes=data.notes + tuple(excluded_note(name, some) for name, some in small if some),
        model=data.model,
    )


def _groups(counts: Counts, names: tuple[str, ...], data: Predictions, min_group_size: int) -> tuple[GroupShares, ...]:
    k = len(data.emotions)
    predicted = counts[:, 0, 1 : k + 1] + counts[:, 0, k + 1 :]
    found, abstained, images = predicted.sum(1), counts[:, 0, k + 1 :].sum(1), counts.sum((1, 2))
    made = []
    for place, name in enumerate(names):
        n, others = int(found[place]), int(found.sum() - found[place])
        made.append(
            GroupShares(
                name=name,
                n=int(images[place]),
                n_found=n,
                predicted=dict(zip(data.emotions, predicted[place].tolist())),
                shares={emotion: _share(int(some), n) for emotion, some in zip(data.emotions, predicted[place])},
                detection_rate=_share(n, int(images[place])) if data.detection_known else None,
                abstention_rate=None if data.abstained is None else _share(int(abstained[place]), n),
                minimum_detectable_gap=minimum_detectable_gap(_HARDEST, n, others),
                n_needed=max(0, images_needed(_HARDEST, others) - n) if others else 0,
                compared=bool(images[place] >= min_group_size),
            )
        )
    return tuple(made)


def _share(part: int, whole: int) -> Share | None:
    return Share(part / whole, wilson(part, whole)) if whole else None
