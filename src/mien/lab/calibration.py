"""Measure the calibration of probabilities, vote shares and confidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy
from sklearn.metrics import average_precision_score

from ..data.dataset import VALIDATION, Dataset
from ..data.loading import load
from ..emotions import LABEL_SETS
from ..stats import Estimate, bootstrap, calibration_error
from .evaluation.classifier import Classifier, open_classifier, predict
from .evaluation.evaluate import evaluation_subsets, true_classes, vote_truth
from .evaluation.metrics import Floats, Labels, Reliability, probabilities_at, reliability
from .temperature import fit_temperature

#: A face is mixed where at least two emotions have this share of the annotators' votes each: 3 of 10.
MIXED_SHARE = 0.3
#: Expected vote shares from which an emotion counts as one of several.
SHARES = (0.15, 0.175, 0.2, 0.225, 0.25, 0.275, 0.3, 0.325, 0.35)
#: Confidences below which a reader may abstain.
LEVELS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Calibration:
    """Calibration over the ``n`` images with a true class; NLL in nats, Brier score 0 to 2.

    ``ece`` has 15 equal-mass bins. For ``ece_refitted`` the temperature is fitted on one half of the images and measured on
    the other, both ways; None for a single image.
    """

    n: int
    accuracy: Estimate
    ece: Estimate
    ece_refitted: float | None
    nll: Estimate
    brier: Estimate


@dataclass(frozen=True)
class ClassCalibration:
    """One emotion against all others.

    Attributes:
        expected, found: mean probability of the emotion, and share of the images that show it.
        error: mean gap between both in 15 equal-mass bins (Kull et al. 2019).
        named: images predicted as the emotion.
        confidence, precision: mean confidence of those, and the share of them that is correct; None if there are none.
    """

    expected: float
    found: float
    error: float
    named: int
    confidence: float | None
    precision: float | None


@dataclass(frozen=True)
class VoteAgreement:
    """Mean KL divergence of expected vote shares from the votes on ``n`` images, in nats.

    ``floor`` is the least possible value, from the sampling of annotators alone.
    """

    n: int
    kl: Estimate
    floor: float


@dataclass(frozen=True)
class MixedDetection:
    """Detection of faces on which annotators are divided: ``truly`` of the ``n`` images with votes.

    Attributes:
        average_precision: of the second largest expected share as a score; None if annotators never disagree.
        rows: for each share: the share, images called mixed, precision, recall, F1, and the share of true positives with
            exactly the annotators' emotions.
    """

    n: int
    truly: int
    average_precision: float | None
    chance: float
    rows: tuple[tuple[float, int, float, float, float, float], ...]


@dataclass(frozen=True)
class Selective:
    """Risk against coverage (El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017, arXiv 1705.08500).

    Attributes:
        area, best: mean risk over all coverages (AURC), and the same for an ideal order, wrong predictions last.
        rows: for each level of confidence: the level, coverage, accuracy of images above and below (None without any).
        coverage, risk: at most 200 points: the share of images kept, most confident first, and of wrong ones among them.
    """

    area: float
    best: float
    rows: tuple[tuple[float, float, float | None, float | None], ...]
    coverage: tuple[float, ...] = ()
    risk: tuple[float, ...] = ()


@dataclass(frozen=True)
class HeadCalibration:
    """The calibration of one head of one model.

    Attributes:
        images: ``official`` (the whole split) or ``dedup`` (without exact copies of training images).
        label_sets: of the probabilities restricted to smaller label sets.
        votes, mixed: comparison with the annotators' votes; None without votes.
        answered: the effect of abstaining.
    """

    model: str
    head: str
    images: str
    overall: Calibration
    label_sets: dict[str, Calibration]
    votes: VoteAgreement | None
    mixed: MixedDetection | None
    answered: Selective
    data: str = ""
    split: str = ""
    sha256: str = ""
    classes: dict[str, ClassCalibration] = field(default_factory=dict)
    bins: Reliability = field(default_factory=Reliability)


def measure_calibration(
    model: str | Path | Classifier, data: str | Path | Dataset, split: str = VALIDATION
) -> list[HeadCalibration]:
    """Measure the calibration of every head with true classes, with and without copies, with mirror images averaged.

    Args:
        model: as in ``open_classifier``, or an open classifier; its temperatures are measured.
        data: as in ``mien.data.load``, or a loaded dataset, training part included.
        split: the part to measure on.

    Raises:
        DataError: there is no such split, or no head has true classes in it.
        ModelError: the model cannot be opened.
    """
    classifier = model if isinstance(model, Classifier) else open_classifier(model)
    faces = data if isinstance(data, Dataset) else load(data, classifier.input.size, color=classifier.input.color)
    part, subsets = faces.part(split), evaluation_subsets(faces, split)
    logits = predict(classifier, part.images, flip=True)
    return [
        _measure(classifier, name, images, split, part.take(rows), logits[name][rows], truth[rows])
        for name, truth in true_classes(classifier, faces, split).items()
        for images, rows in subsets.items()
        if (truth[rows] >= 0).any()
    ]


def _measure(
    classifier: Classifier, name: str, images: str, split: str, part: Dataset, logits: Floats, y_true: Labels
) -> HeadCalibration:
    head = classifier.heads[name]
    known = np.flatnonzero(y_true >= 0)
    probabilities, truth = probabilities_at(logits[known], head.temperature), y_true[known]
    truth_of_votes = vote_truth(part, classifier.recipe_heads[name], head)
    votes, mixed = None, None
    if truth_of_votes and part.votes and (rows := np.flatnonzero(truth_of_votes.distribution.sum(1) > 0)).size:
        expected = probabilities_at(logits[rows], truth_of_votes.temperature)
        shares = truth_of_votes.distribution[rows].astype(np.float64)
        votes = vote_agreement(expected, shares, part.votes.emotions[rows].sum(1).astype(np.int64))
        mixed = detect_mixed(expected, shares)
    return HeadCalibration(
        model=classifier.name,
        head=name,
        images=images,
        overall=calibration(logits[known], truth, head.temperature),
        classes=by_class(probabilities, truth, head.emotions),
        label_sets=by_label_set(logits[known], truth, head.emotions, head.temperature),
        bins=reliability(probabilities, truth),
        votes=votes,
        mixed=mixed,
        answered=selective(probabilities.max(1), probabilities.argmax(1) == truth),
        data=part.name,
        split=split,
        sha256=classifier.sha256,
    )


def calibration(logits: Floats, y_true: Labels, temperature: float) -> Calibration:
    """Calibration of logits, float (N, K), divided by ``temperature``, against true classes, int64 (N,); N > 0."""
    probabilities, n = probabilities_at(logits, temperature), len(y_true)
    confidence, correct = probabilities.max(1), probabilities.argmax(1) == y_true
    return Calibration(
        n=n,
        accuracy=_mean_estimate(correct),
        ece=bootstrap(lambda rows: calibration_error(confidence[rows], correct[rows]), n),
        ece_refitted=_ece_refitted(logits, y_true),
        nll=_mean_estimate(-np.log(np.maximum(probabilities[np.arange(n), y_true], 1e-12))),
        brier=_mean_estimate(((probabilities - np.eye(probabilities.shape[1])[y_true]) ** 2).sum(1)),
    )


def _mean_estimate(values: npt.NDArray[Any]) -> Estimate:
    return bootstrap(lambda rows: float(values[rows].mean()), len(values))


def _ece_refitted(logits: Floats, y_true: Labels) -> float | None:
    halves = np.array_split(np.random.default_rng(0).permutation(len(y_true)), 2)
    if not len(halves[1]):
        return None
    probabilities = np.empty(logits.shape, np.float64)
    for here, there in (halves, halves[::-1]):
        probabilities[here] = probabilities_at(logits[here], fit_temperature(logits[there], y_true[there]))
    return reliability(probabilities, y_true).ece


def by_class(probabilities: Floats, y_true: Labels, emotions: tuple[str, ...]) -> dict[str, ClassCalibration]:
    """Calibration of each emotion: probabilities float (N, K), true classes int64 (N,), names of the K classes."""
    result = {}
    for column, emotion in enumerate(emotions):
        given, shown, named = probabilities[:, column], y_true == column, probabilities.argmax(1) == column
        result[emotion] = ClassCalibration(
            expected=float(given.mean()),
            found=float(shown.mean()),
            error=calibration_error(given, shown),
            named=int(named.sum()),
            confidence=_mean(given[named]),
            precision=_mean(shown[named]),
        )
    return result


def by_label_set(
    logits: Floats, y_true: Labels, emotions: tuple[str, ...], temperature: float
) -> dict[str, Calibration]:
    """Calibration of the probabilities restricted to each smaller label set, over the images that show its emotions."""
    result = {}
    for name, members in LABEL_SETS.items():
        columns = [place for place, emotion in enumerate(emotions) if emotion in members]
        rows = np.flatnonzero(np.isin(y_true, columns))
        if set(members) < set(emotions) and len(rows):
            truth = np.searchsorted(columns, y_true[rows]).astype(np.int64)
            result[name] = calibration(logits[rows][:, columns], truth, temperature)
    return result


def vote_agreement(expected: Floats, votes: Floats, counts: Labels) -> VoteAgreement:
    """Compare expected shares with those of the votes, both float (N, K); ``counts``: number of votes, int64 (N,)."""
    guessed = np.log(np.maximum(expected.astype(np.float64), 1e-12))
    each = (xlogy(votes, votes) - votes * guessed).sum(1)
    return VoteAgreement(len(votes), _mean_estimate(each), _floor(votes, counts))


def _floor(votes: Floats, counts: Labels) -> float:
    """Mean divergence of the votes from the shares they were drawn from: the entropy of those less that of the votes.

    The former is estimated by coverage (Chao and Shen 2003): emotions that few people would name are missing in ten votes.
    """
    n = counts[:, None].astype(np.float64)
    drawn = np.rint(votes * n)
    once = (drawn == 1).sum(1, keepdims=True)
    shares = (1 - np.where(once == n, n - 1, once) / n) * votes
    seen = np.where(drawn > 0, 1 - (1 - shares) ** n, 1.0)
    return float((xlogy(votes, votes) - xlogy(shares, shares) / seen).sum(1).mean())


def detect_mixed(expected: Floats, votes: Floats) -> MixedDetection:
    """Detect faces on which annotators are divided, from expected shares and those of the votes, both float (N, K)."""
    truth = (votes >= MIXED_SHARE).sum(1) > 1
    rows = []
    for share in SHARES:
        named = (expected >= share).sum(1) > 1
        hit = named & truth
        same = ((expected >= share) == (votes >= MIXED_SHARE)).all(1)
        precision, recall = float(hit.sum() / max(1, named.sum())), float(hit.sum() / max(1, truth.sum()))
        f1 = 2 * precision * recall / max(1e-12, precision + recall)
        rows.append((share, int(named.sum()), precision, recall, f1, float(same[hit].mean()) if hit.any() else 0.0))
    second = np.sort(expected, axis=1)[:, -2]
    return MixedDetection(
        n=len(votes),
        truly=int(truth.sum()),
        average_precision=float(average_precision_score(truth, second)) if truth.any() else None,
        chance=float(truth.mean()),
        rows=tuple(rows),
    )


def selective(confidence: Floats, correct: npt.NDArray[np.bool_]) -> Selective:
    """Risk against coverage of predictions with a confidence, float (N,), that are correct, bool (N,); N > 0."""
    risks = _risks(correct[np.argsort(-confidence, kind="stable")])
    shown = np.unique(np.linspace(0, len(risks) - 1, min(200, len(risks))).round().astype(int))
    kept = [(level, confidence >= level) for level in LEVELS]
    return Selective(
        coverage=tuple(((shown + 1) / len(risks)).tolist()),
        risk=tuple(risks[shown].tolist()),
        area=float(risks.mean()),
        best=float(_risks(np.sort(correct)[::-1]).mean()),
        rows=tuple((level, float(k.mean()), _mean(correct[k]), _mean(correct[~k])) for level, k in kept),
    )


def _risks(correct: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """The share of wrong predictions among the first, the first two, ... all."""
    return np.asarray(np.cumsum(~correct) / np.arange(1, len(correct) + 1), np.float64)


def _mean(values: npt.NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None
