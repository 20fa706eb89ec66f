"""Report of a fairness audit: a document, its files (HTML, figures, CSV, JSON), and the result in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .. import report as doc
from ..io.atomic import write_all
from ..report import count, escape, interval, join, p_value, percent, points
from ..stats import RELEVANT_GAP
from .exports import MAX_GROUPS, audit_json, csv_bytes, group_remarks, interval_png, page, shares_png
from .fairness import FairnessAttribute, FairnessResult, GroupScores
from .gaps import Gap, Measure, Rate, Verdict

FILES = ("report.html", "accuracy.png", "gaps.png", "groups.csv", "gaps.csv", "audit.json")
FILES_WITHOUT_LABELS = ("report.html", "shares.png", *FILES[2:])
CAUTION = (
    "Without labels, accuracy is unknown. Groups may really show different emotions, or be photographed differently: a "
    "difference in predictions does not show unfairness, and equal shares do not show equal accuracy."
)
_BADGES = {
    Verdict.DIFFERENCE: doc.Toned("Difference found", doc.Tone.BAD),
    Verdict.NO_DIFFERENCE: doc.Toned("No difference found", doc.Tone.GOOD),
    Verdict.INCONCLUSIVE: doc.Toned("Inconclusive", doc.Tone.WARNING),
}
#: With fewer images of an emotion, its recall is hardly known.
FEW = 30
_RELEVANT = points(RELEVANT_GAP, 0)
#: Share of all images from which on an emotion matters to a measure of all of them.
_COUNTS = 0.05
#: Gaps named in a sentence, and emotions that a narrow terminal shows.
_MOST_NAMED, _NARROW = 4, 3


def document(result: FairnessResult, title: str, shares: bytes | None = None) -> doc.Document:
    """The report; ``title`` names what was audited, ``shares`` is a figure of the shares of predictions, PNG."""
    blocks: list[doc.Block] = [] if result.has_labels else [doc.Note(CAUTION, doc.Tone.WARNING)]
    blocks.append(doc.Metrics(tuple(_metrics(result))))
    sections: list[doc.Block] = [_section(result, one) for one in result.attributes]
    if shares:
        sections.insert(0, doc.Figure(shares, "Shares of predictions by group", "In percent of the faces found."))
    title = f"{'Fairness' if result.has_labels else 'Parity'} audit: {title}"
    model = {"Model": "{name}, head {head}, sha256 {sha256}".format(**asdict(result.model))} if result.model else {}
    return page(title, summary(result), blocks, result.notes, sections, _definitions(result), model)


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
    """Describe the findings for one column of groups, in sentences."""
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
        return f"No difference in the share of any emotion; {seen} would be detected with 80% power."
    few = [gap.emotion for gap in one.gaps if gap.measure is Measure.RECALL and gap.min_n < FEW]
    return (
        f"No difference in standardized accuracy (a drop of {seen} would be detected with 80% power), nor in the recall of "
        f"any emotion{f', with few images of {join(few)}' if few else ''}.{_by_labels(one)}"
    )


def rate_name(rate: Rate | Gap) -> str:
    """Such as ``recall of happy``; also of the measure of a gap."""
    name = "share" if rate.measure is Measure.PREDICTION_SHARE else rate.measure.value.replace("_", " ")
    return f"{name} of {rate.emotion}" if rate.emotion else name


def to_json(result: FairnessResult, data: str = "") -> str:
    """Everything as one JSON object; shares are 0 to 1, and null is unknown. ``data`` names what was audited."""
    return audit_json(result, explanation, summary=summary(result), data=data)


def write_report(result: FairnessResult, folder: Path, title: str) -> list[Path]:
    """Write ``FILES``, or ``FILES_WITHOUT_LABELS``, into a folder; returns their paths. ``title``: what was audited.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: the folder cannot be written to.
    """
    if result.has_labels:
        charts = [(one.name, _accuracy_chart(result, one)) for one in result.attributes]
        axis = "accuracy, %, with 95% CI (dashed: all; hollow: too few images)"
        shares, first = None, interval_png(charts, "Accuracy by group", axis)
    else:
        columns = [(one.name, [_shares(group) for group in one.groups if group.n_found]) for one in result.attributes]
        shares = first = shares_png(columns, "Predictions by group")
    gaps = [(one.name, _gap_chart(result, one)) for one in result.attributes]
    axis = "gap, points, with 95% CI (gray: 95% of gaps by chance; red: significant)"
    contents = (
        document(result, title, shares).to_html().encode(),
        first,
        interval_png(gaps, "Gaps between groups", axis),
        csv_bytes(_group_row(one.name, group) for one in result.attributes for group in one.groups),
        csv_bytes(_gap_row(one.name, gap) for one in result.attributes for gap in one.gaps),
        to_json(result, title).encode(),
    )
    return write_all(folder, dict(zip(FILES if result.has_labels else FILES_WITHOUT_LABELS, contents)))


def _group_row(attribute: str, group: GroupScores) -> dict[str, Any]:
    row = asdict(group)
    shares, ends = row.pop("prediction_share"), row.pop("prediction_interval")
    row |= {f"share_{emotion}": share for emotion, share in shares.items()}
    row |= {f"share_{emotion}_interval": ends[emotion] for emotion in shares}
    return {"attribute": attribute, "accuracy_interval": row.pop("interval"), **row}


def _gap_row(attribute: str, gap: Gap) -> dict[str, Any]:
    row = asdict(gap)
    row |= {"rate": rate_name(gap.rate), "most_significant_rate": rate_name(gap.most_significant_rate)}
    row["most_significant_higher"], row["most_significant_lower"] = row.pop("most_significant_pair")
    return {"attribute": attribute, "difference_interval": row.pop("interval"), **row}


def _metrics(result: FairnessResult) -> Iterator[doc.Metric]:
    overall = result.overall
    yield doc.Metric("Images", count(result.n))
    if overall.accuracy is not None:
        yield doc.Metric("Accuracy", percent(overall.accuracy), f"95% CI {interval(overall.interval)}")
        yield doc.Metric("Macro-F1", f"{overall.macro_f1 or 0:.3f}")
    if overall.detection_rate is not None:
        yield doc.Metric("Faces found", percent(overall.detection_rate))
    if overall.abstention_rate is not None:
        yield doc.Metric("Abstained", percent(overall.abstention_rate), "of the faces found")


def _section(result: FairnessResult, one: FairnessAttribute) -> doc.Section:
    labeled = result.has_labels
    blocks: list[doc.Block] = [doc.Text(escape(explanation(one)))]
    left = [] if one.label_distribution is None else [e for e in result.emotions if e not in one.label_distribution]
    if left and one.label_distribution:
        kept = f"{join(list(one.label_distribution))}: not all compared groups show {join(left, 'or')}."
        blocks.append(doc.Text(f"Standardized accuracy covers {kept}", doc.Tone.MUTED))
    blocks += group_remarks(one, _accuracy_chart(result, one) if labeled else _shares_table(result, one))
    if one.gaps:
        blocks.append(_gap_chart(result, one))
    blocks.append(doc.Details("All scores by group", (_scores_table(result, one),)))
    if labeled:
        blocks.append(doc.Details("Recall of each emotion", (_recall_table(result, one),)))
    badge = _BADGES[one.verdict]
    if one.verdict is Verdict.DIFFERENCE and not labeled:  # no alarm
        badge = replace(badge, tone=doc.Tone.WARNING)
    return doc.Section(f"By {one.name}", tuple(blocks), badge=badge)


def _accuracy_chart(result: FairnessResult, one: FairnessAttribute) -> doc.IntervalChart:
    rows = []
    for group in one.groups[:MAX_GROUPS]:
        low, high = group.interval or (None, None)
        note = count(group.n, "image") + size_note(group)
        text = f"{percent(group.accuracy)} {interval(group.interval)}"
        rows.append(doc.Estimate(group.name, group.accuracy, low, high, text, note, hollow=group.n_needed > 0))
    key = "Dot: accuracy; bar: its 95% CI; dashed: all images; hollow: too few images to detect a gap of 10 points."
    return doc.IntervalChart(tuple(rows), "Accuracy by group", key, result.overall.accuracy)


def _gap_chart(result: FairnessResult, one: FairnessAttribute) -> doc.IntervalChart:
    rows = []
    for gap in one.gaps:
        rate = f"{rate_name(gap.rate)}: " if gap.measure is Measure.EQUALIZED_ODDS else ""
        few = f"; {count(gap.min_n, 'image')} at least" if gap.min_n < FEW else ""
        ratio = "" if gap.ratio is None else f"; ratio {gap.ratio:.2f}"
        p = "" if gap.p_corrected is None else f", {p_value(gap.p_corrected)}"
        rows.append(
            doc.Estimate(
                rate_name(gap), gap.difference, *gap.interval, f"{points(gap.difference)} {interval(gap.interval)}{p}",
                f"{rate}{gap.lowest} {percent(gap.low)}, {gap.highest} {percent(gap.high)}{ratio}{few}"
                f"{most_significant(gap)}",
                doc.Tone.BAD if gap.significant else doc.Tone.NEUTRAL, chance=gap.null_gap,
            )
        )  # fmt: skip
    key = (
        "Dot and bar: the gap in points, with its 95% CI; gray: 95% of gaps by chance; red: significant after correction "
        f"for {count(result.n_comparisons, 'comparison')}."
    )
    return doc.IntervalChart(tuple(rows), "Gaps between groups", key)


def _shares(group: GroupScores) -> tuple[str, int, dict[str, float]]:
    return group.name, group.n_found, {name: share or 0.0 for name, share in group.prediction_share.items()}


def _shares_table(result: FairnessResult, one: FairnessAttribute) -> doc.Table:
    most = sorted(result.emotions, key=lambda emotion: -result.overall.predicted[emotion])[:_NARROW]
    columns = [doc.Column("Group"), doc.Column("Faces", "right")]
    columns += [doc.Column(emotion, "right", optional=emotion not in most) for emotion in result.emotions]
    columns.append(doc.Column("Sample size", optional=True))
    rows: list[tuple[doc.Cell, ...]] = []
    for group in one.groups[:MAX_GROUPS]:
        shares = map(percent, group.prediction_share.values())
        rows.append((group.name, group.n_found, *shares, size_note(group)[2:] or "large enough"))
    return doc.Table(tuple(columns), tuple(rows), "Shares of predictions by group")


def _scores_table(result: FairnessResult, one: FairnessAttribute) -> doc.Table:
    """All scores that are known, a row per group."""
    made = []
    for group in one.groups[:MAX_GROUPS]:
        row: dict[str, Any] = {"Group": group.name, "Images": group.n}
        if result.has_labels:
            row["Accuracy"] = f"{percent(group.accuracy)} {interval(group.interval)}"
            row["Standardized"] = percent(group.standardized_accuracy)
            row["Macro-F1"] = None if group.macro_f1 is None else f"{group.macro_f1:.3f}"
        else:
            for emotion, share in group.prediction_share.items():
                row[emotion] = f"{percent(share)} {interval(group.prediction_interval[emotion])}"
        if result.overall.detection_rate is not None:
            row["Detected"] = f"{percent(group.detection_rate)} {interval(group.detection_interval)}"
        if result.overall.abstention_rate is not None:
            row["Abstained"] = f"{percent(group.abstention_rate)} {interval(group.abstention_interval)}"
        if result.overall.ece is not None:
            row |= {"ECE": percent(group.ece), "Calibration": _calibration(group)}
        row["Detectable gap"] = points(group.minimum_detectable_gap)
        row["Images needed"] = group.n_needed or "none"
        made.append(row)
    columns = tuple(doc.Column(name, "left" if name in ("Group", "Calibration") else "right") for name in made[0])
    return doc.Table(columns, tuple(tuple(row.values()) for row in made))


def _recall_table(result: FairnessResult, one: FairnessAttribute) -> doc.Table:
    rows: list[tuple[str | doc.Toned, ...]] = []
    for group in one.groups[:MAX_GROUPS]:
        cells = [(f"{percent(group.recall[name])} (n = {n:,})", n < FEW) for name, n in group.support.items()]
        rows.append((group.name, *(doc.Toned(text, doc.Tone.MUTED) if few else text for text, few in cells)))
    columns = (doc.Column("Group"), *(doc.Column(emotion, "right") for emotion in result.emotions))
    return doc.Table(columns, tuple(rows), f"Gray: fewer than {FEW} images")


def _definitions(result: FairnessResult) -> dict[str, str]:
    made = {
        "Labels": "Correct means as labeled. Labels are people's judgments of expressions, not of feelings. A bias "
        "that labels and predictions share cannot be detected, and group labels may be wrong too.",
        "Standardized accuracy": "Accuracy if every group had shown the same labels: those of all images, over the "
        "emotions that every compared group shows. Groups often show different emotions, and some are harder.",
        "Equalized odds": "The largest gap in recall (true positive rate) or false positive rate of any emotion.",
    }
    if not result.has_labels:
        made = {
            "No finding of unfairness": "A group may be predicted happy more often because predictions are wrong, "
            "because people smile more in its images, or because its images were selected differently. Only labels "
            "distinguish these: label some images of each group and audit them. An expression is not a feeling.",
            "Detection and abstention": "These depend less on expressions. If every image shows a face, a lower "
            "detection rate disadvantages a group.",
        }
    within = "within each true emotion" if result.has_labels else "among all images"
    plain = " Plain accuracy is not tested, because it depends on the labels shown." if result.has_labels else ""
    drop = "drop in accuracy below" if result.has_labels else "difference, at shares around one half, from"
    return made | {
        "Null gap and p": "The best and the worst of several groups differ even if all are treated alike. Group "
        f"labels are permuted {result.resamples:,} times {within}. Chance exceeds the null gap once in twenty times. "
        "p is the share of permutations in which some pair of groups differs as much, in units of its standard "
        f"deviation; Holm-corrected for {count(result.n_comparisons, 'comparison')}, at least {result.min_p:.2g}. It "
        f"assumes independent images, which those of one person are not.{plain}",
        "Intervals": f"95%: Wilson for shares; for gaps {result.resamples:,} bootstrap resamples within each group, "
        "or both Wilson intervals (Newcombe) with fewer than ten images of a kind. The gap is between the two "
        "most different groups, so with many groups it is overstated; p is not.",
        "Detectable gap and images needed": "No significant difference does not prove equality. The detectable gap "
        f"is the smallest {drop} all other groups that is detected with 80% power, two-sided at 5%, in a single "
        f"comparison. Images needed: how many more detect 10 points. Groups with fewer than {result.min_group_size} "
        "images are not compared.",
        "Calibration and ECE": "Mean confidence minus accuracy, if its 95% interval excludes 0; and the expected "
        "calibration error in up to 15 equal-mass bins. ECE is larger in small groups: compare only groups "
        "of similar size.",
    }


def _calibration(group: GroupScores) -> str | None:
    """Whether readings are over- or underconfident, in points."""
    if group.overconfidence is None or group.overconfidence_interval is None:
        return None
    low, high = group.overconfidence_interval
    if low <= 0 <= high:
        return "calibrated"
    return f"{'over' if low > 0 else 'under'}confident by {points(abs(group.overconfidence))}"


def size_note(group: GroupScores) -> str:
    """Describe the limits of a small group; empty if it is large enough."""
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
    """That plain accuracy differs although standardized accuracy does not, where it does."""
    gaps = {gap.measure: gap for gap in one.gaps}
    gap, standardized = gaps.get(Measure.ACCURACY), gaps.get(Measure.STANDARDIZED_ACCURACY)
    if gap is None or gap.interval[0] <= 0:
        return ""
    same_mix = ""
    if standardized:
        same_mix = f"; for the same mix of emotions the gap is {points(standardized.difference)} and not significant"
    below = f"{points(gap.difference)} {interval(gap.interval)} below {gap.highest}"
    return f" By {one.name}, the accuracy of {gap.lowest} is {below}{same_mix}."


def _short(one: FairnessAttribute) -> str:
    if one.label_distribution is None:
        return f"up to {points(max(gap.difference for gap in one.significant_gaps))}"
    gap = one.significant_gaps[0]
    return f"{rate_name(gap)}: {points(gap.difference)} between {gap.highest} and {gap.lowest}{_rests_on(one, gap)}"


def _rests_on(one: FairnessAttribute, gap: Gap) -> str:
    """What a gap rests on, where a group has few images of an emotion that counts in it."""
    total: Counter[str] = Counter()
    for group in one.groups:
        total.update(group.support)
    wanted = [gap.emotion] if gap.emotion else [e for e, n in total.items() if n >= _COUNTS * total.total()]
    sizes = [
        (group.support[emotion], emotion, group.name)
        for group in one.groups
        for emotion in wanted
        if group.name in (gap.highest, gap.lowest) and group.support.get(emotion)
    ]
    if not sizes or min(sizes)[0] >= FEW:
        return ""
    n, emotion, name = min(sizes)
    return f", which rests on {count(n, 'image')} of {emotion} in {name}"


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
