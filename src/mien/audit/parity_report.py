"""An audit without labels for readers: sentences, terminal, JSON, CSV, figures and an HTML page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..drawing import COLORS, ink_on
from ..extras import require
from ..io.atomic import write_all
from ..stats import LEVEL
from .figures import gaps_figure, png, rows_figure
from .formatting import (
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
from .parity import GroupShares, ParityAttribute, ParityResult, Share
from .rates import Measure

FILES = ("report.html", "shares.png", "gaps.png", "groups.csv", "gaps.csv", "audit.json")
CAUTION = (
    "Without labels, accuracy is unknown. Groups may really show different emotions, or be photographed differently: a "
    "difference in predictions is no finding of unfairness, and equal shares do not show equal accuracy."
)
#: Emotions that a narrow terminal shows.
_NARROW = 3
#: Smallest part of a bar that holds a number.
_MIN_PART = 0.055


def summary(result: ParityResult) -> str:
    """The result in one sentence."""
    differing = [
        f"{one.name} (up to {points(max(gap.difference for gap in one.significant_gaps))})"
        for one in result.attributes
        if one.verdict is Verdict.DIFFERENCE
    ]
    unclear = [one.name for one in result.attributes if one.verdict is Verdict.INCONCLUSIVE]
    if differing:
        rest = f"; inconclusive by {joined(unclear)}: too few images" if unclear else ""
        return f"Predictions differ by {joined(differing)}{rest}. Their accuracy is unknown."
    if unclear:
        return f"Inconclusive: no significant difference, but too few images by {joined(unclear)}."
    names = joined([one.name for one in result.attributes])
    return f"No difference found in predictions by {names}. Their accuracy is unknown."


def explanation(one: ParityAttribute) -> str:
    """What was found for one column of groups, in sentences."""
    small = one.small_groups
    few = f"{how_many(len(small), len(one.groups))} too small to"
    if one.verdict is Verdict.DIFFERENCE:
        first, *others = one.significant_gaps
        text = f"{_sentence(first)}.{also_different(others)}"
        if any(gap.measure is Measure.DETECTION_RATE for gap in one.significant_gaps):
            text += " If every image shows a face, a lower detection rate disadvantages a group."
        return f"{text} {few[0].upper()}{few[1:]} say more." if small else text
    if not one.gaps:
        return "Fewer than two groups have enough images to be compared."
    if small:
        worst = max(small, key=lambda group: group.n_needed)
        gap = worst.minimum_detectable_gap
        seen = "hardly any difference" if gap is None else f"only a difference of at least {points(gap)}"
        return (
            f"No significant difference, but {few} detect one of {RELEVANT}. For {worst.name} (n = {worst.n:,}) {seen} "
            "would be detected."
        )
    seen_gap = max((group.minimum_detectable_gap or 0.0 for group in one.groups if group.compared), default=0.0)
    return f"No difference in the share of any emotion, where one of {points(seen_gap)} is detected with 80% power."


def size_note(group: GroupShares) -> str:
    """What a group is too small for; empty if it is large enough."""
    if not group.n_needed:
        return ""
    gap = group.minimum_detectable_gap
    seen = f"detects only differences of {points(gap)}" if gap else "detects no difference"
    return f"too small: {seen}; {group.n_needed:,} more images needed to detect {RELEVANT}"


def terminal(result: ParityResult, width: int) -> Iterator[RenderableType]:
    """What to print, in order; a console of fewer than 116 columns gets fewer figures."""
    wide = width >= WIDE
    yield Text(summary(result), style="bold")
    yield Text(CAUTION)
    found = result.overall.detection_rate
    yield Text(
        f"{result.n:,} images{f', faces found in {percent(found.value)}' if found else ''}, no labels", style="dim"
    )
    yield from notes_of(result.notes)
    for one in result.attributes:
        # A difference is no alarm here
        style = STYLES[Verdict.INCONCLUSIVE if one.verdict is Verdict.DIFFERENCE else one.verdict]
        yield Text()
        yield Text.assemble((f"By {one.name}", "bold underline"), "  ", (TITLES[one.verdict], style))
        yield Text(explanation(one))
        yield Text()
        yield _groups_table(result, one, wide=wide)
        if one.gaps:
            yield Text()
            yield gaps_table(one.gaps, wide=wide)
    yield Text()
    yield Text(
        "Percent of the faces found, and points, with 95% CI (bootstrap). p: group labels permuted among all images "
        f"{result.resamples:,} times, Holm-corrected for {result.n_comparisons} comparisons. MDG: minimum detectable "
        f"difference at 80% power, at shares around one half. needed: additional images to detect {RELEVANT}. "
        + (
            "null: the gap that chance exceeds once in twenty times. min n: images of the smallest group."
            if wide
            else "A wider terminal, --out and --json show more."
        ),
        style="dim",
    )


def to_json(result: ParityResult, data: str = "") -> str:
    """Everything as one JSON object; arguments as in ``fairness_report.to_json``."""
    about = {"summary": summary(result), "caution": CAUTION, "data": data}
    made: dict[str, Any] = {**about, **asdict(result)}
    for one, own in zip(result.attributes, made["attributes"]):
        own |= {"verdict": one.verdict, "explanation": explanation(one)}
    return json.dumps(made, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def write_report(result: ParityResult, folder: Path, title: str) -> list[Path]:
    """Write ``FILES`` into a folder; arguments and errors as in ``fairness_report.write_report``."""
    gaps = [(one.name, one.gaps) for one in result.attributes]
    return write_all(
        folder,
        {
            "report.html": page(result, title),
            "shares.png": shares_figure(result),
            "gaps.png": gaps_figure(gaps, "Gaps between groups"),
            "groups.csv": _groups_csv(result),
            "gaps.csv": gaps_csv(gaps),
            "audit.json": to_json(result, title).encode(),
        },
    )


def shares_figure(result: ParityResult) -> bytes:
    """Share of each emotion in each group's predictions, PNG: a bar per group, a color per emotion."""
    figure, axes, rows = rows_figure(
        [(one.name, [group for group in one.groups if group.n_found]) for one in result.attributes]
    )
    for at, group in rows:
        left = 0.0
        for emotion in result.emotions:
            share = group.shares[emotion].value
            fill = COLORS[emotion]
            axes.barh(at, 100 * share, left=left, height=0.74, color=_css(fill), edgecolor="white", linewidth=0.6)
            if share >= _MIN_PART:
                axes.text(
                    left + 50 * share, at - 0.02, f"{100 * share:.0f}", ha="center", va="center", fontsize=7.5,
                    color=_css(ink_on(fill)),
                )  # fmt: skip
            left += 100 * share
        axes.annotate(
            f"n = {group.n_found:,}", (1.0, at), xycoords=("axes fraction", "data"), xytext=(8, 0),
            textcoords="offset points", va="center", color="#5d6474", fontsize=8,
        )  # fmt: skip
    axes.set_xlim(0, 100)
    axes.grid(visible=False)
    axes.set_xlabel("predicted, % of the faces found")
    patch = require("matplotlib.patches", "audit").Patch
    handles = [patch(color=_css(COLORS[emotion]), label=emotion) for emotion in result.emotions]
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.012, 1 - 0.34 / figure.get_figheight()), fontsize=8,
        ncols=len(handles), frameon=False, handlelength=1, handleheight=1, columnspacing=1.1, handletextpad=0.4,
    )  # fmt: skip
    return png(figure, "Predictions by group")


