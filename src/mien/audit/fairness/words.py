"""What an audit found, in sentences that claim no more than it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .power import WORTH_SEEING
from .values import Attribute, Audit, Gap, GroupScores, Interval

Kind = Literal["gap", "none", "small"]
_ODDS = "equalised odds"
#: What a reader looks for first.
_SAME_MIX = "accuracy, same mix"
_FIRST = (_SAME_MIX, "accuracy")
_MOST_NAMED = 4
_WORTH = f"{100 * WORTH_SEEING:.0f} points"
#: With fewer images of an emotion, hardly anything can be said of its recall.
FEW = 30


@dataclass(frozen=True)
class Verdict:
    """What can be said of one column of groups.

    Attributes:
        kind: ``gap``: a difference was found; ``none``: none, and one of 10 points would have been; ``small``: none was
            found, but some groups are too small to tell.
        short: in a few words.
        text: in sentences.
    """

    kind: Kind
    short: str
    text: str


def verdict(attribute: Attribute) -> Verdict:
    """What can be said of one column of groups."""
    sure = significant(attribute.gaps)
    small = too_small(attribute)
    total = len(attribute.groups)
    if sure:
        first, *others = sure
        text = f"{_told(first)}."
        named = [f"{gap.measure} ({points(gap.difference)})" for gap in others]
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        text += f" Also different: {', '.join(named[:_MOST_NAMED])}{more}." if named else ""
        text += f" {how_many(len(small), total)} too small to tell more." if small else ""
        return Verdict("gap", "A difference was found", text)
    if not attribute.gaps:
        return Verdict("small", "Nothing can be concluded", "Fewer than two groups have images enough to be compared.")
    if not attribute.mix:
        return Verdict(
            "small",
            "Nothing can be concluded",
            "No difference was found, which means little: there is no emotion that all groups show, so how often they are "
            "read right cannot be compared.",
        )
    if small:
        return Verdict(
            "small",
            "Too few images to tell",
            f"No difference was found, which means little: {how_many(len(small), total)} too small to show a gap of "
            f"{_WORTH}. {_blind(small)}",
        )
    few = [
        gap.measure.removeprefix("recall of ") for gap in attribute.gaps if "recall" in gap.measure and gap.fewest < FEW
    ]
    seen = max((group.smallest_gap or 0.0 for group in attribute.groups if group.compared), default=0.0)
    return Verdict(
        "none",
        "No difference was found",
        f"Not in accuracy at the same mix of emotions, where a drop by {points(seen)} would have been seen in four of five "
        f"tries; nor in the recall of any emotion"
        f"{f', but there are hardly any images of {joined(few)} to tell by' if few else ''}.{_by_mix(attribute)}",
    )


def headline(audit: Audit) -> str:
    """The answer, in a sentence."""
    kinds = {attribute.name: verdict(attribute).kind for attribute in audit.attributes}
    unequal = [
        f"{attribute.name} ({_first(significant(attribute.gaps)[0])})"
        for attribute in audit.attributes
        if kinds[attribute.name] == "gap"
    ]
    unclear = [name for name, kind in kinds.items() if kind == "small"]
    if unequal:
        rest = f"; by {joined(unclear)} there are too few images to tell" if unclear else ""
        return f"It does not work equally well for everyone: there are differences by {joined(unequal)}{rest}."
    if unclear:
        return (
            f"Nobody can say yet: no difference was found, but by {joined(unclear)} there are too few images to tell."
        )
    enough = f"with images enough to see one of {_WORTH} in accuracy"
    mixes = "".join(_by_mix(attribute) for attribute in audit.attributes)
    return f"No difference was found by {joined(list(kinds))} at the same mix of emotions, {enough}.{mixes}"


def _by_mix(attribute: Attribute) -> str:
    """That plain accuracy differs all the same, where it does."""
    plain = next((gap for gap in attribute.gaps if gap.measure == "accuracy"), None)
    if plain is None or plain.interval[0] <= 0:
        return ""
    return (
        f" By {attribute.name}, {plain.lowest} is right {points(plain.difference)} {span(plain.interval)} less often than "
        f"{plain.highest} all the same, for the emotions shown differ."
    )


def significant(gaps: Sequence[Gap]) -> list[Gap]:
    """Gaps that chance hardly explains: accuracy first, then those whose interval leaves 0 out, then the largest.

    Equalised odds only where no recall says it more exactly: their p-value tells that some rate stands out, but the one that
    lies furthest apart may be another, of few images.
    """
    sure = [gap for gap in gaps if gap.sure]
    exact = any(gap.measure.startswith("recall") for gap in sure)
    kept = [gap for gap in sure if not (exact and gap.measure == _ODDS)]

    def rank(gap: Gap) -> tuple[int, bool, float]:
        return _FIRST.index(gap.measure) if gap.measure in _FIRST else 9, gap.interval[0] <= 0, -gap.difference

    return sorted(kept, key=rank)


def _first(gap: Gap) -> str:
    """The gap that is named in the answer."""
    return f"{gap.measure}: {points(gap.difference)} between {gap.highest} and {gap.lowest}"


def narrow_mix(attribute: Attribute, emotions: Sequence[str]) -> str:
    """What accuracy at the same mix leaves out; empty where all groups show all emotions."""
    left = [name for name in emotions if name not in attribute.mix]
    if not left or not attribute.mix:
        return ""
    mix = joined(list(attribute.mix))
    return f"The same mix stands on {mix}: not all groups that are compared show {' or '.join(left)}."


def too_small(attribute: Attribute) -> list[GroupScores]:
    """Groups that would not show a gap of 10 points in four of five tries."""
    return [group for group in attribute.groups if group.more > 0]


def needs(group: GroupScores) -> str:
    """What a group is too small for; empty where it is large enough."""
    if not group.more:
        return ""
    seen = f"only a gap of {points(group.smallest_gap)} would show" if group.smallest_gap else "no gap would show"
    return f"too small: {seen}; {group.more:,} more photos needed to see {_WORTH}"


def percent(share: float | None) -> str:
    """``62.3 %``; a dash where it cannot be told."""
    return "-" if share is None else f"{100 * share:.1f} %"


def points(difference: float | None) -> str:
    """``11.1 points`` of a hundred."""
    return "-" if difference is None else f"{100 * difference:.1f} points"


def span(interval: Interval | None) -> str:
    """``[60.1, 64.4]``, in percent; empty where there is none."""
    return "" if interval is None else f"[{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"


def p_text(p: float | None) -> str:
    """``0.0124``, ``0.43``; a dash for what is not tested."""
    if p is None:
        return "-"
    return f"{p:.4f}" if p < 0.1 else f"{p:.2f}"


def lean(group: GroupScores) -> str:
    """Whether a group's readings are surer than right, in points; ``as sure as right`` where the interval says nothing."""
    if group.overconfidence is None or group.overconfidence_interval is None:
        return "-"
    low, high = group.overconfidence_interval
    if low <= 0 <= high:
        return "as sure as right"
    return f"{'over' if low > 0 else 'under'}confident by {points(abs(group.overconfidence))}"


