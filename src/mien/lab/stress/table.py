"""The marks as a table: in the terminal, as Markdown, as CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from .marks import Interval, Mark
from .reading import DETECTED

#: A drop in accuracy from the clean images, from which a row is marked as broken.
BROKEN = 0.10
WAYS = {DETECTED: "whole reader", "crop": "true crop"}


def table(rows: Sequence[Mark], title: str) -> Table:
    """For the terminal; rows that lose ten points or more on the clean images stand out."""
    shown = Table(title=title, caption=None)
    several = len({row.model for row in rows}) > 1
    for column in headings(several):
        shown.add_column(
            column, justify="left" if column in {"condition", "level", "face", "model"} else "right", no_wrap=True
        )
    last = ""
    for row in rows:
        if last and row.condition.family != last:
            shown.add_section()
        last = row.condition.family
        style = "bold red" if broken(row, rows) else ""
        shown.add_row(*(Text(cell, style) for cell in cells(row, several)))
    return shown


def headings(several: bool) -> list[str]:
    """Column titles; with ``several`` models also those that compare them."""
    middle = [
        "found %",
        "right of found % (95 %)",
        "right of all % (95 %)",
        "balanced %",
        "confidence %",
        "ECE %",
        "abstained %",
    ]
    return [
        "condition",
        "level",
        "face",
        *(["model"] if several else []),
        *middle,
        *(["vs first", "p"] if several else []),
    ]


def cells(row: Mark, several: bool) -> list[str]:
    """The texts of one row, as ``headings``."""
    ends = []
    if several:
        low, high = row.gain_interval or (0.0, 0.0)
        gain = "" if row.gain is None else f"{100 * row.gain:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        ends = [gain, "" if row.p is None else "< 0.0001" if row.p < 1e-4 else f"{row.p:.4f}"]
    return [
        row.condition.name,
        row.condition.words,
        WAYS[row.way],
        *([row.model] if several else []),
        _percent(row.found_share),
        _with(row.accuracy_found, row.accuracy_found_interval),
        _with(row.accuracy, row.interval),
        _percent(row.balanced),
        _percent(row.confidence),
        _percent(row.ece),
        _percent(row.abstained),
        *ends,
    ]


def as_markdown(rows: Sequence[Mark], title: str, notes: Sequence[str]) -> str:
    """A table as GitHub shows it, broken rows bold, with what must be known to read it below."""
    several = len({row.model for row in rows}) > 1
    names = headings(several)
    lines = [f"# {title}", "", f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    for row in rows:
        own = cells(row, several)
        if broken(row, rows):
            own[0] = f"**{own[0]}**"
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in own)} |")
    return "\n".join([*lines, "", *(f"- {note}" for note in notes), ""])


def as_json(rows: Sequence[Mark], about: Mapping[str, object], notes: Sequence[str]) -> str:
    """Unrounded, shares 0 to 1; null where there is nothing to say.

    Args:
        rows: the marks.
        about: what was asked of whom; ``models`` gives the sha256 of each model's weights file.
        notes: what must be known to read them.
    """
    marks = [{name: None if value == "" else value for name, value in _record(row).items()} for row in rows]
    return (
        json.dumps({"stress": dict(about), "notes": list(notes), "marks": marks}, indent=1, ensure_ascii=False) + "\n"
    )


def as_csv(rows: Sequence[Mark]) -> str:
    """Unrounded, shares 0 to 1; empty where there is nothing to say."""
    text = io.StringIO()
    records = [_record(row) for row in rows]
    writer = csv.DictWriter(text, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def broken(row: Mark, rows: Sequence[Mark]) -> bool:
    """Whether a model loses ``BROKEN`` or more on its own clean images, got at in the same way."""
    clean = [one for one in rows if (one.model, one.way, one.condition.level) == (row.model, row.way, 0)]
    return bool(clean) and row.accuracy <= clean[0].accuracy - BROKEN


def _record(row: Mark) -> dict[str, object]:
    low, high = row.gain_interval or (None, None)
    values: dict[str, object] = {
        "model": row.model, "family": row.condition.family, "level": row.condition.level, "words": row.condition.words,
        "way": row.way, "n": row.n, "found": row.found, "right": row.right,
        "found_share": row.found_share, **_ends("found", row.found_interval),
        "accuracy_found": row.accuracy_found, **_ends("accuracy_found", row.accuracy_found_interval),
        "accuracy": row.accuracy, **_ends("accuracy", row.interval),
        "balanced_accuracy": row.balanced, "confidence": row.confidence, "ece": row.ece, "abstained": row.abstained,
        "gain": row.gain, "gain_low": low, "gain_high": high, "p": row.p,
    }  # fmt: skip
    return {
        name: "" if value is None or (isinstance(value, float) and math.isnan(value)) else value
        for name, value in values.items()
    }


def _ends(name: str, interval: Interval) -> dict[str, float]:
    return {f"{name}_low": interval[0], f"{name}_high": interval[1]}


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f}"


def _with(share: float, interval: Interval) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"
