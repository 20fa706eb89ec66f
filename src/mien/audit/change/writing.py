"""A comparison in files: JSON, CSV, a figure and a page."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...io.atomic import write_all
from ..fairness.writing import csv_of
from .figure import change_figure
from .page import render
from .values import Change
from .words import details, headline, verdict

NAMES = ("change.html", "change.png", "change.csv", "change_of_gaps.csv", "change.json")
_GAP_COLUMNS = (
    "attribute", "highest_before", "lowest_before", "before", "before_low", "before_high", "highest_after", "lowest_after",
    "after", "after_low", "after_high", "difference", "difference_low", "difference_high", "p", "p_corrected",
)  # fmt: skip


def as_json(change: Change) -> str:
    """Everything as one JSON object; shares are 0 to 1, and what cannot be told is null."""
    made: dict[str, Any] = {"answer": headline(change), **asdict(change)}
    for one, own in zip(change.attributes, made["attributes"]):
        own |= {"verdict": verdict(one)[1], "words": details(one)}
    return json.dumps(made, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def write_change(change: Change, folder: Path, title: str) -> list[Path]:
    """Write all of ``NAMES`` into a folder, which is made if need be; gives the files.

    Args:
        change: what was found.
        folder: where to.
        title: what was compared, for the page.

    Raises:
        MissingExtraError: matplotlib or Jinja2 is not installed.
        OutputError: the folder cannot be written to.
    """
    made = (render(change, title), change_figure(change), _groups(change), _gaps(change), as_json(change).encode())
    return write_all(folder, dict(zip(NAMES, made, strict=True)))


def _groups(change: Change) -> bytes:
    """A row a group; an interval becomes two columns."""
    rows = []
    named = [("", change.overall), *((one.name, group) for one in change.attributes for group in one.groups)]
    for attribute, group in named:
        row: dict[str, Any] = {"attribute": attribute}
        for name, value in asdict(group).items():
            if isinstance(value, tuple):
                stem = name.removesuffix("_interval") if name != "interval" else "difference"
                row |= {f"{stem}_low": value[0], f"{stem}_high": value[1]}
            else:
                row[name] = value
        rows.append(row)
    return csv_of(rows, list(rows[0]))


def _gaps(change: Change) -> bytes:
    rows = []
    for one in change.attributes:
        if one.gap:
            row: dict[str, Any] = {"attribute": one.name}
            for when, apart in (("before", one.gap.before), ("after", one.gap.after)):
                row |= {f"highest_{when}": apart.highest, f"lowest_{when}": apart.lowest, when: apart.gap}
                row |= {f"{when}_low": apart.interval[0], f"{when}_high": apart.interval[1]}
            low, high = one.gap.interval
            row |= {"difference": one.gap.difference, "difference_low": low, "difference_high": high}
            rows.append(row | {"p": one.gap.p, "p_corrected": one.gap.p_corrected})
    return csv_of(rows, list(_GAP_COLUMNS))
