"""Fit the temperatures of the heads on validation data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...data.dataset import INNER, VALIDATION, Dataset, copies_of_training
from ..targets import hard_targets
from .calibration import fit_temperature, fit_vote_temperature
from .predict import Classifier, predict
from .protocol import vote_truth


def chosen_by(faces: Dataset) -> str:
    """The part that settings and temperatures are chosen by: ``inner`` where there is one, else ``validation``."""
    return INNER if (faces.split == INNER).any() else VALIDATION


def rows_to_fit(faces: Dataset, split: str, usable: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The usable rows of a part that are no copies of training images, or all usable ones if there are only copies.

    Args:
        faces: the whole data set.
        split: the part.
        usable: bool (n,), which of its images can be fitted to.
    """
    fresh = usable & ~copies_of_training(faces, split)
    return np.flatnonzero(fresh if fresh.any() else usable)


def calibrated(classifier: Classifier, faces: Dataset, split: str = VALIDATION) -> Classifier:
    """The classifier with temperatures fitted on one part of the data, read with mirror images.

    Copies of training images are left out, unless nothing else is left; a temperature that nothing in the part can be
    fitted to stays as it is.

    Args:
        classifier: of any kind.
        faces: the whole data set.
        split: the part to fit on.

    Raises:
        DataError: there is no such part, or it lacks the votes that a head is marked against.
    """
    part = faces.part(split)
    logits = predict(classifier, part.images, flip=True)
    heads = {}
    for name, head in classifier.heads.items():
        mark = classifier.marks[name]
        answers, votes = hard_targets(part, mark), vote_truth(part, mark, head)
        temperature, vote_temperature = head.temperature, head.vote_temperature
        rows = rows_to_fit(faces, split, answers >= 0)
        if len(rows):
            temperature = fit_temperature(logits[name][rows], answers[rows])
        if votes:
            rows = rows_to_fit(faces, split, votes.distribution.sum(1) > 0)
            if len(rows):
                vote_temperature = fit_vote_temperature(logits[name][rows], votes.distribution[rows])
        heads[name] = replace(head, temperature=temperature, vote_temperature=vote_temperature)
    return replace(classifier, heads=heads)
