"""The Dataset: labeled face images with votes, splits and groups."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..emotions import EMOTIONS, FERPLUS_ORDER
from ..errors import DataError

TRAIN, INNER, VALIDATION, TEST = "train", "inner", "validation", "test"
SPLITS = (TRAIN, INNER, VALIDATION, TEST)
#: The split of images that are not split yet; see ``mien.data.splits``.
UNDIVIDED = "undivided"

_MISSING_PART = {
    INNER: "Set data.inner in the recipe: a share of the training images.",
    TRAIN: "Put training images into a folder 'train/', or give their rows the Usage 'Training'.",
    VALIDATION: "Move a part of the training images, such as every tenth, to a folder 'validation/', or give their rows "
    "the Usage 'PublicTest'. Do not take test images: a test set must not choose the model.",
    TEST: "Put test images into a folder 'test/', or give their rows the Usage 'PrivateTest'.",
}


@dataclass(frozen=True)
class Votes:
    """Annotators' votes on each image, as in FER+ (Barsoum et al. 2016, arXiv 1608.01041).

    ``emotions``, uint8 (N, 8), has columns in the vocabulary's order; ``unknown`` and ``no_face`` are uint8 (N,).
    """

    emotions: npt.NDArray[np.uint8]
    unknown: npt.NDArray[np.uint8]
    no_face: npt.NDArray[np.uint8]

    @classmethod
    def from_ferplus(cls, table: npt.NDArray[np.uint8]) -> Votes:
        """Votes from FER+'s ten columns, uint8 (N, 10): its eight emotions in its own order, unknown, no face."""
        order = [FERPLUS_ORDER.index(emotion) for emotion in EMOTIONS]
        return cls(emotions=table[:, order], unknown=table[:, 8], no_face=table[:, 9])

    def distribution(self) -> npt.NDArray[np.float32]:
        """float32 (N, 8): the share of each emotion among its votes; zeros if "no face" leads or no emotion was named."""
        votes = self.emotions.astype(np.float32)
        usable = (votes.sum(1) > 0) & (self.no_face < np.maximum(votes.max(1), 1))
        total = np.maximum(votes.sum(1, keepdims=True), 1)
        return np.asarray(np.where(usable[:, None], votes / total, 0), np.float32)

    def majority(self) -> npt.NDArray[np.int64]:
        """int64 (N,): the majority emotion as FER+'s authors define it, -1 if there is none.

        As in their code (microsoft/FERPlus), single votes are dropped; the emotion must then have more than half of the
        remaining votes.
        """
        votes = np.column_stack([self.emotions, self.unknown, self.no_face]).astype(np.int64)
        votes[votes <= 1] = 0
        top = votes.argmax(1)
        clear = 2 * votes.max(1) > votes.sum(1)
        return np.where(clear & (top < len(EMOTIONS)), top, -1)


@dataclass(frozen=True)
class Dataset:
    """Images of faces with their labels.

    Attributes:
        name: shown in reports.
        images: uint8 (N, H, W), grayscale, or (N, H, W, 3), RGB; 0-255; each image is one face.
        labels: int64 (N,), index into the vocabulary (``mien.emotions.EMOTIONS``).
        split: str (N,), one of ``train``, ``validation``, ``test``, or ``inner`` (a part of the training images for
            making choices).
        votes: annotators' votes, or None for single labels.
        names: str (N,), source of each image: a file, or a line or row of one. If empty, images are numbered.
    """

    name: str
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    split: npt.NDArray[np.str_]
    votes: Votes | None = None
    names: npt.NDArray[np.str_] = field(default_factory=lambda: np.array([], np.str_))

    def __post_init__(self) -> None:
        n, shape = len(self.images), self.images.shape
        if self.images.dtype != np.uint8 or not (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3)):
            raise DataError(f"images: got {self.images.dtype} {shape}, expected uint8 (N, H, W) or (N, H, W, 3)")
        if not len(self.names):
            object.__setattr__(self, "names", np.array([f"#{row}" for row in range(n)], np.str_))
        if not (len(self.labels) == len(self.split) == len(self.names) == n):
            counts = f"{n} images, {len(self.labels)} labels, {len(self.split)} splits, {len(self.names)} names"
            raise DataError(f"{counts}: expected as many of each")

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Dataset:
        """The images in ``rows`` (a mask or indices)."""
        votes = self.votes and Votes(self.votes.emotions[rows], self.votes.unknown[rows], self.votes.no_face[rows])
        return Dataset(self.name, self.images[rows], self.labels[rows], self.split[rows], votes, self.names[rows])

    def parts(self) -> tuple[str, ...]:
        """The splits that have images, in the order of ``SPLITS``."""
        return tuple(split for split in SPLITS if (self.split == split).any())

    def counts(self, split: str) -> dict[str, int]:
        """Images of each emotion in ``split``; emotions without any are left out."""
        labels, counts = np.unique(self.labels[self.split == split], return_counts=True)
        return {EMOTIONS[label]: int(n) for label, n in zip(labels, counts)}

    def part(self, split: str) -> Dataset:
        """The images of one split; ``DataError`` if it has none."""
        rows = self.split == split
        if not rows.any():
            message = f"{self.name} has no images for {split!r}: it has {', '.join(sorted(set(self.split.tolist())))}"
            raise DataError(message, hint=_MISSING_PART[split])
        return self.take(rows)


def named_by_content(places: Sequence[str], images: npt.NDArray[np.uint8]) -> npt.NDArray[np.str_]:
    """Names, str (N,), with eight digits of the hash of each image, so that a list of names fits no other data."""
    marks = (hashlib.blake2b(image.tobytes(), digest_size=4).hexdigest() for image in images)
    return np.array([f"{place} {mark}" for place, mark in zip(places, marks)], np.str_)


def copies_of_training(faces: Dataset, split: str) -> npt.NDArray[np.bool_]:
    """Bool (n,): whether an image of ``split`` has an exact copy in the training split."""

    def digest(image: npt.NDArray[np.uint8]) -> bytes:
        return hashlib.blake2b(image.tobytes(), digest_size=16).digest()

    known = {digest(image) for image in faces.images[faces.split == TRAIN]}
    return np.array([digest(image) in known for image in faces.images[faces.split == split]], bool)
