"""Fairness audit: compare accuracy between groups, or without labels the frequency of predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import OptionError
from ..stats import Floats, Interval, calibration_error, images_needed, macro_f1, minimum_detectable_gap, wilson
from .gaps import Gap, Measure, Verdict, count, holm_corrected, label_distribution, measure_gaps
from .groups import MIN_GROUP_SIZE, Grouping, excluded_note, groupings
from .predictions import Bools, Columns, ModelInfo, Predictions, predictions_of
from .table import Table
from .thresholds import ThresholdsResult, apply_thresholds

RESAMPLES = 2000
#: Permutations per comparison, so that the smallest p-value stays below half the level after correction.
_PER_COMPARISON = 40
#: Measures besides those of each emotion: accuracy, standardized accuracy, equalized odds; detection, abstention.
_LABELED_MEASURES, _OTHER_MEASURES = 3, 2
_BINS, _MIN_BIN_SIZE = 15, 20
#: The share at which a difference is hardest to detect: for shares of predictions, which have no common level.
_HARDEST = 0.5
#: What is reported first.
_FIRST = [Measure.STANDARDIZED_ACCURACY, Measure.ACCURACY]


@dataclass(frozen=True)
class GroupScores:
    """One group; rates are 0 to 1, with 95% intervals (Wilson 1927); None if undefined or unknown.

    Attributes:
        n, n_found: images, and those in which a face was found; all but the detection rate refer to the latter.
        accuracy: with ``interval``.
        standardized_accuracy: accuracy if the group had shown the labels that all groups show, in their common distribution
            (direct standardization).
        macro_f1: mean F1 of the emotions that the group shows.
        recall: by emotion; None if the group does not show it. Empty without labels, like ``support``.
        support: emotion -> images labeled with it.
        predicted: emotion -> images it was predicted for, with ``prediction_share`` of the faces and its interval.
        detection_rate: share of images in which a face was found.
        abstention_rate: share of found faces whose reading abstained.
        ece: expected calibration error, up to 15 equal-mass bins of at least 20 images.
        overconfidence: mean confidence minus accuracy.
        minimum_detectable_gap: smallest drop in accuracy below all other groups detected with 80% power; None if none is.
            Without labels, the smallest difference in shares around one half.
        n_needed: additional images needed to detect a gap of 10 points; 0 if there are enough.
        compared: large enough to take part in the gaps.
    """

    name: str
    n: int
    n_found: int
    accuracy: float | None
    interval: Interval | None
    standardized_accuracy: float | None
    macro_f1: float | None
    recall: dict[str, float | None]
    support: dict[str, int]
    predicted: dict[str, int]
    prediction_share: dict[str, float | None]
    prediction_interval: dict[str, Interval | None]
    detection_rate: float | None
    detection_interval: Interval | None
    abstention_rate: float | None
    abstention_interval: Interval | None
    ece: float | None
    overconfidence: float | None
    overconfidence_interval: Interval | None
    minimum_detectable_gap: float | None = None
    n_needed: int = 0
    compared: bool = True


@dataclass(frozen=True)
class FairnessAttribute:
    """One column of groups, such as ``gender``, or an intersection of two, such as ``gender x age``.

    Attributes:
        gaps: between groups that can be compared; empty if fewer than two can.
        n_missing: images without a group.
        label_distribution: the emotions, with weights, behind ``standardized_accuracy``; empty if none is shown by all
            groups, None without labels.
    """

    name: str
    groups: tuple[GroupScores, ...]
    gaps: tuple[Gap, ...]
    n_missing: int
    label_distribution: dict[str, float] | None

    @property
    def small_groups(self) -> tuple[GroupScores, ...]:
        """Groups too small to detect a gap of 10 points with 80% power."""
        return tuple(group for group in self.groups if group.n_needed > 0)

    @property
    def verdict(self) -> Verdict:
        """The conclusion for this column."""
        if any(gap.significant for gap in self.gaps):
            return Verdict.DIFFERENCE
        inconclusive = not self.gaps or self.label_distribution == {} or self.small_groups
        return Verdict.INCONCLUSIVE if inconclusive else Verdict.NO_DIFFERENCE

    @property
    def significant_gaps(self) -> list[Gap]:
        """Accuracy first (without labels: detection), then gaps whose interval excludes 0, then the largest.

        Equalized odds are included only if no recall is significant: their p-value means that some rate differs, but the
        largest difference may be in another rate.
        """
        kept = [gap for gap in self.gaps if gap.significant]
        if any(gap.measure is Measure.RECALL for gap in kept):
            kept = [gap for gap in kept if gap.measure is not Measure.EQUALIZED_ODDS]
        first = [Measure.DETECTION_RATE] if self.label_distribution is None else _FIRST
        ranks = {measure: rank - len(first) for rank, measure in enumerate(first)}
        return sorted(kept, key=lambda gap: (ranks.get(gap.measure, 0), gap.interval[0] <= 0, -gap.difference))


@dataclass(frozen=True)
class FairnessResult:
    """A fairness audit.

    Attributes:
        n: images.
        has_labels: whether predictions were compared with labels.
        emotions: those that occur.
        overall: all images as one group.
        attributes: columns of groups and their intersections.
        n_comparisons: p-values corrected together.
        resamples, min_group_size: the settings; resamples are also permutations.
        notes: remarks on the data, one sentence each.
        model: that made the predictions; None if unknown.
    """

    n: int
    has_labels: bool
    emotions: tuple[str, ...]
    overall: GroupScores
    attributes: tuple[FairnessAttribute, ...]
    n_comparisons: int
    resamples: int
    min_group_size: int
    notes: tuple[str, ...]
    model: ModelInfo | None = None

    @property
    def min_p(self) -> float:
        """The smallest possible corrected p-value with this number of permutations and comparisons."""
        return min(1.0, self.n_comparisons / (1 + self.resamples))


def audit_fairness(
    predictions: Path | str | Table | Predictions,
    *,
    groups: Sequence[str] = (),
    label: str = "",
    no_labels: bool = False,
    predicted: str = "",
    confidence: str = "",
    found: str = "",
    abstained: str = "",
    person: str = "",
    intersections: bool = False,
    thresholds: ThresholdsResult | Path | str | None = None,
    own_thresholds: bool = False,
    min_group_size: int = MIN_GROUP_SIZE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> FairnessResult:
    """Compare the accuracy of predictions between groups, or without labels how often each emotion is predicted.

    Gaps have bootstrap intervals, stratified by group, and p-values of permutations within each true emotion, corrected
    together (Holm 1979). Without labels (demographic parity) a difference does not show unfairness, because groups may
    show different emotions. For method and limits see ``docs/guides/fairness.md``.

    Args:
        predictions: a table with one row per image (CSV, JSON Lines, parquet), or predictions in memory.
        groups: columns of groups.
        label: column of labels; if empty, it is searched for under usual names, as are all columns below.
        no_labels: ignore labels, and compare how often each emotion is predicted.
        predicted: column of predictions.
        confidence: column of the prediction's probability.
        found: column with true if a face was found.
        abstained: column with true if the reading abstained.
        person: column of people; one image per person is kept.
        intersections: also audit each pair of columns.
        thresholds: audit only readings at or above these confidence thresholds (``audit_thresholds``), or their file.
        own_thresholds: use the threshold of each group instead of the common one.
        min_group_size: smaller groups are shown but not compared.
        resamples: minimum number of bootstrap resamples and permutations; more comparisons need more.
        seed: random seed.

    Raises:
        OptionError: a setting is out of range, there is no column of groups, or labels are missing.
        DataError: the table is invalid; or a column holds one group only, none, or too many.
        MissingExtraError: the extra ``audit`` is not installed.

    Example:
        >>> mien.audit_fairness("predictions.csv", groups=["gender"]).attributes[0].verdict
    """
    if no_labels and label:
        raise OptionError("label and no_labels exclude each other", hint="Give one of them.")
    columns = Columns(tuple(groups), label, predicted, confidence, found, abstained, person, no_labels=no_labels)
    data = apply_thresholds(predictions_of(predictions, columns), thresholds, own=own_thresholds)
    if no_labels:
        data = replace(data, y_true=np.full(len(data), -1))
    elif not data.has_labels:
        raise OptionError(
            "got predictions without labels, expected a label for each",
            hint="Without labels, compare prediction shares: no_labels=True, or --no-labels.",
        )
    wanted = groupings(data.groups, intersections=intersections, min_group_size=min_group_size, resamples=resamples)
    per_column = len(data.emotions) + _OTHER_MEASURES + _LABELED_MEASURES * (not no_labels)
    resamples = max(resamples, _PER_COMPARISON * len(wanted) * per_column)
    rng = np.random.default_rng(seed)
    (overall,), _ = _scores(data, Grouping.everyone(len(data)), min_group_size)
    scores = [_scores(data, one, min_group_size) for one in wanted]
    gaps = [
        measure_gaps(
            count(data, one.codes, len(one.names)), one.names, data.emotions, labeled=not no_labels,
            known=(data.detection_known, data.abstained is not None),
            min_group_size=min_group_size, resamples=resamples, rng=rng,
        )
        for one in wanted
    ]  # fmt: skip
    notes = list(data.notes)
    for one, (groups_of, _) in zip(wanted, scores):
        small = [(group.name, group.n) for group in groups_of if not group.compared]
        notes += [excluded_note(one.name, small)] if small else []
    return FairnessResult(
        n=len(data),
        has_labels=not no_labels,
        emotions=data.emotions,
        overall=overall,
        attributes=tuple(
            FairnessAttribute(one.name, own, some, one.n_missing, mix)
            for one, (own, mix), some in zip(wanted, scores, holm_corrected(gaps))
        ),
        n_comparisons=sum(gap.p is not None for some in gaps for gap in some),
        resamples=resamples,
        min_group_size=min_group_size,
        notes=tuple(notes),
        model=data.model,
    )


def _scores(
    data: Predictions, one: Grouping, min_group_size: int
) -> tuple[tuple[GroupScores, ...], dict[str, float] | None]:
    """The groups of one column, and the label distribution that their accuracy is standardized to."""
    counts = count(data, one.codes, len(one.names))
    big = counts.sum((1, 2)) >= min_group_size
    weights = label_distribution(counts[big]) if data.has_labels and big.any() else np.zeros(len(data.emotions))
    found, right = (one.codes >= 0) & (data.y_pred >= 0), data.y_true == data.y_pred
    made = []
    for number, name in enumerate(one.names):
        rows = one.codes == number
        group = _group(data, name, rows, weights, compared=bool(big[number]))
        others = ~rows & found
        if n_others := int(others.sum()):
            typical = float(right[others].mean()) if data.has_labels else _HARDEST
            detectable = minimum_detectable_gap(typical, group.n_found, n_others)
            needed = max(0, images_needed(typical, n_others) - group.n_found)
            group = replace(group, minimum_detectable_gap=detectable, n_needed=needed)
        made.append(group)
    distribution = {name: float(share) for name, share in zip(data.emotions, weights) if share > 0}
    return tuple(made), distribution if data.has_labels else None


def _group(data: Predictions, name: str, rows: Bools, weights: Floats, *, compared: bool) -> GroupScores:
    """One group, whose images are bool (N,) ``rows``, without what depends on other groups."""
    found = rows & (data.y_pred >= 0)
    y_true, y_pred, k = data.y_true[found], data.y_pred[found], len(data.emotions)
    n, n_found, correct = int(rows.sum()), len(y_pred), y_true == y_pred
    labeled = data.has_labels and n_found > 0
    predicted = dict(zip(data.emotions, np.bincount(y_pred, minlength=k).tolist()))
    shares = {emotion: _share(some, n_found) for emotion, some in predicted.items()}
    accuracy, accuracy_interval = _share(int(correct.sum()), n_found if labeled else 0)
    detection, detection_interval = _share(n_found, n if data.detection_known else 0)
    n_abstained, n_known = (0, 0) if data.abstained is None else (int(data.abstained[found].sum()), n_found)
    abstention, abstention_interval = _share(n_abstained, n_known)
    recall: dict[str, float | None] = {}
    support: dict[str, int] = {}
    standardized = None
    if data.has_labels:
        shown = np.bincount(y_true, minlength=k)
        each = np.bincount(y_true[correct], minlength=k) / np.maximum(1, shown)
        recall = {name: float(share) if some else None for name, share, some in zip(data.emotions, each, shown)}
        support = dict(zip(data.emotions, np.bincount(data.y_true[rows], minlength=k).tolist()))
        used = np.where(shown > 0, weights, 0.0)
        standardized = float((each * used).sum() / used.sum()) if used.any() else None
    ece = over = over_interval = None
    if data.confidence is not None and labeled:
        ece = calibration_error(data.confidence[found], correct, min(_BINS, n_found // _MIN_BIN_SIZE))
        excess = data.confidence[found] - correct
        over = float(excess.mean())
        if n_found > 1:
            error = 1.96 * float(excess.std(ddof=1)) / math.sqrt(n_found)
            over_interval = (over - error, over + error)
    return GroupScores(
        name=name,
        n=n,
        n_found=n_found,
        accuracy=accuracy,
        interval=accuracy_interval,
        standardized_accuracy=standardized,
        macro_f1=macro_f1(y_true, y_pred) if labeled else None,
        recall=recall,
        support=support,
        predicted=predicted,
        prediction_share={emotion: share for emotion, (share, _) in shares.items()},
        prediction_interval={emotion: interval for emotion, (_, interval) in shares.items()},
        detection_rate=detection,
        detection_interval=detection_interval,
        abstention_rate=abstention,
        abstention_interval=abstention_interval,
        ece=ece,
        overconfidence=over,
        overconfidence_interval=over_interval,
        compared=compared,
    )


def _share(part: int, whole: int) -> tuple[float | None, Interval | None]:
    """A share with its interval; unknown if ``whole`` is 0."""
    return (part / whole, wilson(part, whole)) if whole else (None, None)