def _told(gap: Gap) -> str:
    names = {
        "accuracy, same mix": "Accuracy at the same mix of emotions is",
        "faces found": "The share of faces found is",
    }
    what = names.get(gap.what, f"{gap.what[0].upper()}{gap.what[1:]} is")
    if gap.measure == _ODDS:
        what = f"Some group stands out in recall or false alarms; furthest apart lies the {gap.what},"
    return (
        f"{what} {percent(gap.high)} for {gap.highest} and {percent(gap.low)} for {gap.lowest}: "
        f"{points(gap.difference)} {span(gap.interval)}, p = {p_text(gap.p_corrected)} after Holm's correction{surer(gap)}"
    )


def surer(gap: Gap) -> str:
    """Who stands out, where it is not the two groups that lie furthest apart; else empty."""
    return f"; what chance explains least is {gap.surest}" if gap.others_surer else ""


def how_many(some: int, total: int) -> str:
    """``2 of 5 groups are``."""
    if some == total:
        return f"all {total} groups are"
    return f"{some} of {total} groups {'is' if some == 1 else 'are'}"


def _blind(small: Sequence[GroupScores]) -> str:
    worst = max(small, key=lambda group: group.more)
    if worst.smallest_gap is None:
        return f"For {worst.name} ({worst.n:,}) not even a group that is always wrong would have stood out."
    return f"For {worst.name} ({worst.n:,}) only a gap of {points(worst.smallest_gap)} or more would have been seen."


def joined(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
