"""Thresholds on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from .formatting import add_columns, notes_of, percent, plain_table, span
from .thresholds import GroupThreshold, HeldOut, ThresholdsResult, ThresholdStatus

_STATUS = {ThresholdStatus.TOO_SMALL: "too small", ThresholdStatus.OUT_OF_REACH: "out of reach"}


def summary(result: ThresholdsResult) -> str:
    """The result in a sentence or two."""
    target = percent(result.target)
    small = [group.name for group in result.groups if group.status is ThresholdStatus.TOO_SMALL]
    left = f" No guarantee for {', '.join(small)}: too few images." if small else ""
    if result.common is None:
        return f"No threshold guarantees {target} accuracy in every group by {result.column}.{left}"
    which = "every group that is large enough" if small else "every group"
    return f"Threshold {result.common:.2f} guarantees {target} accuracy in {which} by {result.column}.{left}"


def terminal(result: ThresholdsResult) -> Iterator[RenderableType]:
    """What to print, in order."""
    yield Text(summary(result), style="bold")
    yield Text(
        f"Fitted to {result.n_fit:,} images, checked on {result.n_held_out:,} others. Guarantees hold with probability "
        f"{percent(1 - result.risk)}, for images drawn like these.",
        style="dim",
    )
    yield from notes_of(result.notes)
    if result.common is not None:
        yield Text()
        yield Text(f"Common threshold: {result.common:.2f} (recommended)", style="bold underline")
        yield _table([(group, f"{result.common:.2f}", group.common) for group in result.groups])
    yield Text()
    yield Text("Threshold per group", style="bold underline")
    yield _table([(group, _threshold(group), group.own) for group in result.groups])
    if result.missed:
        yield Text()
        yield Text(f"Target missed on held-out images by {', '.join(result.missed)}.", style="bold red")
    yield Text()
    yield Text(
        "kept, accuracy: on held-out images, with 95% CI. A threshold per group requires knowing the group of each person, "
        "and treating people by it may be unlawful; the common threshold does not.",
        style="dim",
    )


def _table(rows: list[tuple[GroupThreshold, str, HeldOut | None]]) -> Table:
    table = plain_table("group")
    add_columns(table, ["fitted to", "threshold", "kept", "accuracy", "95% CI"])
    for group, threshold, kept in rows:
        cells = ("-", "-", "")
        if kept is not None and kept.n:
            cells = (percent(kept.n_kept / kept.n), percent(kept.accuracy), span(kept.interval))
        table.add_row(Text(group.name), f"{group.n:,}", threshold, *cells)
    return table


def _threshold(group: GroupThreshold) -> str:
    if group.threshold is not None:
        return f"{group.threshold:.2f}"
    needed = f": {group.n_needed} needed" if group.status is ThresholdStatus.TOO_SMALL else ""
    return f"{_STATUS[group.status]}{needed}"
