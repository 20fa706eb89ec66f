"""An audit on a terminal: the answer first, then what it stands on."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from .power import LEVEL
from .values import Attribute, Audit, GroupScores
from .words import FEW, headline, lean, p_text, percent, points, span, verdict

#: More groups than these are counted, not listed: that is what --out is for.
MOST_GROUPS = 24
_STYLES = {"gap": "bold red", "none": "bold green", "small": "bold yellow"}


def shown(audit: Audit) -> Iterator[RenderableType]:
    """What to print, in order."""
    yield Text(headline(audit), style="bold")
    overall = audit.overall
    yield Text(
        f"{audit.n:,} pictures, accuracy {percent(overall.accuracy)} {span(overall.interval)}, "
        f"macro-F1 {overall.macro_f1 or 0:.3f}",
        style="dim",
    )
    for note in audit.notes:
        yield Text(f"Note: {note}", style="dim")
    for attribute in audit.attributes:
        said = verdict(attribute)
        yield Text()
        yield Text.assemble((f"By {attribute.name}", "bold underline"), "  ", (said.short, _STYLES[said.kind]))
        yield Text(said.text)
        yield _groups(attribute)
        yield _recalls(audit, attribute)
        if attribute.gaps:
            yield _gaps(attribute)
    yield Text()
    yield Text(
        f"95 % intervals: Wilson for accuracy, bootstrap for gaps. p: labels of groups permuted within each true emotion, "
        f"{audit.draws:,} times; Holm's correction over {audit.comparisons} comparisons. by chance: the gap that chance "
        "alone exceeds once in twenty times. to be seen: the least drop in accuracy that would show in four of five tries; "
        "more: photos lacking to see one of 10 points; fewest: pictures of the smallest group.",
        style="dim",
    )


def _groups(attribute: Attribute) -> Table:
    names = (
        "n",
        "accuracy",
        "95 %",
        "same mix",
        "macro-F1",
        "found",
        "abstained",
        "ECE",
        "sureness",
        "to be seen",
        "more",
    )
    rows = [_group(group) for group in attribute.groups[:MOST_GROUPS]]
    told = [place for place in range(len(names)) if any(str(row[place + 1]) != "-" for row in rows)]
    table = _table("group")
    for place in told:
        table.add_column(
            names[place], justify="left" if names[place] in ("95 %", "sureness") else "right", no_wrap=True
        )
    for row in rows:
        table.add_row(row[0], *(row[place + 1] for place in told))
    if len(attribute.groups) > MOST_GROUPS:
        table.add_row(Text(f"and {len(attribute.groups) - MOST_GROUPS} more: see --out", style="dim"))
    return table


def _group(group: GroupScores) -> list[str | Text]:
    return [
        Text(group.name),
        f"{group.n:,}",
        percent(group.accuracy),
        span(group.interval),
        percent(group.same_mix),
        "-" if group.macro_f1 is None else f"{group.macro_f1:.3f}",
        percent(group.found),
        percent(group.abstained),
        percent(group.ece),
        lean(group),
        points(group.smallest_gap).removesuffix(" points"),
        Text(f"+{group.more:,}" if group.more else "enough", style="yellow" if group.more else "dim"),
    ]


def _recalls(audit: Audit, attribute: Attribute) -> Table:
    table = _table("recall (n)")
    for emotion in audit.emotions:
        table.add_column(emotion, justify="right", no_wrap=True)
    for group in attribute.groups[:MOST_GROUPS]:
        cells = []
        for emotion in audit.emotions:
            share, n = group.recall[emotion], group.shown[emotion]
            cells.append(Text("-" if share is None else f"{100 * share:.0f} % ({n:,})", "dim" if n < FEW else ""))
        table.add_row(Text(group.name), *cells)
    return table


def _gaps(attribute: Attribute) -> Table:
    table = _table("gap in")
    for name in ("lowest", "", "highest", " "):
        table.add_column(name, justify="left" if name.strip() else "right", no_wrap=True)
    for name in ("points", "95 %", "by chance", "ratio", "fewest", "p", "corrected"):
        table.add_column(name, justify="left" if name == "95 %" else "right", no_wrap=True)
    for gap in attribute.gaps:
        what = gap.measure if gap.measure == gap.what else f"{gap.measure}: {gap.what}"
        low, high = (f"{100 * share:.1f}" for share in (gap.low, gap.high))
        table.add_row(
            what, Text(gap.lowest), low, Text(gap.highest), high,
            f"{100 * gap.difference:.1f}", span(gap.interval), f"{100 * gap.chance:.1f}",
            "-" if gap.ratio is None else f"{gap.ratio:.2f}", f"{gap.fewest:,}", p_text(gap.p), p_text(gap.p_corrected),
            style="bold" if gap.p_corrected < LEVEL else "",
        )  # fmt: skip
    return table


def _table(first: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True, overflow="ellipsis", min_width=12)
    return table
