"""A comparison on a terminal: the answer first, then what it stands on."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..fairness.power import LEVEL
from ..fairness.words import span
from .values import Change, GroupChange
from .words import details, headline, p_cell, verdict

_STYLES = {"gap": "bold red", "none": "bold green", "small": "bold yellow"}


def shown(change: Change, width: int) -> Iterator[RenderableType]:
    """What to print, in order; a console of fewer than 100 columns gets fewer figures."""
    yield Text(headline(change), style="bold")
    yield Text(f"{change.n:,} images, each read by both models", style="dim")
    for note in change.notes:
        yield Text(f"Note: {note}", style="dim")
    for one in change.attributes:
        kind, short = verdict(one)
        yield Text()
        yield Text.assemble((f"By {one.name}", "bold underline"), "  ", (short, _STYLES[kind]))
        yield Text(details(one))
        yield Text()
        yield _groups(one.groups, wide=width >= 100)
    yield Text()
    yield Text(
        f"Accuracy in percent, change in points, with 95 % intervals (paired bootstrap, {change.draws:,} draws). gained, "
        "lost: images that only the second, only the first model gets right. p: McNemar's exact test, corrected after "
        f"Holm for {change.comparisons} groups; of the gap: answers of both models swapped at random.",
        style="dim",
    )


def _groups(groups: tuple[GroupChange, ...], *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("group", overflow="fold", min_width=8)
    for name in ("n", "before", "after", "change", "95 %", *(("gained", "lost") if wide else ()), "p"):
        table.add_column(name, justify="left" if name == "95 %" else "right", no_wrap=True)
    for group in groups:
        sure = group.compared and group.p_corrected < LEVEL
        table.add_row(
            Text(group.name),
            f"{group.n:,}",
            f"{100 * group.before:.1f}",
            f"{100 * group.after:.1f}",
            f"{100 * group.difference:+.1f}",
            span(group.interval),
            *((f"{group.gained:,}", f"{group.lost:,}") if wide else ()),
            p_cell(group.p_corrected) if group.compared else "-",
            style="bold" if sure else "" if group.compared else "dim",
        )
    return table
