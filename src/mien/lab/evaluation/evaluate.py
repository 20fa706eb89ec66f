"""Evaluate a classifier: each head, with and without copies of training images, with and without mirror images."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...benchmarking.bench import processor_name
from ...data.dataset import TRAIN, Dataset, copies_of_training
from ...data.loading import load
from ...data.records import read_columns
from ...emotions import EMOTIONS
from ...errors import DataError
from ...io.atomic import write_atomically
from ...model.card import HeadCard
from ..recipe import Head
from ..sampling import hard_targets, soft_targets
from .classifier import Classifier, mean_of_views, open_classifier, predict
from .metrics import Labels, Scores, VoteTruth, probabilities_at, score

#: The whole split; and without images that have an exact copy in the training part.
OFFICIAL, DEDUP = "official", "dedup"


@dataclass(frozen=True)
class Result:
    """The scores of one head under one condition.

    ``images`` is ``official`` or ``dedup``; ``flip``: whether the logits are the mean of image and mirror image.
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
    """The results of one classifier on one split.

    Attributes:
        parameters: number of trained weights.
        ms_per_image: wall time of one image without its mirror image, in batches, in milliseconds.
        date: ISO 8601, UTC.
        machine: processor and number of cores.
        sha256: of the classifier's weights file; empty if it is not known.
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

    def find(self, head: str, images: str, flip: bool) -> Scores:
        """The scores under one condition.

        Raises:
            DataError: they were not measured.
        """
        for result in self.results:
            if (result.head, result.images, result.flip) == (head, images, flip):
                return result.scores
        measured = "; ".join(result.title for result in self.results)
        raise DataError(f"no scores for {head}, {images}, flip={flip}; measured: {measured}")

    def main(self, images: str = OFFICIAL) -> dict[str, Scores]:
        """The scores of each head, with mirror images averaged, as the reader works by default."""
        return {one.head: one.scores for one in self.results if one.flip and one.images == images}

    def to_json(self) -> str:
        """All results as JSON text."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    def summary(self) -> dict[str, Any]:
        """Plain values without confusion matrices and reliability bins, for a model's card."""
        table = asdict(self)
        for result in table["results"]:
            del result["scores"]["confusion"], result["scores"]["reliability"]
        return table


def evaluate(model: str | Path | Classifier, data: str | Path | Dataset, split: str = "validation") -> Evaluation:
    """Measure a model on one split of a dataset.

    Heads trained on votes are compared with the majority of the votes, others with the labels. Heads without true classes in
    the data are left out. ``dedup`` is measured if the data has a training split.

    Args:
        model: as in ``open_classifier``, or an open classifier.
        data: as in ``mien.data.load``, or a loaded dataset, training part included.
        split: the part to measure on.

    Raises:
        DataError: there is no such split, or no head has true classes in it.
        ModelError: the model cannot be opened.

    Example:
        >>> from mien import lab
        >>> lab.evaluate("default", "fer2013.csv").find("ferplus", "official", True).accuracy  # doctest: +SKIP
    """
    classifier = model if isinstance(model, Classifier) else open_classifier(model)
    faces = data if isinstance(data, Dataset) else load(data, classifier.input.size, color=classifier.input.color)
    part, subsets = faces.part(split), evaluation_subsets(faces, split)
    y_true = true_classes(classifier, faces, split)
    started = time.perf_counter()
    plain = predict(classifier, part.images, flip=False)
    seconds = time.perf_counter() - started
    mirrored = predict(classifier, np.ascontiguousarray(part.images[:, :, ::-1]), flip=False)
    views = {False: plain, True: mean_of_views(plain, mirrored)}
    results = []
    for name, truth in y_true.items():
        head = classifier.heads[name]
        votes = vote_truth(part, classifier.recipe_heads[name], head)
        for images, rows in subsets.items():
            if not (truth[rows] >= 0).any():
                continue
            some = votes and replace(votes, distribution=votes.distribution[rows])
            for flip, logits in views.items():
                scores = score(logits[name][rows], truth[rows], head.emotions, temperature=head.temperature, votes=some)
                results.append(Result(name, images, flip, scores))
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


