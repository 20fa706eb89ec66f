"""A fairness audit for readers: sentences, terminal, JSON, CSV, figures and an HTML page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..io.atomic import write_all
from ..stats import LEVEL
from .fairness import FairnessAttribute, FairnessResult, GroupScores
from .figures import gaps_figure, png, rows_figure
from .formatting import (
    FEW,
    MAX_GROUPS,
    RELEVANT,
    STYLES,
    TITLES,
    WIDE,
    add_columns,
    also_different,
    csv_bytes,
    gaps_csv,
    gaps_table,
    how_many,
    interval_cells,
    joined,
    most_significant,
    notes_of,
    number,
    p_text,
    percent,
    plain_table,
    points,
    rate_name,
    span,
)
from .gaps import Gap, Verdict
from .page import MAX_GROUPS as PAGE_GROUPS
from .page import Mark, Scale, gap_mark, render
from .rates import Measure

FILES = ("report.html", "accuracy.png", "gaps.png", "groups.csv", "gaps.csv", "audit.json")
#: What a narrow terminal shows.
_NARROW = ("n", "accuracy", "95% CI", "MDG", "needed")


def summary(result: FairnessResult) -> str:
    """The result in one sentence."""
    unequal = [
        f"{one.name} ({_short(one.significant_gaps[0])})"
        for one in result.attributes
        if one.verdict is Verdict.DIFFERENCE
    ]
    unclear = [one.name for one in result.attributes if one.verdict is Verdict.INCONCLUSIVE]
    if unequal:
        rest = f"; inconclusive by {joined(unclear)}: too few images" if unclear else ""
        return f"Performance differs by {joined(unequal)}{rest}."
    if unclear:
        return f"Inconclusive: no significant difference, but too few images by {joined(unclear)}."
    names = joined([one.name for one in result.attributes])
    mixes = "".join(_by_labels(one) for one in result.attributes)
    return f"No difference found by {names} in standardized accuracy, with enough images to detect {RELEVANT}.{mixes}"


def explanation(one: FairnessAttribute) -> str:
    """What was found for one column of groups, in sentences."""
    small, total = one.small_groups, len(one.groups)
    if one.verdict is Verdict.DIFFERENCE:
        first, *others = one.significant_gaps
        rest = f" {_capital(how_many(len(small), total))} too small to say more." if small else ""
        return f"{_sentence(first)}.{also_different(others)}{rest}"
    if not one.gaps:
        return "Fewer than two groups have enough images to be compared."
    if not one.label_distribution:
        return "No significant difference, but the groups share no emotion, so their accuracies cannot be compared."
    if small:
        worst = max(small, key=lambda group: group.n_needed)
        shown = (
            "not even a group that is always wrong would be detected"
            if worst.minimum_detectable_gap is None
            else f"only a gap of at least {points(worst.minimum_detectable_gap)} would be detected"
        )
        return (
            f"No significant difference, but {how_many(len(small), total)} too small to detect a gap of {RELEVANT}. For "
            f"{worst.name} (n = {worst.n:,}) {shown}."
        )
    few = [gap.emotion for gap in one.gaps if gap.measure is Measure.RECALL and gap.min_n < FEW]
    seen = max((group.minimum_detectable_gap or 0.0 for group in one.groups if group.compared), default=0.0)
    but = f", with few images of {joined(few)}" if few else ""
    return (
        f"No difference in standardized accuracy, where a drop of {points(seen)} is detected with 80% power, nor in the "
        f"recall of any emotion{but}.{_by_labels(one)}"
    )


def distribution_note(one: FairnessAttribute, emotions: tuple[str, ...]) -> str:
    """What standardized accuracy leaves out; empty where all groups show all emotions."""
    left = [name for name in emotions if name not in one.label_distribution]
    if not left or not one.label_distribution:
        return ""
    kept = joined(list(one.label_distribution))
    return f"Standardized accuracy covers {kept}: not all compared groups show {' or '.join(left)}."


def size_note(group: GroupScores) -> str:
    """What a group is too small for; empty if it is large enough."""
    if not group.n_needed:
        return ""
    gap = group.minimum_detectable_gap
    seen = f"detects only gaps of {points(gap)}" if gap else "detects no gap"
    return f"too small: {seen}; {group.n_needed:,} more images needed to detect {RELEVANT}"


def calibration_note(group: GroupScores) -> str:
    """Whether readings are over- or underconfident, in points."""
    if group.overconfidence is None or group.overconfidence_interval is None:
        return "-"
    low, high = group.overconfidence_interval
    if low <= 0 <= high:
        return "calibrated"
    return f"{'over' if low > 0 else 'under'}confident by {points(abs(group.overconfidence))}"


def terminal(result: FairnessResult, width: int) -> Iterator[RenderableType]:
    """What to print, in order; a console of fewer than 116 columns gets fewer figures."""
    wide, overall = width >= WIDE, result.overall
    yield Text(summary(result), style="bold")
    yield Text(
        f"{result.n:,} images, accuracy {percent(overall.accuracy)} {span(overall.interval)}, "
        f"macro-F1 {overall.macro_f1 or 0:.3f}",
        style="dim",
    )
    yield from notes_of(result.notes)
    for one in result.attributes:
        yield Text()
        yield Text.assemble((f"By {one.name}", "bold underline"), "  ", (TITLES[one.verdict], STYLES[one.verdict]))
        yield Text(explanation(one))
        if note := distribution_note(one, result.emotions):
            yield Text(note, style="dim")
        yield Text()
        yield _groups_table(one, wide=wide)
        if wide:
            yield Text()
            yield _recall_table(result, one)
        if one.gaps:
            yield Text()
            yield gaps_table(one.gaps, wide=wide)
    yield Text()
    yield Text(_legend(result, wide=wide), style="dim")


def to_json(result: FairnessResult, data: str = "") -> str:
    """Everything as one JSON object; shares are 0 to 1, and null is unknown.

    Args:
        result: the audit.
        data: name of what was audited.
    """
    made: dict[str, Any] = {"summary": summary(result), "data": data, **asdict(result)}
    for one, own in zip(result.attributes, made["attributes"]):
        own |= {"verdict": one.verdict, "explanation": explanation(one)}
    return json.dumps(made, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def write_report(result: FairnessResult, folder: Path, title: str) -> list[Path]:
    """Write ``FILES`` into a folder; returns their paths.

    Args:
        result: the audit.
        folder: created if missing.
        title: what was audited.

    Raises:
        MissingExtraError: matplotlib or Jinja2 is not installed.
        OutputError: the folder cannot be written to.
    """
    gaps = [(one.name, one.gaps) for one in result.attributes]
    named = [(name, [gap for gap in some if gap.measure is not Measure.EQUALIZED_ODDS]) for name, some in gaps]
    return write_all(
        folder,
        {
            "report.html": page(result, title),
            "accuracy.png": accuracy_figure(result),
            "gaps.png": gaps_figure(named, "Gaps between groups"),
            "groups.csv": _groups_csv(result),
            "gaps.csv": gaps_csv(gaps),
            "audit.json": to_json(result, title).encode(),
        },
    )


def accuracy_figure(result: FairnessResult) -> bytes:
    """A forest plot, PNG: each group's accuracy with its 95% interval; hollow where the group is too small."""
    figure, axes, rows = rows_figure(
        [(one.name, [group for group in one.groups if group.accuracy is not None]) for one in result.attributes]
    )
    for at, group in rows:
        low, high = group.interval or (0.0, 1.0)
        color = "#2b6ca3"
        axes.plot([100 * low, 100 * high], [at, at], color=color, linewidth=2.2, solid_capstyle="round", zorder=2)
        fill = "white" if group.n_needed else color
        axes.plot(100 * group.accuracy, at, "o", markersize=7, markeredgecolor=color, markerfacecolor=fill, zorder=3)
        axes.annotate(
            f"{100 * group.accuracy:.1f}   n = {group.n:,}", (1.0, at), xycoords=("axes fraction", "data"),
            xytext=(8, 0), textcoords="offset points", va="center", color="#5d6474", fontsize=8,
        )  # fmt: skip
    if result.overall.accuracy is not None:
        axes.axvline(100 * result.overall.accuracy, color="#9aa1ad", linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.set_xlabel("accuracy, %, with 95% CI (dashed: all images; hollow: too few images)")
    return png(figure, "Accuracy by group")


@dataclass(frozen=True)
class _Section:
    """A column of groups as the page shows it."""

    key: str
    attribute: FairnessAttribute
    verdict: str
    title: str
    text: str
    note: str
    groups: tuple[tuple[GroupScores, Mark | None], ...]
    more_groups: int
    gaps: tuple[tuple[Gap, Mark], ...]
    gap_scale: Scale


def page(result: FairnessResult, title: str) -> bytes:
    """The HTML page, UTF-8; ``title`` says what was audited."""
    shown = [result.overall, *(group for one in result.attributes for group in one.groups)]
    scale = Scale.around([end for group in shown for end in group.interval or ()])
    sections = []
    for place, one in enumerate(result.attributes, 1):
        along = Scale.of_gaps(one.gaps)
        kept = one.groups[:PAGE_GROUPS]
        sections.append(
            _Section(
                f"by-{place}",
                one,
                one.verdict.value,
                TITLES[one.verdict],
                explanation(one),
                distribution_note(one, result.emotions),
                tuple((group, _mark(group, scale)) for group in kept),
                len(one.groups) - len(kept),
                tuple((gap, gap_mark(gap, along)) for gap in one.gaps),
                along,
            )
        )
    return render(
        "fairness.html.j2", result=result, title=title, summary=summary(result), sections=sections, scale=scale,
        overall_at=scale.place(result.overall.accuracy or 0.0), level=LEVEL, few=FEW, percent=percent, points=points,
        span=span, p_text=p_text, rate_name=rate_name, most_significant=most_significant, size_note=size_note,
        calibration_note=calibration_note,
    )  # fmt: skip


def _mark(group: GroupScores, scale: Scale) -> Mark | None:
    if group.accuracy is None or group.interval is None:
        return None
    low, high = group.interval
    return Mark(scale.place(low), scale.place(group.accuracy), scale.place(high))


def _groups_table(one: FairnessAttribute, *, wide: bool) -> Table:
    rows = [_group_row(group) for group in one.groups[:MAX_GROUPS]]
    table = plain_table("group")
    kept = [name for name in rows[0] if (wide or name in _NARROW) and any(str(row[name]) != "-" for row in rows)]
    add_columns(table, kept)
    for group, row in zip(one.groups, rows):
        table.add_row(Text(group.name), *(row[name] for name in kept), style="" if group.compared else "dim")
    if len(one.groups) > MAX_GROUPS:
        table.add_row(Text(f"and {len(one.groups) - MAX_GROUPS} more: see --out", style="dim"))
    return table


def _group_row(group: GroupScores) -> dict[str, str | Text]:
    return {
        "n": f"{group.n:,}",
        "accuracy": number(group.accuracy),
        "95% CI": span(group.interval),
        "standardized": number(group.standardized_accuracy),
        "macro-F1": "-" if group.macro_f1 is None else f"{group.macro_f1:.3f}",
        "detected": number(group.detection_rate),
        "abstained": number(group.abstention_rate),
        "ECE": number(group.ece),
        "overconf.": "-" if group.overconfidence is None else f"{100 * group.overconfidence:+.1f}",
        "MDG": number(group.minimum_detectable_gap),
        "needed": Text(f"{group.n_needed:,}" if group.n_needed else "none", "yellow" if group.n_needed else "dim"),
    }


def _recall_table(result: FairnessResult, one: FairnessAttribute) -> Table:
    table = plain_table("recall (n)")
    add_columns(table, result.emotions)
    for group in one.groups[:MAX_GROUPS]:
        cells = []
        for emotion in result.emotions:
            share, n = group.recall[emotion], group.support[emotion]
            cells.append(Text("-" if share is None else f"{100 * share:.0f} ({n:,})", "dim" if n < FEW else ""))
        table.add_row(Text(group.name), *cells)
    return table


def _legend(result: FairnessResult, *, wide: bool) -> str:
    tested = ""
    if result.n_comparisons:
        tested = (
            f"p: group labels permuted within each true emotion {result.resamples:,} times, Holm-corrected for "
            f"{result.n_comparisons} comparisons, at least {p_text(result.min_p)}. "
        )
    text = (
        "Percent and points with 95% CI: Wilson for accuracy, bootstrap (Newcombe with few errors) for gaps. "
        f"{tested}MDG: minimum detectable gap in accuracy at 80% power. needed: additional images to detect {RELEVANT}."
    )
    if not wide:
        return f"{text} A wider terminal, --out and --json show more."
    return (
        f"{text} standardized: accuracy at a common distribution of labels. overconf.: confidence minus accuracy. "
        "null: the gap that chance exceeds once in twenty times. min n: images of the smallest group."
    )


def _groups_csv(result: FairnessResult) -> bytes:
    """A row per group; an interval becomes two columns, recall and support one per emotion."""
    rows = []
    for one in result.attributes:
        for group in one.groups:
            row: dict[str, Any] = {"attribute": one.name}
            for name, value in asdict(group).items():
                if name.endswith("interval"):
                    row |= interval_cells("accuracy" if name == "interval" else "overconfidence", value)
                elif isinstance(value, dict):
                    row |= {f"{name}_{emotion}": cell for emotion, cell in value.items()}
                else:
                    row[name] = value
            rows.append(row)
    return csv_bytes(rows, list(rows[0]))


def _by_labels(one: FairnessAttribute) -> str:
    """That plain accuracy differs nevertheless, where it does."""
    gap = next((gap for gap in one.gaps if gap.measure is Measure.ACCURACY), None)
    if gap is None or gap.interval[0] <= 0:
        return ""
    return (
        f" By {one.name}, the accuracy of {gap.lowest} is {points(gap.difference)} {span(gap.interval)} below "
        f"{gap.highest} because different emotions are shown."
    )


def _short(gap: Gap) -> str:
    return f"{rate_name(gap)}: {points(gap.difference)} between {gap.highest} and {gap.lowest}"


def _sentence(gap: Gap) -> str:
    what = f"{_capital(rate_name(gap.rate))} is"
    if gap.measure is Measure.EQUALIZED_ODDS:
        what = f"Recall or false positive rates differ; the largest difference is in {rate_name(gap.rate)},"
    return (
        f"{what} {percent(gap.high)} for {gap.highest} and {percent(gap.low)} for {gap.lowest}: "
        f"{points(gap.difference)} {span(gap.interval)}, p = {p_text(gap.p_corrected)} (Holm){most_significant(gap)}"
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
