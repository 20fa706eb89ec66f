"""Data sets of faces that were cut out already, such as FER2013, as images to audit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...data.dataset import Dataset
from ...emotions import EMOTIONS
from ...extras import require
from .reading import Labeled
from .table import Table

_HEADER = 4096  # bytes at most that the names of the columns of Kaggle's file take


def is_dataset(path: Path) -> bool:
    """Whether the lab knows this as a data set of faces: packed ``.npz``, or Kaggle's CSV file with a column of pixels."""
    if path.suffix.lower() == ".csv" and path.is_file():
        with path.open("rb") as file:
            return b"pixels" in file.readline(_HEADER).lower()
    return path.suffix.lower() == ".npz"


def labeled_faces(faces: Dataset, path: Path, head: str) -> Labeled:
    """The images of a data set, to be read; their groups are still to be measured.

    Args:
        faces: the part of it to audit.
        path: where it is, for messages.
        head: the head that will read. ``ferplus`` answers as FER+'s annotators do: where there are votes, the right answer
            is their majority, and images without one have none. Every other head is held against the labels.
    """
    labels = faces.labels
    if faces.votes is not None and head == "ferplus":
        labels = faces.votes.majority()
    truth = np.array([*EMOTIONS, ""], object)[labels]
    table = Table(str(path), require("pandas", "audit").DataFrame({"image": faces.names, "truth": truth}))
    return Labeled(table, path, "image", False, "truth", (), faces=faces)
