"""A fairness audit in sentences."""

from __future__ import annotations

from ..report import interval, join, p_value, percent, points
from ..stats import RELEVANT_GAP
from .fairness import FairnessAttribute, FairnessResult, GroupScores
from .gaps import Gap, Measure, Rate, Verdict

#: With fewer images of an emotion, its recall is hardly known.
FEW = 30
_RELEVANT = points(RELEVANT_GAP, 0)
_MOST_NAMED = 4


def summary(result: FairnessResult) -> str:
    """The result in one sentence."""
    verdicts = [(one, one.verdict) for one in result.attributes]
    unclear = [one.name for one, verdict in verdicts if verdict is Verdict.INCONCLUSIVE]
    different = [f"{one.name} ({_short(one)})" for one, verdict in verdicts if verdict is Verdict.DIFFERENCE]
    unknown = "" if result.has_labels else " Their accuracy is unknown."
    if different:
        rest = f"; inconclusive by {join(unclear)}: too few images" if unclear else ""
        return f"{'Performance differs' if result.has_labels else 'Predictions differ'} by {join(different)}{rest}.{unknown}"
    if unclear:
        return f"Inconclusive: no significant difference, but too few images by {join(unclear)}."
    names = join([one.name for one in result.attributes])
    if not result.has_labels:
        return f"No difference found in predictions by {names}.{unknown}"
    mixes = "".join(_by_labels(one) for one in result.attributes)
    return f"No difference found by {names} in standardized accuracy, with enough images to detect {_RELEVANT}.{mixes}"


def explanation(one: FairnessAttribute) -> str:
    """What was found for one column of groups, in sentences."""
    small, labeled = one.small_groups, one.label_distribution is not None
    if one.verdict is Verdict.DIFFERENCE:
        first, *others = one.significant_gaps
        text = f"{_sentence(first)}."
        if others:
            named = [f"{rate_name(gap)} ({points(gap.difference)})" for gap in others]
            text += f" Also different: {join(named, most=_MOST_NAMED)}."
        if not labeled and any(gap.measure is Measure.DETECTION_RATE for gap in one.significant_gaps):
            text += " If every image shows a face, a lower detection rate disadvantages a group."
        return f"{text} {_how_many(one).capitalize()} too small to say more." if small else text
    if not one.gaps:
        return "Fewer than two groups have enough images to be compared."
    if one.label_distribution == {}:
        return "No significant difference, but the groups share no emotion, so their accuracies cannot be compared."
    if small:
        worst = max(small, key=lambda group: group.n_needed)
        gap = worst.minimum_detectable_gap
        seen = "no gap at all" if gap is None else f"only a gap of at least {points(gap)}"
        return (
            f"No significant difference, but {_how_many(one)} too small to detect a gap of {_RELEVANT}. For {worst.name} "
            f"(n = {worst.n:,}) {seen} would be detected."
        )
    seen = points(max((group.minimum_detectable_gap or 0.0 for group in one.groups if group.compared), default=0.0))
    if not labeled:
        return f"No difference in the share of any emotion, where one of {seen} is detected with 80% power."
    few = [gap.emotion for gap in one.gaps if gap.measure is Measure.RECALL and gap.min_n < FEW]
    return (
        f"No difference in standardized accuracy, where a drop of {seen} is detected with 80% power, nor in the "
        "recall of any "
        f"emotion{f', with few images of {join(few)}' if few else ''}.{_by_labels(one)}"
    )


def rate_name(rate: Rate | Gap) -> str:
    """Such as ``recall of happy``; also of the measure of a gap."""
    name = "share" if rate.measure is Measure.PREDICTION_SHARE else rate.measure.value.replace("_", " ")
    return f"{name} of {rate.emotion}" if rate.emotion else name


def size_note(group: GroupScores) -> str:
    """What a group is too small for; empty if it is large enough."""
    compared = "" if group.compared else "; not compared"
    if not group.n_needed:
        return compared
    gap = group.minimum_detectable_gap
    seen = f"detects only gaps of {points(gap)}" if gap else "detects no gap"
    return f"; too small: {seen}; {group.n_needed:,} more images needed to detect {_RELEVANT}{compared}"


def most_significant(gap: Gap) -> str:
    """The most significant pair where it is not the largest difference; else empty."""
    if not gap.other_pair_significant:
        return ""
    rate = f"{rate_name(gap.most_significant_rate)}: " if gap.measure is Measure.EQUALIZED_ODDS else ""
    return f"; most significant: {rate}{' over '.join(gap.most_significant_pair)}"


def _by_labels(one: FairnessAttribute) -> str:
    """That plain accuracy differs nevertheless, where it does."""
    gap = next((gap for gap in one.gaps if gap.measure is Measure.ACCURACY), None)
    if gap is None or gap.interval[0] <= 0:
        return ""
    return (
        f" By {one.name}, the accuracy of {gap.lowest} is {points(gap.difference)} {interval(gap.interval)} below "
        f"{gap.highest} because different emotions are shown."
    )


def _short(one: FairnessAttribute) -> str:
    if one.label_distribution is None:
        return f"up to {points(max(gap.difference for gap in one.significant_gaps))}"
    gap = one.significant_gaps[0]
    return f"{rate_name(gap)}: {points(gap.difference)} between {gap.highest} and {gap.lowest}"


def _sentence(gap: Gap) -> str:
    what = f"{rate_name(gap.rate).capitalize()} is"
    if gap.measure is Measure.EQUALIZED_ODDS:
        what = f"Recall or false positive rates differ; the largest difference is in {rate_name(gap.rate)},"
    return (
        f"{what} {percent(gap.high)} for {gap.highest} and {percent(gap.low)} for {gap.lowest}: {points(gap.difference)} "
        f"{interval(gap.interval)}, {p_value(gap.p_corrected)} (Holm){most_significant(gap)}"
    )


def _how_many(one: FairnessAttribute) -> str:
    some, total = len(one.small_groups), len(one.groups)
    return f"all {total} groups are" if some == total else f"{some} of {total} groups {'is' if some == 1 else 'are'}"
