"""Thresholds on a terminal: what to do first, then what stands behind it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..fairness.words import percent, span
from .values import GroupThreshold, Kept, Thresholds


def shown(found: Thresholds) -> Iterator[RenderableType]:
    """What to print, in order."""
    yield Text(headline(found), style="bold")
    yield Text(
        f"Fitted to {found.fitted:,} images, checked on {found.held:,} others. Promises hold with a probability "
        f"of {percent(1 - found.risk)}, for images that come as these came.",
        style="dim",
    )
    for note in found.notes:
        yield Text(f"Note: {note}", style="dim")
    if found.common is not None:
        yield Text()
        yield Text(f"One threshold for everyone: {found.common:.2f} (recommended)", style="bold underline")
        yield _table([(group, f"{found.common:.2f}", group.common) for group in found.groups])
    yield Text()
    yield Text("Each group's own", style="bold underline")
    yield _table([(group, _own(group), group.own) for group in found.groups])
    missed = [group for group in found.groups if _missed(group.common, found) or _missed(group.own, found)]
    if missed:
        yield Text()
        yield Text(
            f"Missed on the images held back by {', '.join(group.name for group in missed)}: do not trust these.",
            style="bold red",
        )
    yield Text()
    yield Text(
        "relied on, right: of the images held back, with the 95 % interval. A group's own threshold takes knowing "
        "the group of whoever is read, and to treat people by it may be unlawful; the common one needs no such thing.",
        style="dim",
    )


def headline(found: Thresholds) -> str:
    """What to do, in a sentence or two."""
    target = percent(found.target)
    small = [group.name for group in found.groups if group.why == "too small"]
    left = f" Nothing can be promised to {', '.join(small)}: too few images." if small else ""
    if found.common is None:
        return f"No threshold can be promised at which {target} are right in every group by {found.column}.{left}"
    who = "every group large enough" if small else "every group"
    return (
        f"Rely on readings of {found.common:.2f} and more: {target} of them are right in {who} by {found.column}.{left}"
    )


def _table(rows: list[tuple[GroupThreshold, str, Kept | None]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("group", overflow="fold", min_width=8)
    for name in ("fitted to", "threshold", "relied on", "right"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("95 %", no_wrap=True)
    for group, threshold, kept in rows:
        table.add_row(Text(group.name), f"{group.n:,}", threshold, *_kept(kept))
    return table


def _own(group: GroupThreshold) -> str:
    if group.threshold is not None:
        return f"{group.threshold:.2f}"
    return f"{group.why}: {group.needed} needed" if group.why == "too small" else group.why


def _kept(kept: Kept | None) -> tuple[str, str, str]:
    if kept is None or not kept.n:
        return "-", "-", ""
    return percent(kept.relied_on / kept.n), percent(kept.accuracy), span(kept.interval)


def _missed(kept: Kept | None, found: Thresholds) -> bool:
    """More surely than chance: even the upper end of the interval is below the target."""
    return kept is not None and kept.interval is not None and kept.interval[1] < found.target
