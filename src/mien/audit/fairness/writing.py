"""An audit in files: JSON, CSV, figures and a page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ...io.atomic import write_all
from .figures import accuracy_figure, gap_figure
from .page import render
from .values import Audit, Gap
from .words import headline, verdict

NAMES = ("report.html", "accuracy.png", "gaps.png", "groups.csv", "gaps.csv", "audit.json")


def as_json(audit: Audit, data: str = "", read_by: Mapping[str, Any] | None = None) -> str:
    """Everything as one JSON object; shares are 0 to 1, and what cannot be told is null.

    Args:
        audit: what was found.
        data: name of what was audited.
        read_by: ``name``, ``sha256`` and ``head`` of the model that gave the predictions; None where that is not known.
    """
    about = {"answer": headline(audit), "data": data, "model": read_by and dict(read_by)}
    made: dict[str, Any] = {**about, **asdict(audit)}
    for attribute, own in zip(audit.attributes, made["attributes"]):
        said = verdict(attribute)
        own |= {"verdict": said.kind, "words": f"{said.short}. {said.text}"}
    return json.dumps(made, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def write_report(audit: Audit, folder: Path, title: str, read_by: Mapping[str, Any] | None = None) -> list[Path]:
    """Write all of ``NAMES`` into a folder, which is made if need be.

    Args:
        audit: what was found.
        folder: where to.
        title: what was audited, for the page.
        read_by: the model that gave the predictions, as ``as_json`` takes it.

    Returns:
        The files.

    Raises:
        MissingExtraError: matplotlib or Jinja2 is not installed.
        OutputError: the folder cannot be written to.
    """
    made = {
        "report.html": render(audit, title),
        "accuracy.png": accuracy_figure(audit),
        "gaps.png": gap_figure(audit),
        "groups.csv": _groups(audit),
        "gaps.csv": gaps_csv([(attribute.name, attribute.gaps) for attribute in audit.attributes]),
        "audit.json": as_json(audit, title, read_by).encode(),
    }
    return write_all(folder, made)


def _groups(audit: Audit) -> bytes:
    """A row a group; an interval becomes two columns, recalls and images shown one an emotion each."""
    rows = []
    for attribute in audit.attributes:
        for group in attribute.groups:
            row: dict[str, Any] = {"attribute": attribute.name}
            for name, value in asdict(group).items():
                if name in ("interval", "overconfidence_interval"):
                    low, high = value or (None, None)
                    stem = "accuracy" if name == "interval" else "overconfidence"
                    row |= {f"{stem}_low": low, f"{stem}_high": high}
                elif isinstance(value, dict):
                    row |= {f"{name}_{emotion}": cell for emotion, cell in value.items()}
                else:
                    row[name] = value
            rows.append(row)
    return csv_of(rows, list(rows[0]))


def gaps_csv(columns: Sequence[tuple[str, Sequence[Gap]]]) -> bytes:
    """A row a gap, from the gaps of each column of groups and its name."""
    rows = []
    for name_of_column, gaps in columns:
        for gap in gaps:
            row: dict[str, Any] = {"attribute": name_of_column, **asdict(gap)}
            for name, stem in (("interval", "difference"), ("ratio_interval", "ratio")):
                low, high = row.pop(name) or (None, None)
                row |= {f"{stem}_low": low, f"{stem}_high": high}
            rows.append(row)
    return csv_of(rows, list(rows[0]) if rows else ["attribute", *(field.name for field in fields(Gap))])


def csv_of(rows: list[dict[str, Any]], columns: list[str]) -> bytes:
    """Rows as CSV, UTF-8: numbers to six digits, true and false, empty for what cannot be told."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else value
