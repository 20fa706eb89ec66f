"""Fairness audit: whether predictions are equally good for all groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import OptionError
from ..stats import Interval, calibration_error, images_needed, macro_f1, minimum_detectable_gap, wilson
from .gaps import Gap, Verdict, fairness_gaps, holm_corrected
from .grouping import MIN_GROUP_SIZE, Grouping, excluded_note, groupings
from .predictions import Columns, ModelInfo, Predictions, as_predictions
from .rates import Counts, Floats, Measure, count, label_distribution, rates
from .table import Table
from .thresholds import ThresholdRule, with_thresholds

RESAMPLES = 2000
#: Permutations per comparison, so that the smallest p-value stays below half the level after correction.
_PER_COMPARISON = 40
#: Accuracy, standardized accuracy, equalized odds, detection, abstention; recalls are added.
_OTHER_MEASURES = 5
_BINS, _MIN_BIN_SIZE = 15, 20
#: What is reported first.
_FIRST = (Measure.STANDARDIZED_ACCURACY, Measure.ACCURACY)


@dataclass(frozen=True)
class GroupScores:
    """One group; rates are 0 to 1, None where undefined or unknown.

    Attributes:
        name: of the group.
        n: images.
        n_found: images in which a face was found; accuracy, recall and calibration refer to these.
        accuracy: with ``interval``, its 95% interval (Wilson 1927).
        standardized_accuracy: accuracy if the group had shown the labels that all groups show, in their common distribution
            (direct standardization).
        macro_f1: mean F1 of the emotions that the group shows.
        recall: emotion -> recall; None where the group does not show it.
        support: emotion -> images labeled with it.
        detection_rate: share of images in which a face was found.
        abstention_rate: share of found faces whose reading abstained.
        ece: expected calibration error, up to 15 equal-mass bins of at least 20 images.
        overconfidence: mean confidence minus accuracy, with its 95% interval.
        minimum_detectable_gap: smallest drop in accuracy below all other groups detected with 80% power; None if none is.
        n_needed: additional images needed to detect a drop of 10 points; 0 if there are enough.
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
    detection_rate: float | None
    abstention_rate: float | None
    ece: float | None
    overconfidence: float | None
    overconfidence_interval: Interval | None
    minimum_detectable_gap: float | None
    n_needed: int
    compared: bool


@dataclass(frozen=True)
class FairnessAttribute:
    """One column of groups, or an intersection of two.

    Attributes:
        name: such as ``gender``, or ``gender x age``.
        groups: in natural order.
        gaps: between groups that can be compared; empty where fewer than two can.
        n_missing: images without a group.
        label_distribution: the emotions, with weights, behind ``standardized_accuracy``; empty if none is shown by all.
    """

    name: str
    groups: tuple[GroupScores, ...]
    gaps: tuple[Gap, ...]
    n_missing: int
    label_distribution: dict[str, float]

    @property
    def small_groups(self) -> tuple[GroupScores, ...]:
        """Groups too small to show a gap of 10 points with 80% power."""
        return tuple(group for group in self.groups if group.n_needed > 0)

    @property
    def verdict(self) -> Verdict:
        """What can be said of this column."""
        if any(gap.significant for gap in self.gaps):
            return Verdict.DIFFERENCE
        inconclusive = not self.gaps or not self.label_distribution or self.small_groups
        return Verdict.INCONCLUSIVE if inconclusive else Verdict.NO_DIFFERENCE

    @property
    def significant_gaps(self) -> list[Gap]:
        """Accuracy first, then gaps whose interval excludes 0, then the largest.

        Equalized odds only where no recall is significant: their p-value says that some rate stands out, but the largest
        difference may be in another one.
        """
        kept = [gap for gap in self.gaps if gap.significant]
        if any(gap.measure is Measure.RECALL for gap in kept):
            kept = [gap for gap in kept if gap.measure is not Measure.EQUALIZED_ODDS]

        def rank(gap: Gap) -> tuple[int, bool, float]:
            first = _FIRST.index(gap.measure) if gap.measure in _FIRST else len(_FIRST)
            return first, gap.interval[0] <= 0, -gap.difference

        return sorted(kept, key=rank)


