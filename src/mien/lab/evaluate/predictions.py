"""What a model says of each image of a data set, as a table that can be audited."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ...data.dataset import Dataset
from ...emotions import EMOTIONS
from ...errors import DataError
from ...io.atomic import replacing
from ...io.rows import Row
from ...io.tables import write_csv
from ..targets import hard_targets
from .calibration import probabilities_at
from .predict import Classifier, predict

_OWN = ("name", "truth", "predicted", "confidence", "face")


def write_predictions(
    classifier: Classifier, faces: Dataset, path: Path, *, head: str = "", groups: Path | None = None
) -> int:
    """Write a row an image: name, truth, predicted, confidence, the groups, then the probability of each emotion.

    Args:
        classifier: whose answers, averaged over the mirror image.
        faces: the images; those without a right answer for the head are left out.
        path: the CSV file.
        head: which head; empty takes the first.
        groups: a CSV file with a column ``name``, whose other columns are added to the images that it names.

    Returns:
        How many images.

    Raises:
        DataError: there is no such head, no image has a right answer, or the groups cannot be read or name no image.
        OutputError: the file cannot be written.
    """
    known = list(classifier.heads)
    head = head or known[0]
    if head not in known:
        raise DataError(
            f"{classifier.name} has no head {head!r}: it has {', '.join(known)}", hint="Choose one of these."
        )
    emotions = classifier.heads[head].emotions
    answers = hard_targets(faces, classifier.marks[head])
    used = np.flatnonzero(answers >= 0)
    if not len(used):
        raise DataError(f"{faces.name}: no image has a right answer for the head {head}", hint="Choose another head.")
    faces = faces.take(used)
    extra, cells = _groups(groups, faces) if groups else ((), {})
    logits = predict(classifier, faces.images, flip=True)[head]
    shares = probabilities_at(logits, classifier.heads[head].temperature)
    rows: list[Row] = []
    for name, answer, share in zip(faces.names.tolist(), answers[used].tolist(), shares):
        best = int(share.argmax())
        row: Row = {
            "name": name,
            "truth": emotions[answer],
            "predicted": emotions[best],
            "confidence": round(float(share[best]), 4),
        }
        row |= dict(zip(extra, cells.get(name, [""] * len(extra))))
        rows.append(row | {emotion: round(float(value), 4) for emotion, value in zip(emotions, share)})
    with replacing(path) as file:
        write_csv(file, tuple(rows[0]), rows)
    return len(rows)


def _groups(path: Path, faces: Dataset) -> tuple[tuple[str, ...], dict[str, list[str]]]:
    """The columns that a file of groups adds, and their cells by the image's name."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            columns = tuple(name for name in table.fieldnames or () if name not in (*_OWN, *EMOTIONS))
            wanted = set(faces.names.tolist())
            cells = {row["name"]: [row[name] or "" for name in columns] for row in table if row.get("name") in wanted}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path} cannot be read as groups: {error}", hint="Make it with 'mien audit attributes DATA --out FILE'."
        ) from error
    if not cells:
        raise DataError(
            f"{path}: no row names an image of {faces.name}: expected a column 'name' with names such as "
            f"{str(faces.names[0])!r}",
            hint="Make it from the same data: mien audit attributes DATA --out FILE.",
        )
    return columns, cells
