"""Conditions become groups: by fixed edges with names, or by thirds of the data at hand."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from .conditions import NAMES, Conditions

#: Where nothing is known.
UNKNOWN = "unknown"
#: Upper edges of all groups but the last, and their names from low to high. Roll and yaw go by how far, not which way.
#: Sharpness: the first edge is where readings abstain (``types.MIN_SHARPNESS``). Size: 48 pixels is what the shipped
#: networks see. ITA: the classes of Chardon et al. (1991). The others were set by eye, once, and stay for comparison's sake.
EDGES: dict[str, tuple[tuple[float, ...], tuple[str, ...]]] = {
    "brightness": ((35, 65), ("dark", "medium", "bright")),
    "contrast": ((0.12, 0.22), ("flat", "medium", "strong")),
    "sharpness": ((0.03, 0.3), ("blurred", "soft", "sharp")),
    "size": ((32, 48, 96), ("under 32 px", "32-48 px", "48-96 px", "96 px and more")),
    "roll": ((10, 25), ("upright", "tilted", "far tilted")),
    "yaw": ((15, 35), ("frontal", "turned", "far turned")),
    "skin_light": ((45, 65), ("dark", "medium", "light")),
    "ita": ((-30, 10, 28, 41, 55), ("dark", "brown", "tan", "intermediate", "light", "very light")),
    "covered": ((0.2, 0.5), ("clear", "doubtful", "seems covered")),
}
_EITHER_WAY = {"roll", "yaw"}
_THIRDS = ("low third", "middle third", "high third")


def grouped(measured: Sequence[Conditions], *, thirds: bool = False) -> list[dict[str, str]]:
    """The groups of each face: condition -> name of the group.

    Args:
        measured: conditions of all faces.
        thirds: cut at the thirds of these very faces in place of the fixed edges. Groups are then equally large, but
            those of two data sets cannot be compared. Where more than a third share one value, a group may be empty.
    """
    columns = {name: _column(name, [getattr(one, name) for one in measured], thirds) for name in NAMES}
    return [{name: columns[name][row] for name in NAMES} for row in range(len(measured))]


def _column(name: str, values: Sequence[float | None], thirds: bool) -> list[str]:
    known = np.array([np.nan if value is None else value for value in values], float)
    if name in _EITHER_WAY:
        known = np.abs(known)
    edges, words = EDGES[name]
    if thirds:
        there = known[~np.isnan(known)]
        edges, words = (tuple(np.quantile(there, (1 / 3, 2 / 3)).tolist()) if len(there) else (0.0, 0.0)), _THIRDS
    places = np.searchsorted(np.array(edges), known, side="right")
    return [UNKNOWN if np.isnan(value) else words[place] for value, place in zip(known, places)]


def order(name: str, *, thirds: bool = False) -> tuple[str, ...]:
    """The names of a condition's groups, from low to high."""
    return _THIRDS if thirds else EDGES[name][1]


def in_order(names: Collection[str]) -> tuple[str, ...] | None:
    """Names of groups from low to high, where all are those of one condition; else None."""
    for known in (*(words for _, words in EDGES.values()), _THIRDS):
        if {UNKNOWN} < {*names, UNKNOWN} <= {*known, UNKNOWN}:
            return tuple(name for name in (*known, UNKNOWN) if name in names)
    return None
