"""Report of confidence thresholds."""

from __future__ import annotations

from .. import report as doc
from ..report import escape, estimate, join, percent
from .thresholds import GroupThreshold, HeldOut, ThresholdsResult, ThresholdStatus

_FOOTNOTE = (
    "Kept, accuracy: on held-out images, with 95% CI. A threshold per group requires knowing the group of each person, and "
    "treating people by it may be unlawful; the common threshold does not."
)


def document(result: ThresholdsResult, title: str) -> doc.Document:
    """The report; ``title`` says what thresholds were fitted to."""
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
    cells = []
    for group, threshold, kept in rows:
        share = percent(kept.n_kept / kept.n) if kept and kept.n else None
        accuracy = estimate(kept.accuracy, kept.interval) if kept and kept.n else None
        cells.append((group.name, group.n, threshold, share, accuracy))
    names = ("Fitted to", "Threshold", "Kept", "Accuracy")
    return doc.Table((doc.Column("Group"), *(doc.Column(name, "right") for name in names)), tuple(cells))


def _threshold(group: GroupThreshold) -> str:
    if group.threshold is not None:
        return f"{group.threshold:.2f}"
    if group.status is ThresholdStatus.OUT_OF_REACH:
        return "out of reach"
    return f"too small: {group.n_needed} needed"
