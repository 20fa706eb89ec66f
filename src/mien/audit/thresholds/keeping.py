"""Thresholds in a file, and applied to predictions."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ...errors import DataError
from ...io.atomic import write_atomically
from ..fairness.values import Predictions
from ..fairness.words import percent
from .values import Thresholds

_KIND = "mien thresholds 1"


@dataclass(frozen=True)
class Rule:
    """What to rely on.

    Attributes:
        column: of the groups.
        common: the threshold for everyone; None where there is none.
        own: group -> its own threshold; None where none can be promised.
    """

    column: str
    common: float | None
    own: dict[str, float | None]


def as_json(found: Thresholds) -> str:
    """Everything as one JSON object; what cannot be told is null."""
    made = {"kind": _KIND, **asdict(found)}
    return json.dumps(made, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def write_thresholds(found: Thresholds, path: Path) -> None:
    """Write the file, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    write_atomically(path, as_json(found).encode())


def read_rule(path: Path) -> Rule:
    """Read what ``write_thresholds`` wrote.

    Raises:
        DataError: the file is missing, or is none of that kind.
    """
    try:
        made = json.loads(path.read_text("utf-8"))
        if made["kind"] != _KIND:
            raise ValueError(f"its kind is {made['kind']!r}")
        common = made["common"]
        own = {group["name"]: group["threshold"] for group in made["groups"]}
        for value in (common, *own.values()):
            if value is not None and not 0 <= float(value) <= 1:
                raise ValueError(f"got a threshold of {value}")
        return Rule(str(made["column"]), common, own)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} cannot be read as thresholds: {error}", hint="Make it with 'mien audit thresholds ... --out FILE'."
        ) from error


def relied_on(predictions: Predictions, rule: Rule, *, own: bool) -> Predictions:
    """Only the images whose reading is relied on; notes say how many those are, group by group.

    Args:
        predictions: with a confidence; with ``own`` the column of groups too.
        rule: the thresholds.
        own: each group by its own threshold, which takes knowing the group of whoever is read; not the common one.

    Raises:
        DataError: there is no confidence, no such threshold, or the groups are missing.
    """
    if predictions.confidence is None:
        raise DataError("thresholds need a confidence", hint="Name its column with --confidence.")
    if own:
        if rule.column not in predictions.groups:
            raise DataError(
                f"thresholds by {rule.column!r} need that column",
                hint=f"Add --groups {rule.column}, or use the common one.",
            )
        by_group = {name: 2.0 if value is None else value for name, value in rule.own.items()}
        limits = np.array([by_group.get(str(cell), 2.0) for cell in predictions.groups[rule.column]], np.float64)
    elif rule.common is None:
        raise DataError(
            "no common threshold could be promised: the file holds none", hint="Lower --target, or use more data."
        )
    else:
        limits = np.full(len(predictions), rule.common)
    kept = (predictions.said >= 0) & (np.nan_to_num(predictions.confidence, nan=-1.0) >= limits)
    if predictions.abstained is not None:
        kept &= ~predictions.abstained
    if not kept.any():
        raise DataError("no reading is relied on at these thresholds", hint="Lower --target when fitting them.")
    notes = [
        f"Only readings relied on are audited: {int(kept.sum()):,} of {len(kept):,} ({percent(float(kept.mean()))})."
    ]
    for name, cells in predictions.groups.items():
        shares = {group: float(kept[cells == group].mean()) for group in sorted({*cells.tolist()} - {""})}
        notes.append(
            f"Relied on by {name}: {', '.join(f'{group} {percent(share)}' for group, share in shares.items())}."
        )
    return replace(
        predictions,
        truth=predictions.truth[kept],
        said=predictions.said[kept],
        abstained=None,
        confidence=predictions.confidence[kept],
        found_known=False,
        groups={name: cells[kept] for name, cells in predictions.groups.items()},
        notes=(*predictions.notes, *notes),
    )
