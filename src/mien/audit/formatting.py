"""Numbers, names of rates, tables and CSV files as all audits write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, is_dataclass
from enum import Enum
from typing import Any

from rich.table import Table
from rich.text import Text

from ..stats import RELEVANT_GAP, Interval
from .gaps import Gap, Verdict
from .rates import Measure, Rate

#: More groups than these are counted on a terminal, not listed.
MAX_GROUPS = 24
#: A terminal of fewer columns shows fewer figures.
WIDE = 116
#: With fewer images of an emotion, its recall is hardly known.
FEW = 30
STYLES = {Verdict.DIFFERENCE: "bold red", Verdict.NO_DIFFERENCE: "bold green", Verdict.INCONCLUSIVE: "bold yellow"}
TITLES = {
    Verdict.DIFFERENCE: "Difference found",
    Verdict.NO_DIFFERENCE: "No difference found",
    Verdict.INCONCLUSIVE: "Inconclusive",
}
RELEVANT = f"{100 * RELEVANT_GAP:.0f} points"
_NAMES = {
    Measure.STANDARDIZED_ACCURACY: "standardized accuracy",
    Measure.EQUALIZED_ODDS: "equalized odds",
    Measure.FALSE_POSITIVE_RATE: "false positive rate",
    Measure.DETECTION_RATE: "detection rate",
    Measure.ABSTENTION_RATE: "abstention rate",
    Measure.PREDICTION_SHARE: "share",
}
_MOST_NAMED = 4


def rate_name(rate: Rate | Gap) -> str:
    """Such as ``recall of happy``; also of the measure of a gap."""
    name = _NAMES.get(rate.measure, rate.measure.value)
    return f"{name} of {rate.emotion}" if rate.emotion else name


def percent(share: float | None) -> str:
    """``62.3%``; a dash if unknown."""
    return "-" if share is None else f"{100 * share:.1f}%"


def number(share: float | None) -> str:
    """``62.3``, in percent; a dash if unknown."""
    return "-" if share is None else f"{100 * share:.1f}"


def points(difference: float | None) -> str:
    """``11.1 points``, of a hundred."""
    return "-" if difference is None else f"{100 * difference:.1f} points"


def span(interval: Interval | None) -> str:
    """``[60.1, 64.4]``, in percent; empty if there is none."""
    return "" if interval is None else f"[{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"


def p_text(p: float | None) -> str:
    """``0.0124``, ``0.43``; a dash if not tested."""
    return "-" if p is None else f"{p:.4f}" if p < 0.1 else f"{p:.2f}"


def joined(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def how_many(some: int, total: int) -> str:
    """``2 of 5 groups are``."""
    return f"all {total} groups are" if some == total else f"{some} of {total} groups {'is' if some == 1 else 'are'}"


def most_significant(gap: Gap) -> str:
    """The most significant pair where it is not the largest difference; else empty."""
    if not gap.other_pair_significant:
        return ""
    rate = f"{rate_name(gap.most_significant_rate)}: " if gap.measure is Measure.EQUALIZED_ODDS else ""
    return f"; most significant: {rate}{' over '.join(gap.most_significant_pair)}"


def also_different(gaps: Sequence[Gap]) -> str:
    """A sentence on further significant gaps; empty without."""
    named = [f"{rate_name(gap)} ({points(gap.difference)})" for gap in gaps]
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return f" Also different: {', '.join(named[:_MOST_NAMED])}{more}." if named else ""


def plain_table(first: str) -> Table:
    """A table without lines whose first column is named ``first``."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, overflow="fold", min_width=10)
    return table


def add_columns(table: Table, names: Sequence[str]) -> None:
    """Columns of numbers."""
    for name in names:
        table.add_column(name, justify="left" if name == "95% CI" else "right", no_wrap=True)


def gaps_table(gaps: Sequence[Gap], *, wide: bool) -> Table:
    """The gaps of one column of groups; bold where significant."""
    table = plain_table("gap in")
    table.add_column("lowest", overflow="fold")
    table.add_column("highest", overflow="fold")
    add_columns(table, ["points", "95% CI", *(("null", "ratio", "min n") if wide else ()), "p"])
    for gap in gaps:
        name = rate_name(gap)
        if gap.measure is Measure.EQUALIZED_ODDS and wide:
            name += f": {rate_name(gap.rate)}"
        ratio = "-" if gap.ratio is None else f"{gap.ratio:.2f}"
        table.add_row(
            Text(name),
            Text(f"{gap.lowest} {number(gap.low)}"),
            Text(f"{gap.highest} {number(gap.high)}"),
            number(gap.difference),
            span(gap.interval),
            *((number(gap.null_gap), ratio, f"{gap.min_n:,}") if wide else ()),
            p_text(gap.p_corrected),
            style="bold" if gap.significant else "",
        )
    return table


def plain(value: Any) -> Any:
    """A dataclass as JSON takes it."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def gaps_csv(columns: Sequence[tuple[str, Sequence[Gap]]]) -> bytes:
    """A row per gap, from the gaps of each column of groups and its name."""
    rows = []
    for attribute, gaps in columns:
        for gap in gaps:
            row: dict[str, Any] = {"attribute": attribute, **asdict(gap)}
            row |= {"rate": rate_name(gap.rate), "most_significant_rate": rate_name(gap.most_significant_rate)}
            row["most_significant_higher"], row["most_significant_lower"] = row.pop("most_significant_pair")
            for name, stem in (("interval", "difference"), ("ratio_interval", "ratio")):
                row |= interval_cells(stem, row.pop(name))
            rows.append(row)
    return csv_bytes(rows, list(rows[0]) if rows else ["attribute", *(field.name for field in fields(Gap))])


def interval_cells(stem: str, interval: Interval | None) -> dict[str, float | None]:
    """An interval as two columns."""
    low, high = interval or (None, None)
    return {f"{stem}_low": low, f"{stem}_high": high}


def csv_bytes(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> bytes:
    """CSV, UTF-8: numbers to six digits, true and false, empty for unknown."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode()


def notes_of(notes: Sequence[str]) -> Iterator[Text]:
    """Notes on a terminal."""
    yield from (Text(f"Note: {note}", style="dim") for note in notes)


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return value.value
    return f"{value:.6g}" if isinstance(value, float) else value
