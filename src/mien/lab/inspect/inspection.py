"""Inspect a dataset: classes, image quality, duplicates and leaks, damaged files, probable label errors."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...data.dataset import Dataset
from ...data.loading import load
from ...errors import DataError
from .duplicates import LEARNED, Duplicates, find_duplicates, leaked
from .labels import LabelCheck, annotators, check_labels
from .measures import Quality, check_faces, measure_quality, read_headers
from .problems import Cleaning, Damaged, Findings, Problem, clean, find_problems

#: Called with (what is under way, steps done, steps in all; 0 in all where that is unknown).
Tell = Callable[[str, int, int], None]
_MEASURES = ("brightness", "contrast", "sharpness")


@dataclass(frozen=True)
class Inspection(Findings):
    """What was found in a dataset.

    Attributes:
        notes: sentences on how the data was read.
    """

    notes: tuple[str, ...] = ()

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """All kinds of problems that were looked for, also those that no image has."""
        return find_problems(self)

    def clean(self, *, drop_label_errors: bool = False) -> Cleaning:
        """Which images to leave out; see ``mien.lab.inspect.problems.clean``."""
        return clean(self, drop_label_errors=drop_label_errors)

    def leaks(self) -> dict[str, dict[str, int]]:
        """Of each split that evaluates: how many images have an exact, or an exact or near, duplicate in training."""
        return {
            part: {name: leaked(ids, self.faces, part) for name, ids in vars(self.copies).items()}
            for part in self.faces.parts()
            if part not in LEARNED
        }

    def to_dict(self, *, drop_label_errors: bool = False) -> dict[str, Any]:
        """Everything that was found, with the names of all images, as plain values."""
        faces, check, cleaning = self.faces, self.labels, self.clean(drop_label_errors=drop_label_errors)
        rules, counts = np.unique(cleaning.rule[~cleaning.use], return_counts=True)
        return {
            "name": faces.name,
            "images": len(faces),
            "side": list(faces.images.shape[1:3]),
            "color": "rgb" if faces.images.ndim == 4 else "gray",
            "notes": list(self.notes),
            "classes": {part: faces.counts(part) for part in faces.parts()},
            "copied_from_training": self.leaks(),
            "light": {name: _spread(getattr(self.quality, name)) for name in _MEASURES},
            "annotators": [dataclasses.asdict(part) for part in annotators(faces)],
            "problems": {problem.key: _plain(problem, faces) for problem in self.problems},
            "label_check": None
            if check is None
            else {"accuracy": check.accuracy, "agreement": [dataclasses.asdict(row) for row in check.agreement]},
            "clean": {"use": int(cleaning.use.sum()), "left_out": dict(zip(rules.tolist(), counts.tolist()))},
        }

    def to_json(self, *, drop_label_errors: bool = False) -> str:
        """``to_dict`` as text."""
        return json.dumps(self.to_dict(drop_label_errors=drop_label_errors), indent=2, ensure_ascii=False) + "\n"


def inspect(
    data: Path | str,
    size: int = 48,
    *,
    detect_faces: bool = False,
    tell: Tell = lambda _step, _done, _total: None,
) -> Inspection:
    """Load and inspect a dataset; damaged files are findings.

    Args:
        data: a path that ``mien.data.load`` knows.
        size: side in pixels at which images are compared.
        detect_faces: look for images without a face, among 2,000 at most.
        tell: called with the progress of each step.

    Raises:
        DataError: the data cannot be used.
        MissingExtraError: a package of the extra ``lab`` is not installed.
    """
    path = Path(data)
    damaged: list[Damaged] = []
    notes: list[str] = []

    def put_down(file: Path, why: str) -> None:
        name = file.relative_to(path).as_posix() if file.is_relative_to(path) else str(file)
        damaged.append(Damaged(name, why, file.is_file() and file.stat().st_size == 0))

    faces = load(
        path,
        size,
        progress=lambda done, total: tell("reading data", done, total),
        on_damaged=put_down,
        notes=notes.append,
    )
    found = inspect_dataset(faces, side=size, folder=path, damaged=tuple(damaged), detect_faces=detect_faces, tell=tell)
    return dataclasses.replace(found, notes=tuple(notes))


def inspect_dataset(
    faces: Dataset,
    *,
    side: int,
    folder: Path | None = None,
    damaged: tuple[Damaged, ...] = (),
    detect_faces: bool = False,
    tell: Tell = lambda _step, _done, _total: None,
) -> Inspection:
    """Inspect a dataset that is in memory.

    Args:
        faces: the images.
        side: the side in pixels that they were loaded at.
        folder: what their names are relative to, where they are files.
        damaged: files that could not be decoded.
        detect_faces: run the face detector, on a sample where there are many images.
        tell: called with the progress of each step.

    Raises:
        DataError: there are no images.
        ModelError: the face detector's weights are missing or damaged.
    """
    if not len(faces):
        raise DataError(f"{faces.name}: got no images, expected at least one", hint="Check the path of the data.")

    def step(name: str) -> Callable[[int, int], None]:
        return lambda done, total: tell(name, done, total)

    quality = measure_quality(faces.images, step("image quality"))
    files = read_headers(faces, folder, step("file headers")) if folder else None
    tell("duplicates", 0, 0)
    copies = find_duplicates(faces, quality.blank)
    return Inspection(
        faces=faces,
        side=side,
        damaged=damaged,
        quality=quality,
        copies=copies,
        files=files,
        labels=_labels(faces, quality, copies, step("labels")),
        detection=check_faces(faces, tell=step("faces")) if detect_faces else None,
    )


def _labels(
    faces: Dataset, quality: Quality, copies: Duplicates, tell: Callable[[int, int], None]
) -> LabelCheck | None:
    """The check of the labels, with blank images, which no label fits, kept out of it."""
    seen = np.flatnonzero(~quality.blank)
    check = check_labels(faces.take(seen), copies.near[seen], tell) if len(seen) else None
    if check is None or len(seen) == len(faces):
        return check
    guess, margin = faces.labels.copy(), np.zeros(len(faces), np.float32)
    guess[seen], margin[seen] = check.guess, check.margin
    return LabelCheck(guess, margin, check.accuracy, check.agreement)


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