@dataclass(frozen=True)
class FairnessResult:
    """A fairness audit.

    Attributes:
        n: images.
        emotions: the emotions that occur.
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
    overall: GroupScores
    attributes: tuple[FairnessAttribute, ...]
    n_comparisons: int
    resamples: int
    min_group_size: int
    notes: tuple[str, ...]
    model: ModelInfo | None = None

    @property
    def min_p(self) -> float:
        """The smallest corrected p-value that this number of permutations and comparisons can give."""
        return min(1.0, self.n_comparisons / (1 + self.resamples))


def audit_fairness(
    predictions: Path | str | Table | Predictions,
    *,
    groups: Sequence[str] = (),
    label: str = "",
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
) -> FairnessResult:
    """Audit whether predictions are equally good for all groups.

    Gaps have bootstrap intervals, stratified by group, and p-values of permutations within each true emotion, corrected
    together (Holm 1979). Method and limits: ``docs/fairness.md``.

    Args:
        predictions: a table with a row per image (CSV, JSON Lines, parquet), or predictions in memory.
        groups: columns of groups.
        label: column of labels; empty columns are searched for under usual names, as in all that follow.
        predicted: column of predictions.
        confidence: column of the prediction's probability.
        found: column saying whether a face was found.
        abstained: column saying whether the reading abstained.
        person: column of people; one image of each is kept.
        intersections: audit each pair of columns too.
        thresholds: audit only readings at or above these confidence thresholds (``audit_thresholds``), or their file.
        own_thresholds: use each group's own threshold in place of the common one.
        min_group_size: smaller groups are shown but not compared.
        resamples: bootstrap resamples, and permutations, at least; more comparisons need more.
        seed: random seed.

    Raises:
        OptionError: a setting is out of range, there is no column of groups, or there are no labels.
        DataError: the table is invalid; or a column holds one group only, none, or too many.
        MissingExtraError: the extra ``audit`` is not installed.

    Example:
        >>> mien.audit_fairness("predictions.csv", groups=["gender"]).attributes[0].verdict
    """
    columns = Columns(tuple(groups), label, predicted, confidence, found, abstained, person)
    data = with_thresholds(as_predictions(predictions, columns), thresholds, own=own_thresholds)
    if not data.has_labels:
        raise OptionError(
            "got predictions without labels, expected a label for each",
            hint="Without labels, compare prediction shares: mien.audit_parity.",
        )
    wanted = groupings(data, intersections=intersections, min_group_size=min_group_size, resamples=resamples)
    resamples = max(resamples, _PER_COMPARISON * len(wanted) * (len(data.emotions) + _OTHER_MEASURES))
    rng = np.random.default_rng(seed)
    known = (data.detection_known, data.abstained is not None)
    made, gaps = [], []
    for one in wanted:
        counts = count(data, one.codes, len(one.names))
        made.append((one, *_scores(data, one, counts, min_group_size)))
        options = {"min_group_size": min_group_size, "resamples": resamples}
        gaps.append(fairness_gaps(counts, one.names, data.emotions, known=known, rng=rng, **options))
    everyone = Grouping("all", np.zeros(len(data), np.int64), ("all",))
    (overall,), _ = _scores(data, everyone, count(data, everyone.codes, 1), min_group_size)
    small = [(one.name, [(group.name, group.n) for group in scores if not group.compared]) for one, scores, _ in made]
    return FairnessResult(
        n=len(data),
        emotions=data.emotions,
        overall=overall,
        attributes=tuple(
            FairnessAttribute(one.name, scores, some, one.n_missing, mix)
            for (one, scores, mix), some in zip(made, holm_corrected(gaps))
        ),
        n_comparisons=sum(gap.p is not None for some in gaps for gap in some),
        resamples=resamples,
        min_group_size=min_group_size,
        notes=data.notes + tuple(excluded_note(name, some) for name, some in small if some),
        model=data.model,
    )


def _scores(
    data: Predictions, one: Grouping, counts: Counts, min_group_size: int
) -> tuple[tuple[GroupScores, ...], dict[str, float]]:
    """The groups of one column, and the label distribution that their accuracy is standardized to."""
    big = counts.sum((1, 2)) >= min_group_size
    weights = label_distribution(counts[big]) if big.any() else np.zeros(len(data.emotions))
    table = rates(counts, weights)
    found = data.y_pred >= 0
    made = []
    for place, name in enumerate(one.names):
        own = _scores_of_rows(data, found & (one.codes == place))
        made.append(_group(data, place, name, counts, table[place], own, compared=bool(big[place])))
    return tuple(made), {name: float(share) for name, share in zip(data.emotions, weights) if share > 0}


def _scores_of_rows(data: Predictions, rows: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Scores that need single images with a face: name -> value."""
    y_true, y_pred = data.y_true[rows], data.y_pred[rows]
    if not len(y_true):
        return {}
    correct = y_true == y_pred
    made = {"accuracy": float(correct.mean()), "macro_f1": macro_f1(y_true, y_pred)}
    if data.confidence is not None:
        excess = data.confidence[rows] - correct
        made["ece"] = calibration_error(data.confidence[rows], correct, min(_BINS, len(correct) // _MIN_BIN_SIZE))
        made["overconfidence"] = float(excess.mean())
        made["error"] = float(np.std(excess, ddof=1) / math.sqrt(len(excess))) if len(excess) > 1 else math.nan
    return made


def _group(
    data: Predictions, place: int, name: str, counts: Counts, own: Floats, frame: dict[str, float], *, compared: bool
) -> GroupScores:
    k = len(data.emotions)
    predicted = counts[:, :, 1 : k + 1] + counts[:, :, k + 1 :]
    found = predicted.sum((1, 2))
    n, others = int(found[place]), int(found.sum() - found[place])
    right = np.diagonal(predicted, axis1=1, axis2=2).sum(1)
    share = float(right.sum() - right[place]) / others if others else None
    over, error = frame.get("overconfidence"), frame.get("error", math.nan)
    return GroupScores(
        name=name,
        n=int(counts[place].sum()),
        n_found=n,
        accuracy=frame.get("accuracy"),
        interval=wilson(int(right[place]), n) if n else None,
        standardized_accuracy=_finite(own[1]),
        macro_f1=frame.get("macro_f1"),
        recall={emotion: _finite(value) for emotion, value in zip(data.emotions, own[2 : 2 + k])},
        support=dict(zip(data.emotions, counts[place].sum(1).tolist())),
        detection_rate=_finite(own[-2]) if data.detection_known else None,
        abstention_rate=_finite(own[-1]) if data.abstained is not None else None,
        ece=frame.get("ece"),
        overconfidence=over,
        overconfidence_interval=None
        if over is None or not math.isfinite(error)
        else (over - 1.96 * error, over + 1.96 * error),
        minimum_detectable_gap=None if share is None else minimum_detectable_gap(share, n, others),
        n_needed=0 if share is None else max(0, images_needed(share, others) - n),
        compared=compared,
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
