"""An audit on a terminal: the answer first, then what it stands on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from .values import Attribute, Audit, Gap, GroupScores
from .words import FEW, headline, narrow_mix, p_text, percent, span, verdict

#: More groups than these are counted, not listed: that is what --out is for.
MOST_GROUPS = 24
#: A narrower terminal shows the columns ``_NARROW`` only.
WIDE = 116
_NARROW = ("n", "accuracy", "95 %", "seen", "lacking")
STYLES = {"gap": "bold red", "none": "bold green", "small": "bold yellow"}


def shown(audit: Audit, width: int) -> Iterator[RenderableType]:
    """What to print, in order; a console of fewer than 116 columns gets fewer figures."""
    wide = width >= WIDE
    yield Text(headline(audit), style="bold")
    overall = audit.overall
    yield Text(
        f"{audit.n:,} images, accuracy {percent(overall.accuracy)} {span(overall.interval)}, "
        f"macro-F1 {overall.macro_f1 or 0:.3f}",
        style="dim",
    )
    for note in audit.notes:
        yield Text(f"Note: {note}", style="dim")
    for attribute in audit.attributes:
        said = verdict(attribute)
        yield Text()
        yield Text.assemble((f"By {attribute.name}", "bold underline"), "  ", (said.short, STYLES[said.kind]))
        yield Text(said.text)
        if left := narrow_mix(attribute, audit.emotions):
            yield Text(left, style="dim")
        yield Text()
        yield _groups(attribute, wide=wide)
        if wide:
            yield Text()
            yield _recalls(audit, attribute)
        if attribute.gaps:
            yield Text()
            yield gaps_table(attribute.gaps, wide=wide)
    yield Text()
    yield Text(_legend(audit, wide=wide), style="dim")


def _tested(audit: Audit) -> str:
    if not audit.comparisons:
        return ""
    return (
        f"p: labels of groups permuted within each true emotion, {audit.draws:,} times, corrected after Holm for "
        f"{audit.comparisons} comparison{'' if audit.comparisons == 1 else 's'}: never below {p_text(audit.least_p)}. "
    )


def _legend(audit: Audit, *, wide: bool) -> str:
    said = (
        "In percent and points, with 95 % intervals: Wilson for accuracy, bootstrap (of few, Newcombe) for gaps. "
        f"{_tested(audit)}seen: the least drop in accuracy that would show in four of five tries; lacking: photos it takes "
        "to see one of 10 points."
    )
    if not wide:
        return f"{said} A wider terminal, --out and --json show more."
    return (
        f"{said} same mix: accuracy, had all groups shown the same mix of emotions. sureness: confidence less accuracy. "
        "chance: the gap that chance alone exceeds once in twenty times. fewest: images of the smallest group."
    )


def _groups(attribute: Attribute, *, wide: bool) -> Table:
    rows = [_group(group) for group in attribute.groups[:MOST_GROUPS]]
    table = plain_table("group")
    told = [name for name in rows[0] if (wide or name in _NARROW) and any(str(row[name]) != "-" for row in rows)]
    for name in told:
        table.add_column(name, justify="left" if name == "95 %" else "right", no_wrap=True)
    for group, row in zip(attribute.groups, rows):
        table.add_row(Text(group.name), *(row[name] for name in told), style="" if group.compared else "dim")
    if len(attribute.groups) > MOST_GROUPS:
        table.add_row(Text(f"and {len(attribute.groups) - MOST_GROUPS} more: see --out", style="dim"))
    return table


def _group(group: GroupScores) -> dict[str, str | Text]:
    return {
        "n": f"{group.n:,}",
        "accuracy": number(group.accuracy),
        "95 %": span(group.interval),
        "same mix": number(group.same_mix),
        "macro-F1": "-" if group.macro_f1 is None else f"{group.macro_f1:.3f}",
        "found": number(group.found),
        "abstained": number(group.abstained),
        "ECE": number(group.ece),
        "sureness": "-" if group.overconfidence is None else f"{100 * group.overconfidence:+.1f}",
        "seen": number(group.smallest_gap),
        "lacking": Text(f"{group.more:,}" if group.more else "none", style="yellow" if group.more else "dim"),
    }


def number(share: float | None) -> str:
    """``62.3``, in percent; a dash where it cannot be told."""
    return "-" if share is None else f"{100 * share:.1f}"


def _recalls(audit: Audit, attribute: Attribute) -> Table:
    table = plain_table("recall (images)")
    for emotion in audit.emotions:
        table.add_column(emotion, justify="right", no_wrap=True)
    for group in attribute.groups[:MOST_GROUPS]:
        cells = []
        for emotion in audit.emotions:
            share, n = group.recall[emotion], group.shown[emotion]
            cells.append(Text("-" if share is None else f"{100 * share:.0f} ({n:,})", "dim" if n < FEW else ""))
        table.add_row(Text(group.name), *cells)
    return table


def gaps_table(gaps: Sequence[Gap], *, wide: bool) -> Table:
    """The gaps of one column of groups, a row each; bold where chance hardly explains them."""
    table = plain_table("gap in")
    table.add_column("lowest", overflow="fold")
    table.add_column("highest", overflow="fold")
    for name in ("points", "95 %", *(("chance", "ratio", "fewest") if wide else ()), "p"):
        table.add_column(name, justify="left" if name == "95 %" else "right", no_wrap=True)
    for gap in gaps:
        what = gap.measure if gap.measure == gap.what or not wide else f"{gap.measure}: {gap.what}"
        ratio = "-" if gap.ratio is None else f"{gap.ratio:.2f}"
        table.add_row(
            Text(what),
            Text(f"{gap.lowest} {number(gap.low)}"),
            Text(f"{gap.highest} {number(gap.high)}"),
            number(gap.difference),
            span(gap.interval),
            *((number(gap.chance), ratio, f"{gap.fewest:,}") if wide else ()),
            p_text(gap.p_corrected),
            style="bold" if gap.sure else "",
        )
    return table


def plain_table(first: str) -> Table:
    """A table without lines whose first column is named ``first``."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, overflow="fold", min_width=10)
    return table