@dataclass(frozen=True)
class _Section:
    """A column of groups as the page shows it."""

    key: str
    attribute: ParityAttribute
    verdict: str
    title: str
    text: str
    groups: tuple[GroupShares, ...]
    more_groups: int
    gaps: tuple[tuple[Gap, Mark], ...]
    gap_scale: Scale


def page(result: ParityResult, title: str) -> bytes:
    """The HTML page, UTF-8; ``title`` says what was audited."""
    sections = []
    for place, one in enumerate(result.attributes, 1):
        kept, along = one.groups[:PAGE_GROUPS], Scale.of_gaps(one.gaps)
        sections.append(
            _Section(
                f"by-{place}",
                one,
                one.verdict.value,
                TITLES[one.verdict],
                explanation(one),
                kept,
                len(one.groups) - len(kept),
                tuple((gap, gap_mark(gap, along)) for gap in one.gaps),
                along,
            )
        )
    colors = {emotion: (_css(COLORS[emotion]), _css(ink_on(COLORS[emotion]))) for emotion in result.emotions}
    return render(
        "parity.html.j2", result=result, title=title, summary=summary(result), caution=CAUTION, sections=sections,
        colors=colors, level=LEVEL, percent=percent, points=points, span=span, p_text=p_text, rate_name=rate_name,
        most_significant=most_significant, size_note=size_note,
    )  # fmt: skip


def _groups_table(result: ParityResult, one: ParityAttribute, *, wide: bool) -> Table:
    most = sorted(result.emotions, key=lambda emotion: -result.overall.predicted[emotion])[:_NARROW]
    emotions = [emotion for emotion in result.emotions if wide or emotion in most]
    table = plain_table("group")
    detected = ["detected"] * (wide and result.overall.detection_rate is not None)
    abstained = ["abstained"] * (wide and result.overall.abstention_rate is not None)
    add_columns(table, ["n", *emotions, *detected, *abstained, "MDG", "needed"])
    for group in one.groups[:MAX_GROUPS]:
        table.add_row(
            Text(group.name),
            f"{group.n:,}",
            *(_number(group.shares[emotion]) for emotion in emotions),
            *([_number(group.detection_rate)] if detected else []),
            *([_number(group.abstention_rate)] if abstained else []),
            number(group.minimum_detectable_gap),
            Text(f"{group.n_needed:,}" if group.n_needed else "none", "yellow" if group.n_needed else "dim"),
            style="" if group.compared else "dim",
        )
    if len(one.groups) > MAX_GROUPS:
        table.add_row(Text(f"and {len(one.groups) - MAX_GROUPS} more: see --out", style="dim"))
    return table


def _groups_csv(result: ParityResult) -> bytes:
    """A row per group: images predicted as each emotion, and their share with its interval."""
    rows = []
    for one in result.attributes:
        for group in one.groups:
            row: dict[str, Any] = {"attribute": one.name, "name": group.name, "n": group.n, "n_found": group.n_found}
            row |= {f"predicted_{emotion}": n for emotion, n in group.predicted.items()}
            shares = {f"share_{emotion}": share for emotion, share in group.shares.items()}
            rates = {"detection_rate": group.detection_rate, "abstention_rate": group.abstention_rate}
            for name, share in (shares | rates).items():
                row |= {name: share.value if share else None, **interval_cells(name, share.interval if share else None)}
            row |= {"minimum_detectable_gap": group.minimum_detectable_gap, "n_needed": group.n_needed}
            rows.append(row | {"compared": group.compared})
    return csv_bytes(rows, list(rows[0]))


def _sentence(gap: Gap) -> str:
    name = rate_name(gap.rate)
    return (
        f"{name[0].upper()}{name[1:]} is {percent(gap.high)} for {gap.highest} and {percent(gap.low)} for {gap.lowest}: "
        f"{points(gap.difference)} {span(gap.interval)}, p = {p_text(gap.p_corrected)} (Holm){most_significant(gap)}"
    )


def _number(share: Share | None) -> str:
    return number(share.value if share else None)


def _css(color: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
