"""Inspect a dataset: classes, image quality, duplicates and leaks, damaged files, probable label errors."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...data import load
from ...data.dataset import Dataset
from ...errors import DataError
from ...progress import Progress, no_progress
from .augmented import AugmentedCopies, find_augmented
from .labels import LabelCheck, annotators, check_labels
from .measures import FaceCheck, FileHeaders, Quality, check_faces, measure_quality, read_headers
from .problems import LEARNED, Cleaning, Damaged, Duplicates, Problem, clean, find_duplicates, find_problems


@dataclass(frozen=True)
class Inspection:
    """The result of an inspection.

    Attributes:
        faces: the N images that could be decoded.
        side: requested side of the images in pixels.
        damaged, copies, quality: files that could not be decoded, duplicates, and measurements of the images.
        files: sizes and modes of the files; None if the images are not in files.
        labels: probable label errors; None if there are too few images.
        detection: images without a face; None if not requested.
        augmented: training images that are mirrored, turned or cropped images of another split.
        notes: remarks on how the data was read, one sentence each.
    """

    faces: Dataset
    side: int
    damaged: tuple[Damaged, ...]
    quality: Quality
    copies: Duplicates
    files: FileHeaders | None
    labels: LabelCheck | None
    detection: FaceCheck | None
    augmented: AugmentedCopies
    notes: tuple[str, ...] = ()

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """All kinds of problems that were looked for, those that no image has included."""
        return find_problems(self)

    def clean(self, *, drop_label_errors: bool = False) -> Cleaning:
        """The images to leave out; see ``mien.lab.inspection.problems.RULES``."""
        return clean(self, drop_label_errors=drop_label_errors)

    def leaks(self) -> dict[str, dict[str, int]]:
        """Of each split that evaluates: images with an exact, and with an exact or near, duplicate in training."""
        split, learned = self.faces.split, np.isin(self.faces.split, LEARNED)
        return {
            part: {
                name: int(np.isin(ids[split == part], ids[learned]).sum()) for name, ids in vars(self.copies).items()
            }
            for part in self.faces.parts()
            if part not in LEARNED
        }

    def to_dict(self, *, drop_label_errors: bool = False) -> dict[str, Any]:
        """Everything that was found, with the names of all images, as plain values."""
        faces, check, cleaning = self.faces, self.labels, self.clean(drop_label_errors=drop_label_errors)
        rules, counts = np.unique(cleaning.rule[~cleaning.use], return_counts=True)
        light = {
            name: np.percentile(getattr(self.quality, name), [5, 50, 95])
            for name in ("brightness", "contrast", "sharpness")
        }
        return {
            "name": faces.name,
            "images": len(faces),
            "side": list(faces.images.shape[1:3]),
            "color": "rgb" if faces.images.ndim == 4 else "gray",
            "notes": list(self.notes),
            "classes": {part: faces.counts(part) for part in faces.parts()},
            "copied_from_training": self.leaks(),
            "light": {name: [round(float(value), 4) for value in spread] for name, spread in light.items()},
            "annotators": annotators(faces),
            "problems": {problem.kind.value: _plain(problem, faces) for problem in self.problems},
            "label_check": check
            and {
                "judge": check.judge,
                "reliable": check.is_reliable,
                "accuracy": check.accuracy,
                "agreement": [asdict(row) for row in check.agreement],
            },
            "clean": {"use": int(cleaning.use.sum()), "left_out": dict(zip(rules.tolist(), counts.tolist()))},
        }

    def to_json(self, *, drop_label_errors: bool = False) -> str:
        """``to_dict`` as text."""
        return json.dumps(self.to_dict(drop_label_errors=drop_label_errors), indent=2, ensure_ascii=False) + "\n"


def inspect(
    data: Path | str | Dataset, size: int = 48, *, detect_faces: bool = False, progress: Progress = no_progress
) -> Inspection:
    """Inspect a dataset. Damaged files are reported, not raised.

    Args:
        data: a dataset, or a path for ``mien.data.load``.
        size: side in pixels at which images are loaded and compared.
        detect_faces: count images without a face, in a sample of at most 2,000.
        progress: called after each step.

    Raises:
        DataError: the data cannot be used, or there are no images.
        ModelError: the face detector's weights are missing or damaged.
        MissingExtraError: a package of the extra ``lab`` is not installed.
    """
    damaged: list[Damaged] = []
    notes: list[str] = []
    folder = None if isinstance(data, Dataset) else Path(data)

    def note_damaged(file: Path, why: str) -> None:
        name = file.relative_to(folder).as_posix() if folder and file.is_relative_to(folder) else str(file)
        damaged.append(Damaged(name, why, file.is_file() and file.stat().st_size == 0))

    def reading(done: int, total: int | None, note: str = "reading data") -> None:
        progress(done, total, note)

    if isinstance(data, Dataset):
        faces = data
    else:
        faces = load(data, size, progress=reading, on_damaged=note_damaged, notes=notes.append)
    if not len(faces):
        raise DataError(f"{faces.name}: got no images, expected at least one", hint="Check the path of the data.")
    quality = measure_quality(faces.images, progress)
    files = read_headers(faces, folder, progress) if folder else None
    progress(0, None, "duplicates")
    copies = find_duplicates(faces, quality.blank)
    labels = check_labels(faces, copies.near, quality.blank, progress)
    detection = check_faces(faces, progress=progress) if detect_faces else None
    augmented = find_augmented(faces, np.isin(faces.split, LEARNED), quality.blank, progress)
    return Inspection(faces, size, tuple(damaged), quality, copies, files, labels, detection, augmented, tuple(notes))


def _plain(problem: Problem, faces: Dataset) -> dict[str, Any]:
    rows = [row for row in problem.rows.tolist() if row in problem.remarks]
    return {
        "title": problem.title,
        "meaning": problem.meaning,
        "images": problem.count,
        "groups": [faces.names[group].tolist() for group in problem.groups],
        "files": dict(problem.files),
        "remarks": {str(faces.names[row]): problem.remarks[row] for row in rows},
    }
