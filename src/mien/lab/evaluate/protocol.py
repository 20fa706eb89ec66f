"""What is measured of a classifier: each head, with and without copied images, with and without mirror images."""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import numpy as np
import numpy.typing as npt

from ...benchmarking.environment import processor_name
from ...data.dataset import TRAIN, Dataset, copies_of_training
from ...errors import DataError
from ...model.card import HeadCard
from ..recipe import Head
from ..targets import hard_targets, soft_targets
from .predict import Classifier, Logits, mean_of_views, predict
from .scores import Scores, VoteTruth, score

OFFICIAL, DEDUP = "official", "dedup"


@dataclass(frozen=True)
class Result:
    """The scores of one head under one condition.

    Attributes:
        head: the head's name.
        images: ``official`` (the whole split) or ``dedup`` (without images whose exact copy is in the training part).
        flip: whether the logits are the mean of image and mirror image.
        scores: the figures.
    """

    head: str
    images: str
    flip: bool
    scores: Scores

    @property
    def title(self) -> str:
        """Such as ``ferplus, official, flip``."""
        return f"{self.head}, {self.images}{', flip' if self.flip else ''}"


@dataclass(frozen=True)
class Evaluation:
    """All that was measured of one classifier on one split.

    Attributes:
        model: the classifier's name.
        data: the data set's name.
        split: ``train``, ``validation`` or ``test``.
        parameters: number of trained weights.
        ms_per_image: wall time of one image without its mirror image, in batches, in milliseconds; on a busy machine
            it says little.
        date: when, ISO 8601, UTC.
        machine: processor and number of cores.
        results: head by head.
        sha256: of the classifier's weights file; empty where it is not known.
    """

    model: str
    data: str
    split: str
    parameters: int
    ms_per_image: float
    date: str
    machine: str
    results: tuple[Result, ...]
    sha256: str = ""

    def find(self, head: str, pictures: str, flip: bool) -> Scores:
        """The scores under one condition.

        Raises:
            DataError: they were not measured.
        """
        for result in self.results:
            if (result.head, result.images, result.flip) == (head, pictures, flip):
                return result.scores
        measured = "; ".join(result.title for result in self.results)
        raise DataError(f"no scores for {head}, {pictures}, flip={flip}; measured: {measured}")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dataclasses.asdict(self)

    def summary(self) -> dict[str, Any]:
        """Plain values without confusion matrices and reliability bins, which a model's card has no room for."""
        table = self.as_dict()
        for result in table["results"]:
            del result["scores"]["confusion"], result["scores"]["reliability"]
        return table


def evaluate(classifier: Classifier, faces: Dataset, split: str = "validation") -> Evaluation:
    """Measure ``classifier`` on one split of a data set.

    A head that learned from votes is marked against the votes' majority, any other against the labels; heads that the
    data cannot mark are left out. ``dedup`` is measured where the data has a training part to compare with, and where
    images with a right answer are left without the copies.

    Args:
        classifier: from ``open_classifier``.
        faces: the whole data set, training part included.
        split: the part to measure on.

    Raises:
        DataError: there is no such split, or nothing in it that a head can be marked against.
    """
    part = faces.part(split)
    answers = {
        name: hard_targets(part, mark)
        for name, mark in classifier.marks.items()
        if mark.targets == "labels" or part.votes is not None
    }
    if not any((known >= 0).any() for known in answers.values()):
        raise DataError(
            f"{faces.name}, {split}: nothing in it marks the heads {', '.join(classifier.heads)} of {classifier.name}",
            hint="Heads that learned from votes need data with FER+ votes, such as the packed FER2013.",
        )
    subsets = judged_subsets(faces, split)
    started = time.perf_counter()
    plain = predict(classifier, part.images, flip=False)
    seconds = time.perf_counter() - started
    mirrored = predict(classifier, np.ascontiguousarray(part.images[:, :, ::-1]), flip=False)
    views = {False: plain, True: mean_of_views(plain, mirrored)}
    results = [
        Result(name, pictures, flip, _scores(classifier, name, part, rows, logits))
        for name in answers
        for pictures, rows in subsets.items()
        if (answers[name][rows] >= 0).any()
        for flip, logits in views.items()
    ]
    return Evaluation(
        model=classifier.name,
        data=faces.name,
        split=split,
        parameters=classifier.parameters,
        ms_per_image=1000 * seconds / len(part),
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        machine=machine(),
        results=tuple(results),
        sha256=classifier.sha256,
    )


def judged_subsets(faces: Dataset, split: str) -> dict[str, npt.NDArray[np.int64]]:
    """Rows of ``split`` to judge by: ``official``, all of them; ``dedup``, those without a copy in the training part."""
    subsets = {OFFICIAL: np.arange(int((faces.split == split).sum()))}
    if split != TRAIN and (faces.split == TRAIN).any():
        subsets[DEDUP] = np.flatnonzero(~copies_of_training(faces, split))
    return subsets


def vote_truth(faces: Dataset, mark: Head, head: HeadCard) -> VoteTruth | None:
    """The votes that a head is compared with; None where it learned from labels."""
    if mark.targets != "votes":
        return None
    distribution = soft_targets(faces, dataclasses.replace(mark, label_smoothing=0.0))
    return VoteTruth(distribution, head.vote_temperature or head.temperature)


def machine() -> str:
    """Processor and number of cores, in words."""
    return f"{processor_name()}, {os.cpu_count()} cores"


def _scores(classifier: Classifier, name: str, part: Dataset, rows: npt.NDArray[np.int64], logits: Logits) -> Scores:
    head, mark, some = classifier.heads[name], classifier.marks[name], part.take(rows)
    return score(
        logits[name][rows],
        hard_targets(some, mark),
        head.emotions,
        temperature=head.temperature,
        votes=vote_truth(some, mark, head),
    )
