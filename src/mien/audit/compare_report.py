"""A comparison of two models for readers: sentences, terminal, JSON, CSV, a figure and an HTML page."""

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
from .compare import CompareAttribute, CompareResult, GapTrend, GroupChange
from .figures import png, rows_figure
from .formatting import add_columns, csv_bytes, interval_cells, notes_of, p_text, percent, plain_table, points, span
from .page import MAX_GROUPS, Scale, render

FILES = ("compare.html", "compare.png", "groups.csv", "gaps.csv", "compare.json")
TITLES = {
    GapTrend.NARROWED: "The gap narrowed",
    GapTrend.WIDENED: "The gap widened",
    GapTrend.INCONCLUSIVE: "No significant change of the gap",
    GapTrend.NOT_COMPARED: "Too few images to compare",
}
_STYLES = {GapTrend.NARROWED: "bold green", GapTrend.WIDENED: "bold red"}
_WIDE = 100
_MIN_P = 0.0001
_GAP_COLUMNS = (
    "attribute", "highest_before", "lowest_before", "before", "before_low", "before_high", "highest_after", "lowest_after",
    "after", "after_low", "after_high", "difference", "difference_low", "difference_high", "p", "p_corrected",
)  # fmt: skip


def summary(result: CompareResult) -> str:
    """The result in two sentences."""
    gaps = []
    for one in result.attributes:
        if one.gap and one.verdict in _STYLES:
            gaps.append(
                f"The gap by {one.name} {one.verdict.value} from {points(one.gap.before.gap)} to "
                f"{points(one.gap.after.gap)} ({p_words(one.gap.p_corrected)})."
            )
    names = " or ".join(one.name for one in result.attributes)
    overall = result.overall
    change = "did not change significantly"
    if overall.p < LEVEL:
        change = "increased" if overall.difference > 0 else "decreased"
    return (
        f"{' '.join(gaps) or f'No significant change of the gap by {names}.'} Overall accuracy {change}: "
        f"{percent(overall.before)} before, {percent(overall.after)} after ({p_words(overall.p)})."
    )


def explanation(one: CompareAttribute) -> str:
    """What became of the gap and the groups of one column, in sentences."""
    gap = one.gap
    if gap is None:
        return "Fewer than two groups have enough images to be compared."
    text = (
        f"The gap was {points(gap.before.gap)} ({gap.before.lowest} below {gap.before.highest}) and is "
        f"{points(gap.after.gap)} ({gap.after.lowest} below {gap.after.highest}): {_signed(gap.difference)} "
        f"{span(gap.interval)}, {p_words(gap.p_corrected)}."
    )
    changed = [group for group in one.groups if group.significant]
    for title, groups in (
        ("Accuracy increased for", [group for group in changed if group.difference > 0]),
        ("Accuracy decreased for", [group for group in changed if group.difference < 0]),
    ):
        if groups:
            text += f" {title} {', '.join(f'{group.name} ({_signed(group.difference)})' for group in groups)}."
    if not changed:
        text += " The change is not significant for any single group."
    if one.verdict is GapTrend.NARROWED and one.leveled_down:
        text += " It narrowed because the best group lost, not because another one gained."
    return text


def p_words(p: float) -> str:
    """``p = 0.0124``, ``p < 0.0001``."""
    return f"p {'' if p < _MIN_P else '= '}{p_cell(p)}"


def p_cell(p: float) -> str:
    """``0.0124``, ``< 0.0001``."""
    return f"< {_MIN_P:.4f}" if p < _MIN_P else p_text(p)


def terminal(result: CompareResult, width: int) -> Iterator[RenderableType]:
    """What to print, in order; a console of fewer than 100 columns gets fewer figures."""
    yield Text(summary(result), style="bold")
    yield Text(f"{result.n:,} images, predicted by both models", style="dim")
    yield from notes_of(result.notes)
    for one in result.attributes:
        style = _STYLES.get(one.verdict, "bold yellow")
        yield Text()
        yield Text.assemble((f"By {one.name}", "bold underline"), "  ", (TITLES[one.verdict], style))
        yield Text(explanation(one))
        yield Text()
        yield _groups_table(one.groups, wide=width >= _WIDE)
    yield Text()
    yield Text(
        f"Accuracy in percent, change in points, with 95% CI (paired bootstrap, {result.resamples:,} resamples). gained, "
        "lost: images that only the second, only the first model gets right. p: McNemar's exact test, Holm-corrected for "
        f"{result.n_comparisons} groups; of the gap: permutation of the two models' answers.",
        style="dim",
    )


