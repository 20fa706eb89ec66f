"""The findings for a terminal, and for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.table import Table

from ...data.dataset import SPLITS, Dataset
from ...emotions import EMOTIONS
from .annotators import annotators
from .cleaning import Cleaning
from .copies import LEARNED, leaked
from .inspection import Inspection
from .problems import Problem

_EXAMPLES = 2
_MEASURES = ("brightness", "contrast", "sharpness")


def class_table(faces: Dataset) -> Table:
    """Images of each emotion in each part."""
    parts = [split for split in SPLITS if (faces.split == split).any()]
    table = Table(title=f"{faces.name}: {len(faces):,} images", title_justify="left", box=None, pad_edge=False)
    table.add_column("emotion")
    for part in (*parts, "all"):
        table.add_column(part, justify="right", no_wrap=True)
    groups = [faces.split == part for part in parts] + [np.ones(len(faces), bool)]
    for label in np.unique(faces.labels):
        counts = [int((faces.labels[group] == label).sum()) for group in groups]
        table.add_row(EMOTIONS[label], *(f"{n:,} {100 * n / group.sum():5.1f} %" for n, group in zip(counts, groups)))
    return table


def problem_table(problems: Sequence[Problem], faces: Dataset) -> Table:
    """Every kind of problem, how many images have it, and the names of some."""
    table = Table(title="problems", title_justify="left", box=None, pad_edge=False)
    table.add_column("what", no_wrap=True)
    table.add_column("images", justify="right")
    table.add_column("such as", style="dim", overflow="fold")
    for problem in problems:
        names = [" = ".join(faces.names[group[:3]].tolist()) for group in problem.groups[:_EXAMPLES]]
        names += [name for name, _ in problem.files[:_EXAMPLES]]
        table.add_row(problem.title, f"{problem.count:,}", "; ".join(names), style=None if problem.count else "dim")
    return table


def sentences(inspection: Inspection) -> list[str]:
    """What the tables do not say."""
    faces, copies, told = inspection.faces, inspection.copies, []
    for part in SPLITS:
        n = int((faces.split == part).sum())
        if n and part not in LEARNED and np.isin(faces.split, LEARNED).any():
            exact, near = leaked(copies.exact, faces, part), leaked(copies.near, faces, part)
            told.append(
                f"{part}: {exact:,} of {n:,} images ({100 * exact / n:.1f} %) have an exact copy in training, "
                f"{near:,} ({100 * near / n:.1f} %) an exact or near one."
            )
    if inspection.labels:
        told.append(
            f"Probable label errors go by a quick classifier that agrees with {100 * inspection.labels.accuracy:.1f} % of "
            "the labels: look before you believe it. --write-manifest keeps them unless --drop-label-errors is given."
        )
    for row in inspection.labels.agreement if inspection.labels else ():
        as_guessed = "" if row.as_guessed is None else f", {100 * row.as_guessed:.1f} % for the guess"
        told.append(
            f"FER+ votes on {row.images} (n = {row.n:,}): {100 * row.not_label:.1f} % not for the label{as_guessed}."
        )
    return told


def as_json(inspection: Inspection, problems: Sequence[Problem], cleaning: Cleaning, notes: Sequence[str] = ()) -> str:
    """Everything that was found, with the names of all images, as JSON text."""
    return json.dumps(as_dict(inspection, problems, cleaning, notes), indent=2, ensure_ascii=False) + "\n"


def as_dict(
    inspection: Inspection, problems: Sequence[Problem], cleaning: Cleaning, notes: Sequence[str] = ()
) -> dict[str, Any]:
    """The same as plain values."""
    faces, check = inspection.faces, inspection.labels
    return {
        "name": faces.name,
        "images": len(faces),
        "side": list(faces.images.shape[1:3]),
        "color": "rgb" if faces.images.ndim == 4 else "gray",
        "notes": list(notes),
        "classes": {
            part: {EMOTIONS[label]: int(n) for label, n in zip(*np.unique(faces.labels[there], return_counts=True))}
            for part in SPLITS
            if (there := faces.split == part).any()
        },
        "copied_from_training": {
            part: {name: leaked(ids, faces, part) for name, ids in vars(inspection.copies).items()}
            for part in SPLITS
            if part not in LEARNED and (faces.split == part).any()
        },
        "light": {name: _spread(getattr(inspection.quality, name)) for name in _MEASURES},
        "annotators": [dataclasses.asdict(part) for part in annotators(faces)],
        "problems": {problem.key: _plain(problem, faces) for problem in problems},
        "label_check": None
        if check is None
        else {"accuracy": check.accuracy, "agreement": [dataclasses.asdict(row) for row in check.agreement]},
        "clean": {"use": int(cleaning.use.sum()), "left_out": _rules(cleaning)},
    }


def _spread(values: npt.NDArray[np.float32]) -> list[float]:
    """The 5th, 50th and 95th percentile."""
    return [round(float(value), 4) for value in np.percentile(values, [5, 50, 95])]


def _plain(problem: Problem, faces: Dataset) -> dict[str, Any]:
    remarks = dict(problem.remarks)
    rows = [int(row) for group in problem.groups for row in group]
    return {
        "title": problem.title,
        "meaning": problem.meaning,
        "images": problem.count,
        "groups": [faces.names[group].tolist() for group in problem.groups],
        "files": dict(problem.files),
        "remarks": {str(faces.names[row]): remarks[row] for row in rows if row in remarks},
    }


def _rules(cleaning: Cleaning) -> dict[str, int]:
    keys, counts = np.unique(cleaning.rule[~cleaning.use], return_counts=True)
    return {str(key): int(n) for key, n in zip(keys, counts)}
