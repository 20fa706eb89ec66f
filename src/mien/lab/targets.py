"""From a data set's labels and votes to what one head should learn, and to what it is marked against."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..data.dataset import Dataset, Votes
from ..emotions import EMOTIONS, label_set, positions
from ..errors import DataError
from .recipe import Head


def soft_targets(faces: Dataset, head: Head) -> npt.NDArray[np.float32]:
    """What ``head`` learns: float32 (N, K), each row a distribution over its classes, or all zero to leave it out.

    Raises:
        DataError: the head learns from votes and the data has none.
    """
    classes = label_set(head.emotions)
    if head.targets == "votes":
        shares = _votes(faces).distribution()[:, positions(classes, EMOTIONS)]
        total = shares.sum(1, keepdims=True)
        targets = np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
    else:
        hard = hard_targets(faces, head)
        targets = np.zeros((len(faces), len(classes)), np.float32)
        known = np.flatnonzero(hard >= 0)
        targets[known, hard[known]] = 1
    used = targets.sum(1, keepdims=True) > 0
    smooth = head.label_smoothing
    return np.asarray(np.where(used, targets * (1 - smooth) + smooth / len(classes), 0), np.float32)


def hard_targets(faces: Dataset, head: Head) -> npt.NDArray[np.int64]:
    """What ``head`` is marked against: int64 (N,), index into its classes, -1 where there is no right answer.

    The label itself, or the majority of the votes as FER+'s authors define it.

    Raises:
        DataError: the head learns from votes and the data has none.
    """
    classes = label_set(head.emotions)
    truth = _votes(faces).majority() if head.targets == "votes" else faces.labels
    rank = np.full(len(EMOTIONS) + 1, -1, np.int64)  # the last entry catches index -1: no answer
    rank[positions(classes, EMOTIONS)] = np.arange(len(classes))
    return rank[truth]


def _votes(faces: Dataset) -> Votes:
    if faces.votes is None:
        raise DataError(
            f"{faces.name} has one label an image, but a head of this recipe learns from annotators' votes",
            hint='Use a recipe whose heads have targets = "labels" (the built-in "seven" is one), or data with FER+ votes.',
        )
    return faces.votes
