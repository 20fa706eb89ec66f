"""All that is asked of a head's probabilities, on one split of a data set."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...data.dataset import Dataset
from ...errors import DataError
from ..evaluate.calibration import Reliability, probabilities_at, reliability
from ..evaluate.predict import Classifier, Logits, predict
from ..evaluate.protocol import judged_subsets, vote_truth
from ..targets import hard_targets
from .annotators import Agreement, Divided, agreement, divided
from .selective import Selective, selective
from .sureness import ClassSureness, Sureness, by_class, by_label_set, sureness


@dataclass(frozen=True)
class HeadCertainty:
    """One head of one model.

    Attributes:
        model, head: which.
        images: ``official`` (the whole split) or ``dedup`` (without exact copies of training images).
        overall: calibration over all emotions.
        classes: of each emotion.
        label_sets: when told to choose from fewer emotions.
        bins: for the reliability diagram.
        votes: agreement with the annotators; None where there are no votes.
        mixed: finding the faces that divide them; likewise.
        answered: what is gained by abstaining.
        data, split: what it was measured on.
        sha256: of the model's weights file; empty where it is not known.
    """

    model: str
    head: str
    images: str
    overall: Sureness
    classes: dict[str, ClassSureness]
    label_sets: dict[str, Sureness]
    bins: Reliability
    votes: Agreement | None
    mixed: Divided | None
    answered: Selective
    data: str = ""
    split: str = ""
    sha256: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def measure(classifier: Classifier, faces: Dataset, split: str = "validation") -> list[HeadCertainty]:
    """Measure every head that the data can mark, on the whole split and without copies of training images.

    Mirror images are averaged, as the reader does by default.

    Args:
        classifier: from ``open_classifier``; its temperatures are those measured.
        faces: the whole data set.
        split: the part to measure on.

    Raises:
        DataError: there is no such split, or nothing in it marks a head.
    """
    part = faces.part(split)
    logits = predict(classifier, part.images, flip=True)
    found = [
        _head(classifier, name, pictures, part.take(rows), {name: logits[name][rows]}, split)
        for name, mark in classifier.marks.items()
        if mark.targets == "labels" or part.votes is not None
        for pictures, rows in judged_subsets(faces, split).items()
        if (hard_targets(part.take(rows), mark) >= 0).any()
    ]
    if not found:
        raise DataError(
            f"{faces.name}, {split}: nothing in it marks the heads {', '.join(classifier.heads)} of {classifier.name}",
            hint="Heads that learned from votes need data with FER+ votes, such as the packed FER2013.",
        )
    return found


def _head(classifier: Classifier, name: str, pictures: str, part: Dataset, logits: Logits, split: str) -> HeadCertainty:
    head, mark = classifier.heads[name], classifier.marks[name]
    answers = hard_targets(part, mark)
    known = np.flatnonzero(answers >= 0)
    scores, truth = logits[name][known], answers[known]
    probabilities = probabilities_at(scores, head.temperature)
    voted = vote_truth(part, mark, head)
    votes, mixed = None, None
    if voted is not None and part.votes is not None and (rows := np.flatnonzero(voted.distribution.sum(1) > 0)).size:
        expected = probabilities_at(logits[name][rows], voted.temperature)
        shares: npt.NDArray[np.floating] = voted.distribution[rows].astype(np.float64)
        votes = agreement(expected, shares, part.votes.emotions[rows].sum(1).astype(np.int64))
        mixed = divided(expected, shares)
    return HeadCertainty(
        model=classifier.name,
        head=name,
        images=pictures,
        overall=sureness(scores, truth, head.temperature),
        classes=by_class(probabilities, truth, head.emotions),
        label_sets=by_label_set(scores, truth, head.emotions, head.temperature),
        bins=reliability(probabilities, truth),
        votes=votes,
        mixed=mixed,
        answered=selective(probabilities.max(1), probabilities.argmax(1) == truth),
        data=part.name,
        split=split,
        sha256=classifier.sha256,
    )
