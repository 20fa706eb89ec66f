"""What was measured of certainty, as tables on the terminal, Markdown and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from ...io.atomic import write_atomically
from ...stats import Estimate
from ..evaluate.protocol import OFFICIAL
from . import figures
from .measure import HeadCertainty

Rows = list[tuple[str, ...]]


def tables(found: Sequence[HeadCertainty]) -> list[tuple[str, tuple[str, ...], Rows]]:
    """Title, column names and rows of each table, in the order in which they are read."""
    whole = [one for one in found if one.images == OFFICIAL]
    return [
        ("As often right as it is sure?", _OVERALL, [_overall(one) for one in found]),
        ("Told to choose from fewer emotions", _SETS, [row for one in whole for row in _label_sets(one)]),
        ("Emotion by emotion", _CLASSES, [row for one in whole for row in _classes(one)]),
        ("As divided as people are?", _VOTES, [row for one in found for row in _votes(one)]),
        (
            "Faces that divide people, by the share of votes asked for",
            _MIXED,
            [r for one in whole for r in _mixed(one)],
        ),
        ("Abstaining below a confidence", _ANSWERED, [row for one in whole for row in _answered(one)]),
    ]


def shown(found: Sequence[HeadCertainty]) -> list[Table]:
    """The tables for a terminal."""
    made = []
    for title, columns, rows in tables(found):
        if rows:
            table = Table(title=title, title_justify="left", title_style="bold")
            for number, column in enumerate(columns):
                table.add_column(column, justify="left" if number < 2 else "right", no_wrap=True)
            for row in rows:
                table.add_row(*row)
            made.append(table)
    return made


def as_json(found: Sequence[HeadCertainty]) -> str:
    """All figures as JSON text; what is undefined is null."""
    return json.dumps([_plain(one.as_dict()) for one in found], indent=2, ensure_ascii=False) + "\n"


def write_report(found: Sequence[HeadCertainty], out: Path) -> list[Path]:
    """Write ``uncertainty.json``, ``uncertainty.md`` and three figures into ``out``.

    Returns:
        The files written.

    Raises:
        OutputError: the folder cannot be written to.
    """
    written = [out / "uncertainty.json", out / "uncertainty.md"]
    write_atomically(written[0], as_json(found).encode())
    write_atomically(written[1], "\n".join(_markdown(found)).encode())
    whole = [one for one in found if one.images == OFFICIAL]
    for name, draw in (("reliability", figures.reliability), ("risk_coverage", figures.risk_coverage)):
        written.append(out / f"{name}.png")
        draw(whole, written[-1])
    if any(one.mixed for one in whole):
        written.append(out / "mixed.png")
        figures.mixed([one for one in whole if one.mixed], written[-1])
    return written


def _plain(value: Any) -> Any:
    """``value`` with null in place of NaN, which is no JSON."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _markdown(found: Sequence[HeadCertainty]) -> Iterable[str]:
    for title, columns, rows in tables(found):
        if rows:
            yield f"## {title}\n"
            yield f"| {' | '.join(columns)} |"
            yield f"|{'|'.join('---' if number < 2 else '---:' for number in range(len(columns)))}|"
            yield from (f"| {' | '.join(row)} |" for row in rows)
            yield ""


_OVERALL = ("model, head", "images", "n", "accuracy %", "ECE %", "refitted %", "NLL", "Brier")
_SETS = ("model, head", "label set", "n", "accuracy %", "ECE %", "refitted %")
_CLASSES = ("model, head", "emotion", "expected %", "found %", "error %", "named", "confidence %", "precision %")
_VOTES = ("model, head", "images", "n", "KL to votes", "floor")
_MIXED = (
    "model, head",
    "share",
    "named",
    "precision %",
    "recall %",
    "F1",
    "both right %",
    "average precision",
    "chance",
)
_ANSWERED = ("model, head", "below", "answered %", "accuracy %", "accuracy of the rest %", "AURC", "best AURC")


def _who(one: HeadCertainty) -> str:
    return f"{one.model}, {one.head}"


def _share(value: float) -> str:
    return "" if math.isnan(value) else f"{100 * value:.1f}"


def _percent(one: Estimate) -> str:
    return f"{100 * one.value:.1f} [{100 * one.low:.1f}, {100 * one.high:.1f}]"


def _interval(one: Estimate) -> str:
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _overall(one: HeadCertainty) -> tuple[str, ...]:
    over = one.overall
    figures_of = (_percent(over.accuracy), _percent(over.ece), _share(over.ece_refitted), _interval(over.nll))
    return _who(one), one.images, f"{over.n:,}", *figures_of, _interval(over.brier)


def _label_sets(one: HeadCertainty) -> Rows:
    return [
        (_who(one), name, f"{s.n:,}", _percent(s.accuracy), _percent(s.ece), _share(s.ece_refitted))
        for name, s in one.label_sets.items()
    ]


def _classes(one: HeadCertainty) -> Rows:
    return [
        (
            _who(one), name, _share(c.expected), _share(c.found), _share(c.error), f"{c.named:,}",
            _share(c.confidence), _share(c.precision),
        )
        for name, c in one.classes.items()
    ]  # fmt: skip


def _votes(one: HeadCertainty) -> Rows:
    if one.votes is None:
        return []
    return [(_who(one), one.images, f"{one.votes.n:,}", _interval(one.votes.kl), f"{one.votes.floor:.3f}")]


def _mixed(one: HeadCertainty) -> Rows:
    if one.mixed is None:
        return []
    over = f"{one.mixed.average_precision:.3f}", f"{one.mixed.chance:.3f}"
    return [
        (_who(one), f"{share:g}", f"{named:,}", _share(precision), _share(recall), f"{f1:.3f}", _share(both), *over)
        for share, named, precision, recall, f1, both in one.mixed.rows
    ]


def _answered(one: HeadCertainty) -> Rows:
    areas = f"{one.answered.area:.3f}", f"{one.answered.best:.3f}"
    return [
        (_who(one), f"{level:g}", _share(coverage), _share(kept), _share(rest), *areas)
        for level, coverage, kept, rest in one.answered.rows
    ]