def true_classes(classifier: Classifier, faces: Dataset, split: str) -> dict[str, Labels]:
    """For each head with a true class in the split: int64 (N,), -1 if an image has none.

    Raises:
        DataError: there is no such split, or no head has true classes in it.
    """
    part = faces.part(split)
    y_true = {
        name: hard_targets(part, head)
        for name, head in classifier.recipe_heads.items()
        if head.targets == "labels" or part.votes is not None
    }
    y_true = {name: truth for name, truth in y_true.items() if (truth >= 0).any()}
    if not y_true:
        hint = "Heads that learned from votes need data with FER+ votes, such as the packed FER2013."
        heads = f"the heads {', '.join(classifier.heads)} of {classifier.name}"
        raise DataError(f"{faces.name}, {split}: no true classes for {heads}", hint=hint)
    return y_true


def evaluation_subsets(faces: Dataset, split: str) -> dict[str, Labels]:
    """Rows of ``split``: ``official``, all of them; ``dedup``, those without an exact copy in the training part."""
    subsets = {OFFICIAL: np.arange(int((faces.split == split).sum()))}
    if split != TRAIN and (faces.split == TRAIN).any():
        subsets[DEDUP] = np.flatnonzero(~copies_of_training(faces, split))
    return subsets


def vote_truth(faces: Dataset, mark: Head, head: HeadCard) -> VoteTruth | None:
    """The votes that a head is compared with; None if it learned from labels."""
    if mark.targets != "votes":
        return None
    distribution = soft_targets(faces, mark.model_copy(update={"label_smoothing": 0.0}))
    return VoteTruth(distribution, head.vote_temperature or head.temperature)


def machine() -> str:
    """Processor and number of cores."""
    return f"{processor_name()}, {os.cpu_count()} cores"


def write_predictions(
    classifier: Classifier, faces: Dataset, path: Path, *, head: str = "", groups: Path | None = None
) -> int:
    """Write a CSV row per image: name, truth, predicted, confidence, the groups, then the probability of each emotion.

    Predictions are averaged over the mirror image; ``head`` takes the first by default. Images without a true class for it
    are left out. ``groups`` is a CSV file with a column ``name``, whose other columns are added to the images that it names.

    Returns:
        The number of images.

    Raises:
        DataError: there is no such head, no image has a true class, or the groups cannot be read or name no image.
    """
    head = head or next(iter(classifier.heads))
    if head not in classifier.heads:
        raise DataError(f"{classifier.name} has no head {head!r}: expected one of {', '.join(classifier.heads)}")
    emotions, temperature = list(classifier.heads[head].emotions), classifier.heads[head].temperature
    y_true = hard_targets(faces, classifier.recipe_heads[head])
    used = np.flatnonzero(y_true >= 0)
    if not len(used):
        raise DataError(f"{faces.name}: no image has a true class for the head {head}", hint="Choose another head.")
    faces = faces.take(used)
    logits = predict(classifier, faces.images, flip=True)[head]
    probabilities = pd.DataFrame(probabilities_at(logits, temperature), columns=emotions)
    table = pd.DataFrame({"name": faces.names, "truth": np.array(emotions)[y_true[used]]})
    table = table.assign(predicted=probabilities.idxmax(axis=1), confidence=probabilities.max(axis=1).round(4))
    if groups:
        table = table.merge(_groups(groups, faces), "left", on="name").fillna("")
    write_atomically(path, pd.concat([table, probabilities.round(4)], axis=1).to_csv(index=False).encode())
    return len(table)


def _groups(path: Path, faces: Dataset) -> pd.DataFrame:
    """The names and the further columns of a file of groups."""
    table = pd.DataFrame(read_columns(path, ("name",)))
    if not table["name"].isin(faces.names).any():
        hint = "Make it from the same data: mien audit attributes DATA --out FILE."
        expected = f"expected names such as {str(faces.names[0])!r}"
        raise DataError(f"{path}: no row names an image of {faces.name}: {expected}", hint=hint)
    own = {"truth", "predicted", "confidence", "face", *EMOTIONS}
    return table[[name for name in table if name not in own]].drop_duplicates("name", keep="last")
