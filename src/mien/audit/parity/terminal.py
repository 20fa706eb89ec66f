"""An audit without right answers on a terminal: the answer first, then what it stands on."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..fairness.terminal import MOST_GROUPS, STYLES, WIDE, gaps_table, number, plain_table
from .values import Parity, ParityAttribute, Share
from .words import CAUTION, headline, verdict

#: A narrower terminal shows the emotions that are predicted most.
_NARROW = 3


def shown(found: Parity, width: int) -> Iterator[RenderableType]:
    """What to print, in order; a console of fewer than 116 columns gets fewer figures."""
    wide = width >= WIDE
    yield Text(headline(found), style="bold")
    yield Text(CAUTION)
    faces = f", faces found in {number(found.overall.found.value)} %" if found.overall.found else ""
    yield Text(f"{found.n:,} images{faces}, no right answers", style="dim")
    for note in found.notes:
        yield Text(f"Note: {note}", style="dim")
    for attribute in found.attributes:
        said = verdict(attribute)
        style = STYLES["small" if said.kind == "gap" else said.kind]  # a question is no alarm
        yield Text()
        yield Text.assemble((f"By {attribute.name}", "bold underline"), "  ", (said.short, style))
        yield Text(said.text)
        yield Text()
        yield _groups(found, attribute, wide=wide)
        if attribute.gaps:
            yield Text()
            yield gaps_table(attribute.gaps, wide=wide)
    yield Text()
    yield Text(_legend(found, wide=wide), style="dim")


def _groups(found: Parity, attribute: ParityAttribute, *, wide: bool) -> Table:
    most = sorted(found.emotions, key=lambda emotion: -found.overall.said[emotion])[:_NARROW]
    emotions = [emotion for emotion in found.emotions if wide or emotion in most]
    table = plain_table("group")
    has_found = wide and found.overall.found is not None
    has_abstained = wide and found.overall.abstained is not None
    told = ["n", *emotions, *(["found"] if has_found else []), *(["abstained"] if has_abstained else []), "seen"]
    for name in (*told, "lacking"):
        table.add_column(name, justify="right", no_wrap=True)
    for group in attribute.groups[:MOST_GROUPS]:
        table.add_row(
            Text(group.name),
            f"{group.n:,}",
            *(_share(group.shares[emotion]) for emotion in emotions),
            *([_share(group.found)] if has_found else []),
            *([_share(group.abstained)] if has_abstained else []),
            number(group.smallest_gap),
            Text(f"{group.more:,}" if group.more else "none", style="yellow" if group.more else "dim"),
            style="" if group.compared else "dim",
        )
    if len(attribute.groups) > MOST_GROUPS:
        table.add_row(Text(f"and {len(attribute.groups) - MOST_GROUPS} more: see --out", style="dim"))
    return table


def _share(share: Share | None) -> str:
    return number(share.value if share else None)


def _legend(found: Parity, *, wide: bool) -> str:
    said = (
        "In percent and points: of the faces found, how many were read as showing each emotion. Gaps with 95 % intervals "
        f"(bootstrap). p: labels of groups permuted among all images, {found.draws:,} times, corrected after Holm for "
        f"{found.comparisons} comparisons. seen: the difference that would show in four of five tries, at shares around one "
        "half; lacking: photos it takes to see one of 10 points."
    )
    if not wide:
        return f"{said} A wider terminal, --out and --json show more."
    return (
        f"{said} chance: the gap that chance alone exceeds once in twenty times. fewest: images of the smallest group."
    )
