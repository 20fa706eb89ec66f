"""Report of a comparison of two models: a document, its files (HTML, figure, CSV, JSON), and the result in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import report as doc
from ..io.atomic import write_all
from ..report import count, decimal, escape, estimate, interval, p_value, percent, points
from ..stats import LEVEL
from .compare import CompareAttribute, CompareResult, GapTrend, GroupChange
from .exports import MAX_GROUPS, audit_json, csv_bytes, group_remarks, interval_png, page

FILES = ("compare.html", "compare.png", "groups.csv", "gaps.csv", "compare.json")
_TITLES = {
    GapTrend.NARROWED: ("The gap narrowed", doc.Tone.GOOD),
    GapTrend.WIDENED: ("The gap widened", doc.Tone.BAD),
    GapTrend.INCONCLUSIVE: ("No significant change of the gap", doc.Tone.WARNING),
    GapTrend.NOT_COMPARED: ("Too few images to compare", doc.Tone.WARNING),
}


def document(result: CompareResult, title: str) -> doc.Document:
    """The report; ``title`` names what was compared."""
    overall = result.overall
    metrics = doc.Metrics(
        (
            doc.Metric("Images", count(result.n), "predicted by both models"),
            doc.Metric("Accuracy before", percent(overall.before), f"95% CI {interval(overall.before_interval)}"),
            doc.Metric("Accuracy after", percent(overall.after), f"95% CI {interval(overall.after_interval)}"),
        )
    )
    sections = [_section(result, one) for one in result.attributes]
    title = f"Model comparison by group: {title}"
    return page(title, summary(result), [metrics], result.notes, sections, _definitions(result))


def summary(result: CompareResult) -> str:
    """The result in two sentences."""
    gaps = [
        f"The gap by {one.name} {one.verdict.value} from {points(one.gap.before.gap)} to {points(one.gap.after.gap)} "
        f"({p_value(one.gap.p_corrected)})."
        for one in result.attributes
        if one.gap and one.verdict in (GapTrend.NARROWED, GapTrend.WIDENED)
    ]
    names = " or ".join(one.name for one in result.attributes)
    overall = result.overall
    change = "did not change significantly"
    if overall.p < LEVEL:
        change = "increased" if overall.difference > 0 else "decreased"
    return (
        f"{' '.join(gaps) or f'No significant change of the gap by {names}.'} Overall accuracy {change}: "
        f"{percent(overall.before)} before, {percent(overall.after)} after ({p_value(overall.p)})."
    )


def explanation(one: CompareAttribute) -> str:
    """Describe the changes of the gap and of the groups of one column, in sentences."""
    gap = one.gap
    if gap is None:
        return "Fewer than two groups have enough images to be compared."
    text = (
        f"The gap was {points(gap.before.gap)} ({gap.before.lowest} below {gap.before.highest}) and is "
        f"{points(gap.after.gap)} ({gap.after.lowest} below {gap.after.highest}): {points(gap.difference, signed=True)} "
        f"{interval(gap.interval)}, {p_value(gap.p_corrected)}."
    )
    changed = [group for group in one.groups if group.significant]
    for what, sign in (("increased", 1), ("decreased", -1)):
        groups = [group for group in changed if sign * group.difference > 0]
        named = ", ".join(f"{group.name} ({points(group.difference, signed=True)})" for group in groups)
        text += f" Accuracy {what} for {named}." if named else ""
    if not changed:
        text += " The change is not significant for any single group."
    if one.verdict is GapTrend.NARROWED and one.leveled_down:
        text += " It narrowed because the best group lost, not because another one gained."
    return text


def to_json(result: CompareResult) -> str:
    """Everything as one JSON object; shares are 0 to 1, and null is unknown."""
    return audit_json(result, explanation, summary=summary(result))


def write_report(result: CompareResult, folder: Path, title: str) -> list[Path]:
    """Write ``FILES`` into a folder, with errors as in ``fairness_report``; ``title`` names what was compared."""
    charts = [(one.name, _chart(result, one.groups)) for one in result.attributes]
    named = [("", result.overall), *((one.name, group) for one in result.attributes for group in one.groups)]
    contents = (
        document(result, title).to_html().encode(),
        interval_png(charts, "Change of accuracy", "change of accuracy, points, with 95% CI (colored: significant)"),
        csv_bytes(_group_row(attribute, group) for attribute, group in named),
        csv_bytes(_gap_row(one) for one in result.attributes),
        to_json(result).encode(),
    )
    return write_all(folder, dict(zip(FILES, contents, strict=True)))


def _section(result: CompareResult, one: CompareAttribute) -> doc.Section:
    blocks: list[doc.Block] = [doc.Text(escape(explanation(one)))]
    blocks += group_remarks(one, _chart(result, (*one.groups[:MAX_GROUPS], result.overall)))
    if one.gap:
        ends = (("before", one.gap.before), ("after", one.gap.after))
        rows: list[tuple[doc.Cell, ...]] = [
            (when, f"{points(end.gap)} {interval(end.interval)}", f"{end.lowest}, {end.highest}") for when, end in ends
        ]
        change = f"{points(one.gap.difference, signed=True)} {interval(one.gap.interval)}"
        rows.append(("change", doc.Toned(change) if one.gap.significant else change, p_value(one.gap.p_corrected)))
        columns = (doc.Column("Gap"), doc.Column("Points, 95% CI", "right"), doc.Column("Between"))
        blocks.append(doc.Table(columns, tuple(rows), "Largest gap"))
    blocks.append(doc.Details("All scores by group", (_table(one.groups[:MAX_GROUPS]),)))
    return doc.Section(f"By {one.name}", tuple(blocks), badge=doc.Toned(*_TITLES[one.verdict]))


def _chart(result: CompareResult, groups: Sequence[GroupChange]) -> doc.IntervalChart:
    rows = []
    for group in groups:
        note = f"{count(group.n, 'image')}: {percent(group.before)} → {percent(group.after)}"
        note += "" if group.compared else "; too few, not compared"
        change = f"{points(group.difference, signed=True)} {interval(group.interval)}"
        tone = doc.Tone.NEUTRAL if not group.significant else doc.Tone.GOOD if group.difference > 0 else doc.Tone.BAD
        rows.append(doc.Estimate(group.name, group.difference, *group.interval, change, note, tone))
    key = (
        "Dot and bar: the change in points, with its 95% CI. Colored: significant after correction for "
        f"{count(result.n_comparisons, 'group')}."
    )
    return doc.IntervalChart(tuple(rows), "Change of accuracy", key, 0.0)


def _table(groups: Sequence[GroupChange]) -> doc.Table:
    names = ("Images", "Before", "After", "Change", "95% CI", "Gained", "Lost", "p", "p corrected")
    rows = tuple(
        (
            doc.Toned(group.name) if group.significant else group.name, group.n,
            estimate(group.before, group.before_interval), estimate(group.after, group.after_interval),
            decimal(100 * group.difference, 1, signed=True), interval(group.interval), group.gained, group.lost,
            p_value(group.p), p_value(group.p_corrected) if group.compared else None,
        )
        for group in groups
    )  # fmt: skip
    return doc.Table((doc.Column("Group"), *(doc.Column(name, "right") for name in names)), rows)


def _definitions(result: CompareResult) -> dict[str, str]:
    return {
        "Paired images": "Both models predicted every image counted here. Gained: images that only the second model "
        "gets right; lost: images that only the first one does.",
        "p of a group": f"McNemar's exact test, Holm-corrected for {count(result.n_comparisons, 'group')}.",
        "p of the gap": f"Permutation test: the two predictions of each image are swapped at random {result.resamples:,} "
        "times. The gap is between the groups of highest and lowest accuracy, which may differ before and after.",
        "Intervals": f"95%: Wilson for accuracy; for changes and gaps {result.resamples:,} paired bootstrap "
        "resamples within each group. The gap is between the two most different groups, so with many groups it is "
        "overstated; p is not. Below 30 images such intervals are too narrow.",
        "Leveling down": "A gap also narrows when the best group loses. Look at the change of each group first.",
        "Limits": "Predictions are compared with the labels, which may be wrong. Do not use images that either model was "
        "trained or selected on. No significant change does not prove that there is no change.",
    }


def _group_row(attribute: str, group: GroupChange) -> dict[str, Any]:
    row = asdict(group)
    return {"attribute": attribute, "name": row.pop("name"), "difference_interval": row.pop("interval"), **row}


def _gap_row(one: CompareAttribute) -> dict[str, Any]:
    """The gap of one column; empty cells where there is none."""
    gap = one.gap
    row: dict[str, Any] = {"attribute": one.name}
    for when, end in (("before", gap and gap.before), ("after", gap and gap.after)):
        row |= {f"highest_{when}": end and end.highest, f"lowest_{when}": end and end.lowest, when: end and end.gap}
        row[f"{when}_interval"] = end and end.interval
    row |= {"difference": gap and gap.difference, "difference_interval": gap and gap.interval}
    return row | {"p": gap and gap.p, "p_corrected": gap and gap.p_corrected}
