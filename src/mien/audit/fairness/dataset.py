"""Data sets of faces that were cut out already, such as FER2013, as pictures to audit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...emotions import EMOTIONS
from ...extras import require
from ...lab.dataset.faces import FaceSet
from .reading import Labelled
from .table import Table

_HEADER = 4096  # bytes at most that the names of the columns of Kaggle's file take


def is_dataset(path: Path) -> bool:
    """Whether the lab knows this as a data set of faces: packed ``.npz``, or Kaggle's CSV file with a column of pixels."""
    if path.suffix.lower() == ".csv" and path.is_file():
        with path.open("rb") as file:
            return b"pixels" in file.readline(_HEADER).lower()
    return path.suffix.lower() == ".npz"


def labelled_faces(faces: FaceSet, path: Path, head: str) -> Labelled:
    """The pictures of a data set, to be read; their groups are still to be measured.

    Args:
        faces: the part of it to audit.
        path: where it is, for messages.
        head: the head that will read. ``ferplus`` answers as FER+'s annotators do: where there are votes, the right answer
            is their majority, and pictures without one have none. Every other head is held against the labels.
    """
    labels = faces.labels
    if faces.votes is not None and head == "ferplus":
        labels = faces.votes.majority()
    truth = np.array([*EMOTIONS, ""], object)[labels]
    table = Table(str(path), require("pandas", "audit").DataFrame({"picture": faces.names, "truth": truth}))
    return Labelled(table, path, "picture", False, "truth", (), faces=faces)
