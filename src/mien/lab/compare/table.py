"""A comparison as a table for people: in the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rich.table import Table
from rich.text import Text

from .records import kept_value, own_accuracy
from .standing import Comparison, Standing
from .words import MARK, comparable_history, notes, p_text, peeked, title, verdict


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        title: its heading.
        cells: one text a member, empty where there is nothing to say.
        best: the rows with the best value; empty where none is better.
    """

    title: str
    cells: tuple[str, ...]
    best: frozenset[int] = frozenset()


def columns(comparison: Comparison) -> list[Column]:
    """The table column by column, the names first; columns with nothing in them are left out."""
    rows = comparison.standings
    own = comparable_history(comparison)

    def column(
        title: str, value: Callable[[Standing], float | None], show: Callable[[float], str], best: str = ""
    ) -> Column:
        values = [value(row) for row in rows]
        there = [one for one in values if one is not None]
        top = (max(there) if best == "most" else min(there)) if best and len(rows) > 1 and there else None
        winners = frozenset(i for i, one in enumerate(values) if one is not None and one == top)
        return Column(title, tuple("" if one is None else show(one) for one in values), winners)

    found = [
        Column("model", tuple(f"{row.member.name}{f' {MARK}' if peeked(comparison, row) else ''}" for row in rows)),
        _parameters(rows),
        Column("input", tuple(_input(row) for row in rows)),
        column("own val loss", lambda row: kept_value(row, "val_loss"), "{:.3f}".format, "least" if own else ""),
        column("own val %", own_accuracy, _percent, "most" if own else ""),
        column("accuracy %", lambda row: row.scores.accuracy, _percent, "most"),
        Column("95 %", tuple("{:.1f}-{:.1f}".format(*(100 * end for end in row.scores.interval)) for row in rows)),
        column("dedup %", lambda row: row.dedup.accuracy if row.dedup else None, _percent, "most"),
        column("macro-F1", lambda row: row.scores.macro_f1, "{:.3f}".format, "most"),
        column("ECE", lambda row: row.scores.ece, "{:.3f}".format, "least"),
        Column("p vs best", tuple("best" if row.p is None and len(rows) > 1 else p_text(row) for row in rows)),
        column("trained", lambda row: row.member.record.seconds if row.member.record else None, _clock, "least"),
        column("ms a face", lambda row: row.latency.median, "{:.2f}".format, "least"),
        column("file MB", lambda row: row.member.size / 1e6, "{:.2f}".format, "least"),
    ]
    return [one for one in found if any(one.cells)]


def table(comparison: Comparison) -> Table:
    """For the terminal; notes and verdict are for the caller to print."""
    shown = Table(title=title(comparison))
    first, *others = columns(comparison)
    shown.add_column(first.title, no_wrap=True)
    for column in others:
        shown.add_column(column.title, justify="right", no_wrap=True)
    for number in range(len(comparison.standings)):
        shown.add_row(
            *(Text(column.cells[number], "bold" if number in column.best else "") for column in (first, *others))
        )
    return shown


def as_markdown(comparison: Comparison) -> str:
    """A table as GitHub shows it, figures to the right, under a heading; verdict and notes follow."""
    first, *others = columns(comparison)
    lines = [f"# {title(comparison)}", ""]
    lines.append(_row([first.title, *(column.title for column in others)]))
    lines.append(_row(["---", *("---:" for _ in others)]))
    for number in range(len(comparison.standings)):
        lines.append(_row([_starred(column, number) for column in (first, *others)]))
    lines += ["", *(f"{line}\n" for line in verdict(comparison)), *(f"- {line}" for line in notes(comparison))]
    return "\n".join(lines) + f"\n- {comparison.date}\n"


def _parameters(rows: Sequence[Standing]) -> Column:
    counts = [row.member.trained + (row.member.fixed or 0) for row in rows]
    known = [count for count in counts if count]
    cells = tuple(
        f"{row.member.trained:,}{f' + {row.member.fixed:,}' if row.member.fixed else ''}" if count else ""
        for row, count in zip(rows, counts)
    )
    fewest = frozenset(i for i, count in enumerate(counts) if known and count == min(known) and len(rows) > 1)
    return Column("parameters", cells, fewest)


def _input(row: Standing) -> str:
    spec = row.member.classifier.input
    return f"{spec.size}x{spec.size} {spec.color}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _starred(column: Column, number: int) -> str:
    cell = column.cells[number]
    return f"**{cell}**" if number in column.best else cell


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
