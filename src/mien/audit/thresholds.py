"""Confidence thresholds that guarantee a target accuracy in every group, and their report.

Learn then Test (Angelopoulos et al. 2021, arXiv 2110.01052): thresholds are fixed before the data is seen; for each,
"accuracy above it is below the target" is tested by an exact binomial test, in fixed sequences (Bauer 1991) downwards from
each of five starting points, each at a fifth of the risk. The guarantee holds for new images drawn like these.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path

import numpy as np
from scipy.stats import binom

from .. import report as doc
from ..errors import DataError, OptionError
from ..report import escape, estimate, join, percent
from ..stats import POWER, Floats, Interval, wilson
from .groups import grouping
from .predictions import Bools, Columns, Predictions, predictions_of
from .table import Table, open_table

#: Candidate thresholds, and where the sequences begin. Fixed in advance: they must not depend on the data.
LEVELS = tuple(step / 100 for step in range(100))
STARTS = (0.95, 0.85, 0.7, 0.5, 0.0)
_MOST = 20_000
_KIND = "mien thresholds 1"
_NEVER = 2.0  # no confidence reaches it
_FOOTNOTE = (
    "Kept, accuracy: on held-out images, with 95% CI. A threshold per group requires knowing the group of each person, and "
    "treating people by it may be unlawful; the common threshold does not."
)


class ThresholdStatus(str, Enum):
    """Whether a group has a threshold; otherwise it has too few readings, or is wrong too often at any threshold."""

    FOUND = "found"
    TOO_SMALL = "too_small"
    OUT_OF_REACH = "out_of_reach"


@dataclass(frozen=True)
class HeldOut:
    """A threshold on ``n`` images held out, of which ``n_kept`` reach it; None without any.

    Their ``accuracy``, 0 to 1, has a 95% ``interval`` (Wilson 1927).
    """

    n: int
    n_kept: int
    accuracy: float | None
    interval: Interval | None


@dataclass(frozen=True)
class GroupThreshold:
    """One group.

    Attributes:
        n: readings that its threshold was fitted to.
        threshold: of confidence, 0 to 1; None if none can be guaranteed, for the reason ``status``.
        n_needed: readings needed to guarantee the target if half the allowed share were wrong.
        own, common: the group's threshold and the common one on held-out images; None without one.
    """

    name: str
    n: int
    threshold: float | None
    status: ThresholdStatus
    n_needed: int
    own: HeldOut | None
    common: HeldOut | None


@dataclass(frozen=True)
class ThresholdsResult:
    """Thresholds of one column of groups.

    Attributes:
        target: accuracy to reach among the readings kept.
        risk: maximum probability that a guarantee is wrong.
        common: threshold that reaches the target in every group that is not too small; None if there is none.
        n_fit, n_held_out: numbers of images for fitting and of held-out images.
        notes: remarks on the data, one sentence each.
    """

    column: str
    target: float
    risk: float
    common: float | None
    groups: tuple[GroupThreshold, ...]
    n_fit: int
    n_held_out: int
    notes: tuple[str, ...] = ()

    @property
    def missed(self) -> tuple[str, ...]:
        """Groups that significantly miss the target on held-out images."""
        return tuple(
            group.name
            for group in self.groups
            if any(kept and kept.interval and kept.interval[1] < self.target for kept in (group.own, group.common))
        )


@dataclass(frozen=True, eq=False)
class Readings:
    """Readings that did not abstain: float64 (n,) confidence and bool (n,) whether they are right."""

    confidence: Floats
    right: Bools


def audit_thresholds(
    predictions: Path | str | Table,
    *,
    groups: str,
    target: float = 0.9,
    risk: float = 0.05,
    label: str = "",
    predicted: str = "",
    confidence: str = "",
    person: str = "",
    fit: float = 0.5,
    seed: int = 0,
) -> tuple[ThresholdsResult, Table]:
    """Fit a threshold for each group and one for all groups, and check them on held-out images.

    Args:
        predictions: a table with labels and confidence, one row per image.
        groups: column of groups.
        target: accuracy to reach among the readings kept, between 0 and 1.
        risk: maximum probability that the threshold of any group misses the target; the same for the common threshold.
        label: column of labels; if empty, it is searched for under usual names, as are all columns below.
        predicted: column of predictions.
        confidence: column of the prediction's probability.
        person: column of people; one image per person is kept.
        fit: share of images for fitting; the others are held out.
        seed: random seed of the split.

    Returns:
        The thresholds, and the held-out rows.

    Raises:
        OptionError: a share is out of range.
        DataError: a column is missing, there is no confidence, or the column holds one group only.
    """
    columns = Columns((groups,), label, predicted, confidence, person=person)
    first, held_out = split_table(open_table(predictions), groups, person=person, share=fit, seed=seed)
    return fit_thresholds(first, held_out, columns, target=target, risk=risk), held_out


def fit_thresholds(
    fit: Table, held_out: Table, columns: Columns, *, target: float, risk: float = 0.05
) -> ThresholdsResult:
    """The thresholds of ``audit_thresholds``, on a table already split; readings that abstain stay out."""
    if not 0 < target < 1 or not 0 < risk < 1:
        raise OptionError(f"target, risk: got {target}, {risk}, expected both between 0 and 1")
    first, second = predictions_of(fit, columns), predictions_of(held_out, columns)
    (column,) = first.groups
    found = grouping(column, first.groups[column])
    readings = [_readings(first, found.codes == group) for group in range(len(found.names))]
    each = risk / len(found.names)
    needed = readings_needed(target, each)
    large = [one for one in readings if len(one.right) >= readings_needed(target, risk)]
    common = lowest_threshold(large, target, risk) if large else None
    made = []
    for name, own in zip(found.names, readings):
        rest = _readings(second, np.asarray(second.groups[column] == name, np.bool_))
        threshold, n = lowest_threshold([own], target, each), len(own.right)
        status = ThresholdStatus.TOO_SMALL if n < needed else ThresholdStatus.OUT_OF_REACH
        if threshold is not None:
            status = ThresholdStatus.FOUND
        kept = [None if limit is None else _held_out(rest, limit) for limit in (threshold, common)]
        made.append(GroupThreshold(name, n, threshold, status, needed, *kept))
    return ThresholdsResult(column, target, risk, common, tuple(made), len(first), len(second), first.notes)


def lowest_threshold(groups: Sequence[Readings], target: float, risk: float) -> float | None:
    """The lowest threshold at which every group reaches the target accuracy; None if none can be guaranteed.

    All groups reach it if each does (intersection-union test, Berger 1982): no correction for their number. ``risk`` is the
    probability, at most, that the result misses the target in some group.
    """
    passed = np.max([_p_values(one, target) for one in groups], 0) <= risk / len(STARTS)
    found = []
    for start in map(LEVELS.index, STARTS):
        failed = np.flatnonzero(~passed[: start + 1])  # the sequence goes down from its start to the first failure
        lowest = int(failed[-1]) + 1 if len(failed) else 0
        if lowest <= start:
            found.append(LEVELS[lowest])
    return min(found, default=None)


def _p_values(readings: Readings, target: float) -> Floats:
    """float64 (L,): of accuracy being below the target, for the readings at or above each level."""
    level = np.searchsorted(np.array(LEVELS), readings.confidence, side="right") - 1
    n, right = (
        np.bincount(level[rows], minlength=len(LEVELS))[::-1].cumsum()[::-1] for rows in (slice(None), readings.right)
    )
    return np.asarray(binom.sf(right - 1, n, target), np.float64)


def readings_needed(target: float, risk: float) -> int:
    """Readings needed to guarantee ``target`` with 80% power if half the allowed share were wrong.

    It depends on numbers only, so that leaving smaller groups out of the common threshold does not void its guarantee.
    """
    n = np.arange(1, _MOST + 1)
    least = binom.isf(risk / len(STARTS), n, target) + 1  # right answers that pass the test
    enough = binom.sf(least - 1, n, (1 + target) / 2) >= POWER
    return int(n[enough.argmax()]) if enough.any() else _MOST


def split_table(
    table: Table, column: str, *, person: str = "", share: float = 0.5, seed: int = 0
) -> tuple[Table, Table]:
    """Split a table at random: stratified by the groups of ``column``, or with all images of a person on one side.

    Raises:
        OptionError: ``share``, that of the first part, is not between 0 and 1.
        DataError: a column is missing, or one part would be empty.
    """
    if not 0 < share < 1:
        raise OptionError(f"share: got {share}, expected between 0 and 1")
    order = np.random.default_rng(seed).permutation(len(table))
    groups = table.text(table.find(column, "--groups"))[order]
    if person:
        people = table.text(table.find(person, "--person"))[order]
        units = [name or f"row {row}" for row, name in zip(order, people)]
        own = list(dict.fromkeys(units))  # in random order
        first = order[np.isin(units, own[: round(share * len(own))])]
    else:
        each = [order[groups == name] for name in set(groups.tolist())]
        first = np.concatenate([rows[: round(share * len(rows))] for rows in each])
    rest = np.setdiff1d(order, first)
    if not len(first) or not len(rest):
        raise DataError(f"{table.name}: too few rows to hold some out: got {len(table)}", hint="Use more predictions.")
    return table.take(np.sort(first)), table.take(rest)


def thresholds_json(found: ThresholdsResult) -> str:
    """Everything as one JSON object; ``read_thresholds`` reads it."""
    return json.dumps({"kind": _KIND, **asdict(found)}, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def read_thresholds(path: Path) -> ThresholdsResult:
    """Read a file of ``thresholds_json``; DataError if it is missing or of another kind."""
    try:
        made = json.loads(path.read_text("utf-8"))
        if made.pop("kind") != _KIND:
            raise ValueError("it is of another kind")
        groups = []
        for group in made.pop("groups"):
            kept = {name: group[name] and HeldOut(**group[name]) for name in ("own", "common")}
            groups.append(GroupThreshold(**group | kept))
        for value in (made["common"], *(group.threshold for group in groups)):
            if value is not None and not 0 <= float(value) <= 1:
                raise ValueError(f"got a threshold of {value}")
        return ThresholdsResult(**made, groups=tuple(groups))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} cannot be read as thresholds: {error}", hint="Make it with 'mien audit thresholds ... --out FILE'."
        ) from error


def apply_thresholds(
    predictions: Predictions, thresholds: ThresholdsResult | Path | str | None, *, own: bool = False
) -> Predictions:
    """Only the images whose reading is kept by the thresholds, or their file; None keeps all. Notes tell shares by group.

    ``own`` uses each group's own threshold, which requires knowing the group, in place of the common one.

    Raises:
        OptionError: ``own`` without thresholds.
        DataError: there is no confidence or no such threshold, the groups are missing, or nothing is kept.
    """
    if thresholds is None:
        if own:
            raise OptionError(
                "--own-thresholds requires --thresholds FILE",
                hint="Make the file with 'mien audit thresholds ... --out FILE'.",
            )
        return predictions
    rule = thresholds if isinstance(thresholds, ThresholdsResult) else read_thresholds(Path(thresholds))
    confidence = _confidence_of(predictions)
    if own:
        if rule.column not in predictions.groups:
            raise DataError(
                f"thresholds by {rule.column!r} need that column",
                hint=f"Add --groups {rule.column}, or use the common one.",
            )
        by_group = {one.name: _NEVER if one.threshold is None else one.threshold for one in rule.groups}
        limits = np.array([by_group.get(str(cell), _NEVER) for cell in predictions.groups[rule.column]], np.float64)
    elif rule.common is None:
        raise DataError("the file holds no common threshold", hint="Lower --target, or use more data.")
    else:
        limits = np.full(len(predictions), rule.common)
    kept = _answered(predictions) & (np.nan_to_num(confidence, nan=-1.0) >= limits)
    if not kept.any():
        raise DataError("no reading reaches these thresholds", hint="Lower --target when fitting them.")
    share = f"{kept.sum():,} of {len(kept):,} ({kept.mean():.1%})"
    notes = [*predictions.notes, f"Only readings at or above the threshold are audited: {share}."]
    for name, cells in predictions.groups.items():
        shares = ", ".join(f"{group} {kept[cells == group].mean():.1%}" for group in sorted({*cells.tolist()} - {""}))
        notes.append(f"Kept by {name}: {shares}.")
    return replace(
        predictions,
        y_true=predictions.y_true[kept],
        y_pred=predictions.y_pred[kept],
        abstained=None,
        confidence=confidence[kept],
        detection_known=False,
        groups={name: cells[kept] for name, cells in predictions.groups.items()},
        notes=tuple(notes),
    )


def _confidence_of(predictions: Predictions) -> Floats:
    if predictions.confidence is None:
        raise DataError(
            "the table has no confidence: expected a column confidence, or one of probability for each emotion",
            hint="Name it with --confidence.",
        )
    return predictions.confidence


def _answered(predictions: Predictions) -> Bools:
    """Images with a face whose reading did not abstain."""
    found: Bools = predictions.y_pred >= 0
    return found if predictions.abstained is None else found & ~predictions.abstained


def _readings(predictions: Predictions, rows: Bools) -> Readings:
    used = rows & _answered(predictions)
    return Readings(_confidence_of(predictions)[used], predictions.y_pred[used] == predictions.y_true[used])


def _held_out(readings: Readings, threshold: float) -> HeldOut:
    kept = readings.confidence >= threshold
    n, right = int(kept.sum()), int(readings.right[kept].sum())
    return HeldOut(len(readings.right), n, right / n if n else None, wilson(right, n) if n else None)


def document(result: ThresholdsResult, title: str) -> doc.Document:
    """The report; ``title`` names what thresholds were fitted to."""
    metrics = doc.Metrics(
        (
            doc.Metric("Fitted to", f"{result.n_fit:,} images"),
            doc.Metric("Checked on", f"{result.n_held_out:,} others"),
            doc.Metric("Probability of the guarantees", percent(1 - result.risk), "for images drawn like these"),
        )
    )
    blocks: list[doc.Block] = [metrics, *(doc.Text(escape(note), doc.Tone.MUTED) for note in result.notes)]
    if result.common is not None:
        rows = [(group, f"{result.common:.2f}", group.common) for group in result.groups]
        blocks.append(doc.Section(f"Common threshold: {result.common:.2f} (recommended)", (_table(rows),)))
    rows = [(group, _threshold(group), group.own) for group in result.groups]
    blocks.append(doc.Section("Threshold per group", (_table(rows), doc.Text(_FOOTNOTE, doc.Tone.MUTED))))
    if result.missed:
        blocks.append(doc.Note(escape(f"Target missed on held-out images by {join(result.missed)}."), doc.Tone.BAD))
    return doc.Document(f"Confidence thresholds: {title}", tuple(blocks), escape(summary(result)))


def summary(result: ThresholdsResult) -> str:
    """The result in a sentence or two."""
    target = percent(result.target)
    small = [group.name for group in result.groups if group.status is ThresholdStatus.TOO_SMALL]
    left = f" No guarantee for {join(small)}: too few images." if small else ""
    if result.common is None:
        return f"No threshold guarantees {target} accuracy in every group by {result.column}.{left}"
    which = "every group that is large enough" if small else "every group"
    return f"Threshold {result.common:.2f} guarantees {target} accuracy in {which} by {result.column}.{left}"


def _table(rows: list[tuple[GroupThreshold, str, HeldOut | None]]) -> doc.Table:
    cells: list[tuple[doc.Cell, ...]] = []
    for group, threshold, kept in rows:
        held_out = (
            (percent(kept.n_kept / kept.n), estimate(kept.accuracy, kept.interval)) if kept and kept.n else (None, None)
        )
        cells.append((group.name, group.n, threshold, *held_out))
    names = ("Fitted to", "Threshold", "Kept", "Accuracy")
    return doc.Table((doc.Column("Group"), *(doc.Column(name, "right") for name in names)), tuple(cells))


def _threshold(group: GroupThreshold) -> str:
    if group.threshold is not None:
        return f"{group.threshold:.2f}"
    if group.status is ThresholdStatus.OUT_OF_REACH:
        return "out of reach"
    return f"too small: {group.n_needed} needed"
