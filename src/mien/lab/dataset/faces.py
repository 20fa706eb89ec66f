"""What a data set of face pictures is, once it is in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...emotions import EMOTIONS
from ...errors import DataError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)

_MISSING_PART = {
    TRAIN: "Put the pictures to learn from into a folder 'train/', or give their rows the Usage 'Training'.",
    VALIDATION: "To train or export, move a part of the training pictures, such as every tenth, to a folder 'validation/' "
    "(in a CSV file: give those rows the Usage 'PublicTest'). Do not take test pictures: who chooses by them has no honest "
    "test left.",
    TEST: "Put the pictures for the last judgement into a folder 'test/', or give their rows the Usage 'PrivateTest'.",
}


@dataclass(frozen=True)
class Votes:
    """What several annotators said of each picture, as FER+ gives it (Barsoum et al. 2016, arXiv 1608.01041).

    Attributes:
        emotions: uint8 (N, 8), votes for each emotion, columns in the vocabulary's order.
        unknown: uint8 (N,), votes for "cannot say".
        no_face: uint8 (N,), votes for "there is no face".
    """

    emotions: npt.NDArray[np.uint8]
    unknown: npt.NDArray[np.uint8]
    no_face: npt.NDArray[np.uint8]

    def distribution(self) -> npt.NDArray[np.float32]:
        """float32 (N, 8): the share of each emotion among the emotion votes.

        A row is all zero where "no face" has the most votes or nobody named an emotion.
        """
        votes = self.emotions.astype(np.float32)
        usable = (votes.sum(1) > 0) & (self.no_face < np.maximum(votes.max(1), 1))
        total = np.maximum(votes.sum(1, keepdims=True), 1)
        return np.asarray(np.where(usable[:, None], votes / total, 0), np.float32)

    def majority(self) -> npt.NDArray[np.int64]:
        """int64 (N,): the emotion that FER+'s authors call the majority, -1 where there is none.

        Single votes are dropped as outliers; the emotion must then hold more than half of what is left
        (``majority`` mode of the authors' code, microsoft/FERPlus).
        """
        votes = np.column_stack([self.emotions, self.unknown, self.no_face]).astype(np.int64)
        votes[votes <= 1] = 0
        top = votes.argmax(1)
        clear = 2 * votes.max(1) > votes.sum(1)
        return np.where(clear & (top < len(EMOTIONS)), top, -1)


@dataclass(frozen=True)
class FaceSet:
    """Pictures of faces with their labels.

    Attributes:
        name: what to call the set in reports.
        images: uint8 (N, H, W), grayscale, 0-255; each picture is one face.
        labels: int64 (N,), index into the vocabulary (``mien.emotions.EMOTIONS``).
        split: str (N,), one of ``train``, ``validation``, ``test``.
        votes: annotators' votes, or None where the set has single labels only.
    """

    name: str
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    split: npt.NDArray[np.str_]
    votes: Votes | None = None

    def __post_init__(self) -> None:
        n = len(self.images)
        if self.images.ndim != 3 or self.images.dtype != np.uint8:
            raise DataError(f"images: got {self.images.dtype} {self.images.shape}, expected uint8 (N, H, W)")
        if not (len(self.labels) == len(self.split) == n):
            raise DataError(f"{n} images, {len(self.labels)} labels and {len(self.split)} splits: expected as many")

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> FaceSet:
        """The pictures in ``rows`` (a mask or indices)."""
        votes = self.votes and Votes(self.votes.emotions[rows], self.votes.unknown[rows], self.votes.no_face[rows])
        return replace(self, images=self.images[rows], labels=self.labels[rows], split=self.split[rows], votes=votes)

    def part(self, split: str) -> FaceSet:
        """The pictures of one split.

        Raises:
            DataError: it has none.
        """
        rows = self.split == split
        if not rows.any():
            raise DataError(
                f"{self.name} has no pictures for {split!r}: it has {', '.join(sorted(set(self.split.tolist())))}",
                hint=_MISSING_PART[split],
            )
        return self.take(rows)


def copies_of_training(faces: FaceSet, split: str) -> npt.NDArray[np.bool_]:
    """Bool (n,): which pictures of ``split`` are pixel for pixel in the training part too."""

    def digest(image: npt.NDArray[np.uint8]) -> bytes:
        return hashlib.blake2b(image.tobytes(), digest_size=16).digest()

    known = {digest(image) for image in faces.images[faces.split == TRAIN]}
    return np.array([digest(image) in known for image in faces.images[faces.split == split]], bool)
