"""Probable label errors, and agreement of annotators with one another and with the labels."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import entr, softmax
from sklearn.decomposition import PCA
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression

from ...data.dataset import Dataset, Votes
from ...emotions import EMOTIONS, positions
from ...model.card import InputSpec
from ...model.preprocess import resize, to_tensor
from ...progress import Progress, no_progress
from ..evaluation.classifier import open_classifier, predict
from ..features import HandcraftedFeatures, compute_features

FOLDS = 5
#: A class of fewer images, copies counted once, cannot be learned, so its labels are not judged.
LEAST_IMAGES = 10
#: By how much more likely than the label the guess must be (of 1) to be called a probable error.
LEAST_MARGIN = 0.5
#: Skill that a judge needs: of the labels that the most frequent class misses, the share that it gets right.
LEAST_SKILL = 0.3
#: Votes are divided where at least two emotions have this share each: 3 of 10.
_DIVIDED = 0.3
#: The included model that judges, and images at a time.
_JUDGE, _BATCH = "default", 512
_CELL, _SIDE, _COMPONENTS, _LANDMARKS, _SEED = 6, 48, 256, 1000, 0

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Choice(str, Enum):
    """The images on which votes are compared; the value is the key in JSON."""

    ALL = "all"
    CANDIDATES = "candidates"
    PROBABLE = "probable"
    TOP_500 = "top_500"
    TOP_100 = "top_100"


@dataclass(frozen=True)
class Agreement:
    """The votes of FER+'s annotators on ``n`` chosen images that have a majority, as a check of the method.

    ``not_label`` and ``as_guessed`` are the shares whose majority is not the label, and is the guess (None for all images).
    """

    images: Choice
    n: int
    not_label: float
    as_guessed: float | None


@dataclass(frozen=True)
class LabelCheck:
    """Out-of-fold predictions of a classifier, compared with the labels.

    ``guess``, int64 (N,), is the emotion that the classifier is confident of, else the label; ``margin``, float32 (N,), its
    probability less that of the label; ``accuracy``, the share of images whose most probable emotion is the label, and
    ``majority`` the share of the most frequent label. ``judge`` names an included model, or is empty for a classifier
    trained on the data itself.
    """

    guess: Rows
    margin: Floats
    accuracy: float
    agreement: tuple[Agreement, ...] = ()
    majority: float = 0.0
    judge: str = ""

    @property
    def is_reliable(self) -> bool:
        """Whether the judge is accurate enough for its disagreement with labels to be evidence of errors."""
        return self.accuracy - self.majority >= LEAST_SKILL * (1 - self.majority)

    @property
    def errors(self) -> Rows:
        """int64 (M,): the probable errors, most probable first; none from an unreliable judge."""
        return _by_margin(self.margin, LEAST_MARGIN) if self.is_reliable else np.empty(0, np.int64)


def check_labels(
    faces: Dataset, copies: Rows, blank: Mask | None = None, progress: Progress = no_progress
) -> LabelCheck | None:
    """Find labels that are probably wrong.

    Each fifth of the images is judged by a classifier that learned from the other four: HOG (Dalal and Triggs 2005),
    principal components, the Nystroem approximation of an RBF kernel (Williams and Seeger 2001), multinomial logistic
    regression. If it is unreliable, the model ``default`` is tried. Guesses become candidates by confident learning
    (Northcutt et al. 2021, arXiv 1911.00068): an emotion is confident where its probability reaches the mean that it has
    among the images labeled so.

    Args:
        faces: N images.
        copies: int64 (N,), equal for copies, which stay in one fold: no image is judged by its copy's label.
        blank: bool (N,), images to leave out, as no label fits them.
        progress: called for each batch of images.

    Returns:
        The check; None if fewer than two classes have ``LEAST_IMAGES`` images.
    """
    seen = np.arange(len(faces)) if blank is None else np.flatnonzero(~blank)
    counts = np.bincount(faces.labels[seen[np.unique(copies[seen], return_index=True)[1]]], minlength=len(EMOTIONS))
    judged = seen[counts[faces.labels[seen]] >= LEAST_IMAGES]
    if (counts >= LEAST_IMAGES).sum() < 2:
        return None
    part = faces.take(judged)
    own = _out_of_fold(_features(part.images, progress), part.labels, copies[judged])
    check = _checked(faces, seen, judged, own)
    if not check.is_reliable:
        other = _checked(faces, seen, judged, _by_model(part, progress), _JUDGE)
        check = max(check, other, key=lambda one: one.accuracy)
    return check


def _checked(faces: Dataset, seen: Rows, judged: Rows, probabilities: Floats, judge: str = "") -> LabelCheck:
    """Compare probabilities, float32 (M, 8), of the images ``judged`` with their labels."""
    labels, rows = faces.labels[judged], np.arange(len(judged))
    confident = confident_guesses(probabilities, labels)
    guess, margin = faces.labels.copy(), np.zeros(len(faces), np.float32)
    guess[judged] = confident
    margin[judged] = probabilities[rows, confident] - probabilities[rows, labels]
    accuracy, majority = (
        float(value) for value in ((probabilities.argmax(1) == labels).mean(), np.bincount(labels).max() / len(labels))
    )
    return LabelCheck(guess, margin, accuracy, _agreement(faces, seen, guess, margin), majority, judge)


def _by_model(part: Dataset, progress: Progress) -> Floats:
    """float32 (N, 8): probabilities by an included model, among the classes of the data."""
    classifier = open_classifier(_JUDGE)
    head, spec = next(iter(classifier.heads.items()))
    probabilities = np.zeros((len(part), len(EMOTIONS)), np.float32)
    for start in range(0, len(part), _BATCH):
        progress(start, len(part), "label errors")
        logits = predict(classifier, part.images[start : start + _BATCH], flip=False)[head]
        found = softmax(logits / spec.temperature, axis=1)
        probabilities[start : start + _BATCH, positions(spec.emotions, EMOTIONS)] = found
    known = np.isin(np.arange(len(EMOTIONS)), part.labels)
    probabilities[:, ~known] = 0
    return np.asarray(probabilities / np.maximum(probabilities.sum(1, keepdims=True), 1e-6), np.float32)


def confident_guesses(probabilities: Floats, labels: Rows) -> Rows:
    """int64 (N,): the likeliest emotion among those that are confident, or the label where none is.

    The off-diagonal of the confident joint of Northcutt et al. (2021), equation 1. Probabilities, float32 (N, K), are of
    images that the classifier did not learn from.
    """
    classes = np.unique(labels)
    thresholds = np.full(probabilities.shape[1], np.inf, np.float32)
    thresholds[classes] = [probabilities[labels == label, label].mean() for label in classes]
    confident = np.where(probabilities >= thresholds, probabilities, -1)
    return np.where(confident.max(1) >= 0, confident.argmax(1), labels).astype(np.int64)


def _features(images: npt.NDArray[np.uint8], progress: Progress) -> Floats:
    """float32 (N, up to 1000); nothing here looks at labels, so that all images may be used to fit it."""
    prepared = to_tensor(resize(images, _SIDE), InputSpec(_SIDE, 0.0, 1 / 255))
    hog = compute_features(HandcraftedFeatures("hog", _CELL), prepared, progress)
    reduced = PCA(min(_COMPONENTS, *hog.shape), svd_solver="covariance_eigh").fit_transform(hog)
    reduced /= max(float(np.sqrt((reduced**2).sum(1).mean())), 1e-6)  # mean squared distance of two images: 2
    kernel = Nystroem(gamma=0.5, n_components=min(_LANDMARKS, len(hog)), random_state=_SEED).fit(reduced)
    mapped = np.asarray(kernel.transform(reduced), np.float32)
    mapped -= mapped.mean(0)
    mapped /= max(float(np.sqrt((mapped**2).mean())), 1e-6)
    return mapped


def _out_of_fold(features: Floats, labels: Rows, copies: Rows) -> Floats:
    """float32 (N, 8): probabilities by a classifier that learned from the other folds."""
    folds = _folds(labels, copies)
    probabilities = np.zeros((len(labels), len(EMOTIONS)), np.float32)
    for fold in range(FOLDS):
        learned, judged = folds != fold, folds == fold
        model = LogisticRegression(C=100 / len(labels), max_iter=1000, tol=1e-3)
        model.fit(features[learned], labels[learned])
        probabilities[np.ix_(judged, model.classes_)] = model.predict_proba(features[judged])
    return probabilities


def _folds(labels: Rows, copies: Rows) -> Rows:
    """int64 (N,): 0 to 4; copies in one fold, each label spread evenly."""
    _, first, group = np.unique(copies, return_index=True, return_inverse=True)
    fold = np.zeros(len(first), np.int64)
    rng = np.random.default_rng(_SEED)
    for label in np.unique(labels):
        there = rng.permutation(np.flatnonzero(labels[first] == label))
        fold[there] = np.arange(len(there)) % FOLDS
    return fold[group.ravel()]


def _agreement(faces: Dataset, seen: Rows, guess: Rows, margin: Floats) -> tuple[Agreement, ...]:
    if faces.votes is None:
        return ()
    majority, probable = faces.votes.majority(), _by_margin(margin, LEAST_MARGIN)
    choices = {
        Choice.ALL: seen,
        Choice.CANDIDATES: _by_margin(margin, 1e-6),
        Choice.PROBABLE: probable,
        Choice.TOP_500: probable[:500] if len(probable) > 500 else probable[:0],
        Choice.TOP_100: probable[:100] if len(probable) > 100 else probable[:0],
    }
    found = []
    for choice, rows in choices.items():
        known = rows[majority[rows] >= 0]
        if len(known):
            as_guessed = None if choice is Choice.ALL else float((majority[known] == guess[known]).mean())
            not_label = float((majority[known] != faces.labels[known]).mean())
            found.append(Agreement(choice, len(known), not_label, as_guessed))
    return tuple(found)


def _by_margin(margin: Floats, least: float) -> Rows:
    rows = np.flatnonzero(margin >= least)
    return rows[np.argsort(-margin[rows], kind="stable")]


def annotators(faces: Dataset) -> list[dict[str, Any]]:
    """Agreement of the annotators in each split; shares are 0 to 1, entropy is in nats (2.08 at most).

    ``no_majority`` is as FER+'s authors define it (``Votes.majority``). ``no_face``: "no face" has the most votes, or no
    emotion was named; ``top_share`` (mean share of the first emotion), ``entropy`` and ``divided`` (at least two emotions
    have 30% each) leave these out. ``label_agrees``: of the images with a majority; None if there are none.
    """
    parts = [faces.part(part) for part in faces.parts()]
    return [_annotators(part, part.votes) for part in parts if part.votes is not None]


def _annotators(part: Dataset, votes: Votes) -> dict[str, Any]:
    majority, shares = votes.majority(), votes.distribution().astype(np.float64)
    usable, known = shares.sum(1) > 0, majority >= 0
    some = shares[usable] if usable.any() else np.zeros((1, shares.shape[1]))
    return {
        "part": str(part.split[0]),
        "n": len(part),
        "votes": float((votes.emotions.sum(1, dtype=np.int64) + votes.unknown + votes.no_face).mean()),
        "no_majority": float((~known).mean()),
        "no_face": float((~usable).mean()),
        "top_share": float(some.max(1).mean()),
        "entropy": float(entr(some).sum(1).mean()),
        "divided": float(((some >= _DIVIDED).sum(1) > 1).mean()),
        "label_agrees": float((majority[known] == part.labels[known]).mean()) if known.any() else None,
    }