def to_json(result: CompareResult) -> str:
    """Everything as one JSON object; shares are 0 to 1, and null is unknown."""
    made: dict[str, Any] = {"summary": summary(result), **asdict(result)}
    for one, own in zip(result.attributes, made["attributes"]):
        own |= {"verdict": one.verdict, "explanation": explanation(one)}
    return json.dumps(made, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def write_report(result: CompareResult, folder: Path, title: str) -> list[Path]:
    """Write ``FILES`` into a folder; returns their paths.

    Args:
        result: the comparison.
        folder: created if missing.
        title: what was compared.

    Raises:
        MissingExtraError: matplotlib or Jinja2 is not installed.
        OutputError: the folder cannot be written to.
    """
    made = (page(result, title), figure(result), _groups_csv(result), _gaps_csv(result), to_json(result).encode())
    return write_all(folder, dict(zip(FILES, made, strict=True)))


def figure(result: CompareResult) -> bytes:
    """Accuracy of each group before (hollow) and after (filled), PNG."""
    sections = [(one.name, one.groups) for one in result.attributes]
    made, axes, rows = rows_figure([("all images", [result.overall]), *sections])
    for at, group in rows:
        before, after = 100 * group.before, 100 * group.after
        color = "#9aa1ad" if not group.significant else "#1f5f99" if after > before else "#b4431f"
        low, high = (100 * end for end in group.after_interval)
        axes.plot([low, high], [at, at], color=color, linewidth=1.1, alpha=0.7, zorder=1)
        axes.plot([before, after], [at, at], color=color, linewidth=4, solid_capstyle="butt", zorder=2)
        axes.plot(before, at, "o", markersize=7, markeredgecolor="#5d6474", markerfacecolor="white", zorder=3)
        axes.plot(after, at, "o", markersize=7, color=color if group.significant else "#5d6474", zorder=4)
        axes.annotate(
            f"{group.difference * 100:+.1f}   n = {group.n:,}", (1.0, at), xycoords=("axes fraction", "data"),
            xytext=(8, 0), textcoords="offset points", va="center", fontsize=8,
            color="#1f2430" if group.significant else "#5d6474", fontweight="bold" if group.significant else "normal",
        )  # fmt: skip
    axes.set_xlabel("accuracy, %: hollow before, filled after (thin: its 95% CI); bold: significant")
    return png(made, "Accuracy before and after")


@dataclass(frozen=True)
class _Mark:
    """A group on the scale, in percent of its width: before, after, the interval of the latter."""

    before: float
    after: float
    low: float
    high: float
    kind: str

    @property
    def start(self) -> float:
        return min(self.before, self.after)

    @property
    def length(self) -> float:
        return abs(self.after - self.before)


@dataclass(frozen=True)
class _Section:
    """A column of groups as the page shows it."""

    key: str
    kind: str
    title: str
    text: str
    attribute: CompareAttribute
    groups: tuple[tuple[GroupChange, _Mark], ...]
    more_groups: int


def page(result: CompareResult, title: str) -> bytes:
    """The HTML page, UTF-8; ``title`` says what was compared."""
    shown = [result.overall, *(group for one in result.attributes for group in one.groups)]
    scale = Scale.around([end for group in shown for end in (*group.after_interval, group.before)])
    sections = []
    for place, one in enumerate(result.attributes, 1):
        kept = one.groups[:MAX_GROUPS]
        marks = tuple((group, _mark(group, scale)) for group in kept)
        key, more = f"by-{place}", len(one.groups) - len(kept)
        sections.append(_Section(key, one.verdict.value, TITLES[one.verdict], explanation(one), one, marks, more))
    return render(
        "compare.html.j2", result=result, title=title, summary=summary(result), sections=sections,
        overall=_mark(result.overall, scale), scale=scale, level=LEVEL, percent=percent, points=points, span=span,
        p_cell=p_cell, p_words=p_words,
    )  # fmt: skip


def _mark(group: GroupChange, scale: Scale) -> _Mark:
    low, high = group.after_interval
    kind = "" if not group.significant else "better" if group.difference > 0 else "worse"
    return _Mark(scale.place(group.before), scale.place(group.after), scale.place(low), scale.place(high), kind)


def _groups_table(groups: tuple[GroupChange, ...], *, wide: bool) -> Table:
    table = plain_table("group")
    add_columns(table, ["n", "before", "after", "change", "95% CI", *(("gained", "lost") if wide else ()), "p"])
    for group in groups:
        table.add_row(
            Text(group.name),
            f"{group.n:,}",
            f"{100 * group.before:.1f}",
            f"{100 * group.after:.1f}",
            f"{100 * group.difference:+.1f}",
            span(group.interval),
            *((f"{group.gained:,}", f"{group.lost:,}") if wide else ()),
            p_cell(group.p_corrected) if group.compared else "-",
            style="bold" if group.significant else "" if group.compared else "dim",
        )
    return table


def _groups_csv(result: CompareResult) -> bytes:
    """A row per group; an interval becomes two columns."""
    rows = []
    named = [("", result.overall), *((one.name, group) for one in result.attributes for group in one.groups)]
    for attribute, group in named:
        row: dict[str, Any] = {"attribute": attribute}
        for name, value in asdict(group).items():
            if isinstance(value, tuple):
                row |= interval_cells("difference" if name == "interval" else name.removesuffix("_interval"), value)
            else:
                row[name] = value
        rows.append(row)
    return csv_bytes(rows, list(rows[0]))


def _gaps_csv(result: CompareResult) -> bytes:
    rows = []
    for one in result.attributes:
        if one.gap:
            row: dict[str, Any] = {"attribute": one.name}
            for when, gap in (("before", one.gap.before), ("after", one.gap.after)):
                row |= {f"highest_{when}": gap.highest, f"lowest_{when}": gap.lowest, when: gap.gap}
                row |= interval_cells(when, gap.interval)
            row |= {"difference": one.gap.difference, **interval_cells("difference", one.gap.interval)}
            rows.append(row | {"p": one.gap.p, "p_corrected": one.gap.p_corrected})
    return csv_bytes(rows, list(_GAP_COLUMNS))


def _signed(difference: float) -> str:
    return f"{100 * difference:+.1f} points"
