"""An audit without right answers in files: JSON, CSV, figures and a page."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...io.atomic import write_all
from ..fairness.writing import csv_of, gaps_csv
from .figures import gap_figure, shares_figure
from .page import render
from .values import GroupShares, Parity, Share
from .words import CAUTION, headline, verdict

NAMES = ("report.html", "shares.png", "gaps.png", "groups.csv", "gaps.csv", "audit.json")


def as_json(found: Parity) -> str:
    """Everything as one JSON object; shares are 0 to 1, and what cannot be told is null."""
    made: dict[str, Any] = {"answer": headline(found), "caution": CAUTION, **asdict(found)}
    for attribute, own in zip(found.attributes, made["attributes"]):
        said = verdict(attribute)
        own |= {"verdict": said.kind, "words": f"{said.short}. {said.text}"}
    return json.dumps(made, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def write_report(found: Parity, folder: Path, title: str) -> list[Path]:
    """Write all of ``NAMES`` into a folder, which is made if need be.

    Args:
        found: what was found.
        folder: where to.
        title: what was audited, for the page.

    Returns:
        The files.

    Raises:
        MissingExtraError: matplotlib or Jinja2 is not installed.
        OutputError: the folder cannot be written to.
    """
    made = {
        "report.html": render(found, title),
        "shares.png": shares_figure(found),
        "gaps.png": gap_figure(found),
        "groups.csv": _groups(found),
        "gaps.csv": gaps_csv([(attribute.name, attribute.gaps) for attribute in found.attributes]),
        "audit.json": as_json(found).encode(),
    }
    return write_all(folder, made)


def _groups(found: Parity) -> bytes:
    """A row a group: how many images were read as each emotion, and what share, with its interval."""
    rows = [
        {"attribute": attribute.name, **_cells(group)} for attribute in found.attributes for group in attribute.groups
    ]
    return csv_of(rows, list(rows[0]))


def _cells(group: GroupShares) -> dict[str, Any]:
    made: dict[str, Any] = {"name": group.name, "n": group.n, "judged": group.judged}
    made |= {f"said_{emotion}": n for emotion, n in group.said.items()}
    for emotion, share in group.shares.items():
        made |= _three(f"share_{emotion}", share)
    made |= _three("found", group.found) | _three("abstained", group.abstained)
    return made | {"smallest_gap": group.smallest_gap, "more": group.more, "compared": group.compared}


def _three(name: str, share: Share | None) -> dict[str, float | None]:
    low, high = share.interval if share else (None, None)
    return {name: share.value if share else None, f"{name}_low": low, f"{name}_high": high}
