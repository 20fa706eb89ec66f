"""Figures and tables as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def percent(share: float | None, digits: int = 1) -> str:
    """``87.9 %``; a dash where it cannot be told."""
    return "-" if share is None else f"{100 * share:.{digits}f} %"


def count(n: float) -> str:
    """``28,709``."""
    return f"{n:,.0f}"


def within(share: float | None, interval: Sequence[float] | None) -> str:
    """``87.9 % (86.7 to 89.0)``."""
    if share is None or interval is None:
        return percent(share)
    return f"{percent(share)} ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"


def estimate(value: dict[str, float]) -> str:
    """An estimate with its interval, as the lab's bootstrap gives it."""
    return within(value["value"], (value["low"], value["high"]))


def figure(value: float | None, digits: int = 3) -> str:
    """``0.693``; empty where there is none."""
    return "" if value is None else f"{value:.{digits}f}"


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], words: int = 1) -> str:
    """A table as GitHub and the Hub show it; empty without rows.

    Args:
        headings: of the columns.
        rows: cells, as many as headings.
        words: how many columns, from the left, hold words; the others hold figures.
    """
    lines = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    if not lines:
        return ""
    rule = "|".join("---" if column < words else "---:" for column in range(len(headings)))
    return "\n".join([f"| {' | '.join(headings)} |", f"|{rule}|", *lines])


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _cell(value: Any) -> str:
    return str(value).replace("|", r"\|").replace("\n", " ")
