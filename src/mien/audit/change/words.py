"""What a comparison found, in sentences that claim no more than it shows."""

from __future__ import annotations

from typing import Literal

from ..fairness.power import LEVEL
from ..fairness.words import p_text, percent, points, span
from .values import Change, Changed, GapChange, GroupChange

Kind = Literal["none", "gap", "small"]
_LEAST_P = 0.0001


def headline(change: Change) -> str:
    """The answer in a sentence or two."""
    told = [_gap_told(one) for one in change.attributes if one.gap and _told_apart(one.gap)]
    gaps = "; ".join(told) + "." if told else _unchanged(change)
    return f"{gaps[0].upper()}{gaps[1:]} {_overall(change.overall)}"


def verdict(one: Changed) -> tuple[Kind, str]:
    """What can be said of the gap of one column, in a few words. ``none`` is good news, ``gap`` bad news."""
    if one.gap is None:
        return "small", "Too few images to compare"
    if not _told_apart(one.gap):
        return "small", "No change of the gap can be told"
    return ("none", "The gap shrank") if one.gap.difference < 0 else ("gap", "The gap grew")


def details(one: Changed) -> str:
    """What became of the gap and of the groups of one column, in sentences."""
    if one.gap is None:
        return "Fewer than two groups have images enough to be compared."
    gap = one.gap
    text = (
        f"The gap was {points(gap.before.gap)} ({gap.before.lowest} below {gap.before.highest}) and is "
        f"{points(gap.after.gap)} ({gap.after.lowest} below {gap.after.highest}): {_by(gap.difference)} "
        f"{span(gap.interval)}, {p_words(gap.p_corrected)}."
    )
    sure = [group for group in one.groups if group.compared and group.p_corrected < LEVEL]
    for words, groups in (
        ("Read better than before: ", [group for group in sure if group.difference > 0]),
        ("Read worse than before: ", [group for group in sure if group.difference < 0]),
    ):
        if groups:
            text += f" {words}{', '.join(f'{group.name} ({_by(group.difference)})' for group in groups)}."
    if not sure:
        text += " For no group alone is the change more than chance explains."
    if _told_apart(gap) and gap.difference < 0 and levelled_down(one):
        text += " It shrank because groups that were read well lost, not because others gained: nobody is better off."
    return text


def _told_apart(gap: GapChange) -> bool:
    """The change is more than chance explains, and its interval leaves 0 out: the two may part where groups are small."""
    low, high = gap.interval
    return gap.p_corrected < LEVEL and not low <= 0 <= high


def levelled_down(one: Changed) -> bool:
    """The gap shrank although no group was found to gain, and the one read best before is read worse."""
    if one.gap is None:
        return False
    best = next(group for group in one.groups if group.name == one.gap.before.highest)
    worst = next(group for group in one.groups if group.name == one.gap.before.lowest)
    return best.difference < 0 and worst.difference <= 0


def p_words(p: float) -> str:
    """``p = 0.0124``, ``p < 0.0001``."""
    return f"p {'' if p < _LEAST_P else '= '}{p_cell(p)}"


def p_cell(p: float) -> str:
    """``0.0124``, ``< 0.0001``."""
    return f"< {_LEAST_P:.4f}" if p < _LEAST_P else p_text(p)


def _gap_told(one: Changed) -> str:
    gap = one.gap
    if gap is None:
        return ""
    went = "shrank" if gap.difference < 0 else "grew"
    return (
        f"the gap by {one.name} {went} from {points(gap.before.gap)} to {points(gap.after.gap)} "
        f"({p_words(gap.p_corrected)})"
    )


def _unchanged(change: Change) -> str:
    names = [one.name for one in change.attributes]
    return f"no change of the gap by {' or '.join(names)} can be told from chance."


def _overall(overall: GroupChange) -> str:
    sure = overall.p < LEVEL
    went = ("rose" if overall.difference > 0 else "fell") if sure else "did not change by more than chance"
    return (
        f"Over all images accuracy {went}: {percent(overall.before)} before, {percent(overall.after)} after "
        f"({p_words(overall.p)})."
    )


def _by(difference: float) -> str:
    return f"{100 * difference:+.1f} points"
