"""What an audit without right answers found, in sentences that claim no more than it shows."""

from __future__ import annotations

from collections.abc import Sequence

from ..fairness.power import WORTH_SEEING
from ..fairness.values import Gap
from ..fairness.words import Verdict, how_many, joined, p_text, percent, points, span, surer
from .values import GroupShares, Parity, ParityAttribute

_MOST_NAMED = 4
_WORTH = f"{100 * WORTH_SEEING:.0f} points"
_FOUND = "faces found"
#: Stands wherever results do.
CAUTION = (
    "There are no right answers here, so nobody can say for whom the readings are right. Groups of a data set may really "
    "look happier, or be photographed otherwise: a difference in what is predicted is a question, and not a finding. Nor do "
    "equal shares show that all are read equally well."
)


def verdict(attribute: ParityAttribute) -> Verdict:
    """What can be said of one column of groups."""
    sure = significant(attribute.gaps)
    small = [group for group in attribute.groups if group.more > 0]
    few = f"{how_many(len(small), len(attribute.groups))} too small to"
    if sure:
        first, *others = sure
        named = [f"{gap.measure} ({points(gap.difference)})" for gap in others]
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        text = f"{_told(first)}."
        text += f" Also different: {', '.join(named[:_MOST_NAMED])}{more}." if named else ""
        if any(gap.measure == _FOUND for gap in sure):
            text += " Where every image shows a face, fewer faces found mean that a group is served worse."
        text += f" {few} tell more." if small else ""
        return Verdict("gap", "Groups differ: ask why", text)
    if not attribute.gaps:
        return Verdict("small", "Nothing can be concluded", "Fewer than two groups have images enough to be compared.")
    if small:
        text = f"No difference was found, which means little: {few} show one of {_WORTH}. {_blind(small)}"
        return Verdict("small", "Too few images to tell", text)
    seen = max((group.smallest_gap or 0.0 for group in attribute.groups if group.compared), default=0.0)
    text = f"Not in the share of any emotion, where one of {points(seen)} would have been seen in four of five tries."
    return Verdict("none", "No difference was found", text)


def headline(found: Parity) -> str:
    """The answer, in a sentence."""
    kinds = {attribute.name: verdict(attribute).kind for attribute in found.attributes}
    differing = [
        f"{attribute.name} (up to {points(max(gap.difference for gap in significant(attribute.gaps)))})"
        for attribute in found.attributes
        if kinds[attribute.name] == "gap"
    ]
    unclear = [name for name, kind in kinds.items() if kind == "small"]
    if differing:
        rest = f"; by {joined(unclear)} there are too few images to tell" if unclear else ""
        return (
            f"Groups get different readings, by {joined(differing)}{rest}. Whether rightly so, nothing here can tell."
        )
    if unclear:
        return (
            f"Nobody can say yet: no difference was found, but by {joined(unclear)} there are too few images to tell."
        )
    by = joined(list(kinds))
    return f"No difference was found in what is predicted, by {by}. Whether it is right, nothing here can tell."


def significant(gaps: Sequence[Gap]) -> list[Gap]:
    """Gaps that chance hardly explains, faces found first, then the largest."""
    sure = [gap for gap in gaps if gap.sure]
    return sorted(sure, key=lambda gap: (gap.measure != _FOUND, -gap.difference))


def needs(group: GroupShares) -> str:
    """What a group is too small for; empty where it is large enough."""
    if not group.more:
        return ""
    seen = f"only a difference of {points(group.smallest_gap)} would show" if group.smallest_gap else "none would show"
    return f"too small: {seen}; {group.more:,} more photos needed to see {_WORTH}"


def _told(gap: Gap) -> str:
    emotion = gap.measure.removeprefix("share of ")
    what = {_FOUND: "A face is found in", "abstention": "Readings abstain in"}.get(
        gap.measure, f"{emotion.capitalize()} is read in"
    )
    return (
        f"{what} {percent(gap.high)} for {gap.highest} and {percent(gap.low)} for {gap.lowest}: {points(gap.difference)} "
        f"{span(gap.interval)}, p = {p_text(gap.p_corrected)} after Holm's correction{surer(gap)}"
    )


def _blind(small: Sequence[GroupShares]) -> str:
    worst = max(small, key=lambda group: group.more)
    if worst.smallest_gap is None:
        return f"For {worst.name} ({worst.n:,}) hardly any difference would have stood out."
    return (
        f"For {worst.name} ({worst.n:,}) only one of {points(worst.smallest_gap)} or more would surely have been seen."
    )
