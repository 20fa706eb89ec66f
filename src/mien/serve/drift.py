"""Drift: whether what a server reads still looks like the reference, and how label shares have shifted.

Population stability index and Jensen-Shannon distance (Lin 1991) with bootstrap intervals; permutation tests corrected by
Holm's method; label shift by black-box shift estimation (Lipton, Wang and Smola 2018, arXiv 1802.03916).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls
from scipy.stats import random_table

from ..audit.attributes import MIN_FACE_IN_CROP, angles, frames_of, posed
from ..data import load
from ..detection import create_detector
from ..errors import DataError
from ..io.atomic import write_atomically
from ..lab.evaluation import classifier as evaluated
from ..lab.evaluation.evaluate import true_classes
from ..model.card import ModelCard, load_model, read_card
from ..model.classifier import EmotionClassifier, open_classifier
from ..model.occlusion import temperatures
from ..model.preprocess import channels_first, sharpness, to_tensor
from ..options import ReadOptions
from ..progress import Progress, no_progress
from ..reader import BATCH_FACES
from ..stats import LEVEL, Estimate, holm, percentile_interval, permutation_p
from ..types import Box, Face
from .store import Store

Counts = npt.NDArray[np.int64]
#: Upper edges of all bins but the last.
EDGES: dict[str, tuple[float, ...]] = {
    "confidence": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99),
    "brightness": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7),
    "sharpness": (0.03, 0.1, 0.2, 0.3, 0.5, 0.8),
    "size": (32.0, 48.0, 64.0, 96.0, 144.0, 216.0),
    "yaw": (-35.0, -15.0, -5.0, 5.0, 15.0, 35.0),
    "roll": (-25.0, -10.0, -3.0, 3.0, 10.0, 25.0),
}
#: Population stability index from which a shift is moderate, and large; a rule of thumb of credit scoring (Siddiqi 2006).
MODERATE, LARGE = 0.1, 0.25
#: Fewer readings are not compared.
MIN_READINGS = 50
_RESAMPLES, _PERMUTATIONS = 1000, 2000
#: Least share of predictions of an emotion on the validation data for which label shares can be corrected.
_LEAST_PREDICTED = 0.002


class Drift(str, Enum):
    """How far a distribution has moved: by its corrected p-value, then its population stability index."""

    NONE = "none"
    SMALL = "small"
    MODERATE = "moderate"
    LARGE = "large"


@dataclass(frozen=True)
class MeasureDrift:
    """One measure: ``reference`` and ``window`` are shares of its bins, which ``labels`` name; 95% intervals."""

    name: str
    labels: tuple[str, ...]
    n_reference: int
    n: int
    reference: tuple[float, ...]
    window: tuple[float, ...]
    psi: Estimate
    distance: Estimate
    p: float
    p_corrected: float

    @property
    def drift(self) -> Drift:
        """The verdict."""
        if self.p_corrected >= LEVEL:
            return Drift.NONE
        return Drift.LARGE if self.psi.value >= LARGE else Drift.MODERATE if self.psi.value >= MODERATE else Drift.SMALL


@dataclass(frozen=True)
class LabelShift:
    """Shares of emotions: predicted, and corrected for the model's confusions, with a 95% interval."""

    emotion: str
    reference: float
    predicted: float
    corrected: Estimate


@dataclass(frozen=True)
class DriftResult:
    """A window of served readings against a reference; ``shift`` is empty where it cannot be estimated."""

    model: str
    head: str
    since: float
    until: float
    n: int
    measures: tuple[MeasureDrift, ...]
    shift: tuple[LabelShift, ...]
    compared_with: str

    @property
    def drift(self) -> Drift:
        """The largest of all measures."""
        order = list(Drift)
        return max((one.drift for one in self.measures), key=order.index, default=Drift.NONE)


def histogram(name: str, values: npt.NDArray[Any], emotions: tuple[str, ...]) -> Counts:
    """Counts of the bins of a measure, int64 (bins,); unknown values are left out."""
    if name == "emotion":
        return np.array([(values == emotion).sum() for emotion in emotions], np.int64)
    known = values[np.isfinite(values)]
    return np.bincount(np.searchsorted(EDGES[name], known, side="right"), minlength=len(EDGES[name]) + 1)


def measure_reference(
    model: str | Path,
    data: str | Path,
    split: str = "validation",
    *,
    pose: bool = True,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Measure the distributions of a model's readings on data, for its card; the model reads as for the server.

    Sizes and rolls are not measured, since images of data sets have been scaled and turned upright.

    Args:
        model: name of an included model, or path of an exported one.
        data: as in ``mien.data.load``.
        split: the part to measure on.
        pose: detect landmarks to measure yaw.
        progress: called with the images measured.

    Returns:
        Head -> ``n``, ``data``, ``confusion`` (predicted x true, counts) and ``histograms`` (measure -> counts).
    """
    classifier = open_classifier(ReadOptions(model=model))
    faces = load(data, classifier.input.size, color=classifier.input.color)
    part = faces.part(split)
    crops, seen = part.images, [Face(Box(0, 0, *2 * [float(classifier.input.size)]))] * len(part)
    gray = channels_first(crops, 1)[:, 0]
    looks: dict[str, npt.NDArray[Any]] = {"brightness": gray.mean((1, 2)) / 255, "sharpness": sharpness(crops)}
    if pose:
        detector, seen = create_detector(ReadOptions(min_face=MIN_FACE_IN_CROP)), []
        for done, frame in enumerate(frames_of(part), 1):
            whole, face = posed(frame, detector)
            seen.append(face or whole)
            progress(done, len(part))
        looks["yaw"] = np.array([(angles(face) or (np.nan, np.nan))[1] for face in seen], float)
    reference = {}
    for name, truth in true_classes(evaluated.open_classifier(model), faces, split).items():
        own, emotions, known = classifier.sharing(name, None), classifier.card.heads[name].emotions, truth >= 0
        order = [own.emotions.index(emotion) for emotion in emotions]
        probabilities = _probabilities(own, crops, seen)[known][:, order]
        predicted = probabilities.argmax(1)
        confusion = np.zeros((len(emotions), len(emotions)), np.int64)
        np.add.at(confusion, (predicted, truth[known]), 1)
        values = {"emotion": np.array(emotions, object)[predicted], "confidence": probabilities.max(1)}
        values |= {measure: column[known] for measure, column in looks.items()}
        histograms = {measure: histogram(measure, column, emotions).tolist() for measure, column in values.items()}
        data_name = f"{faces.name}, {split}"
        reference[name] = {
            "n": int(known.sum()),
            "data": data_name,
            "confusion": confusion.tolist(),
            "histograms": histograms,
        }
    return reference


def _probabilities(
    classifier: EmotionClassifier, crops: npt.NDArray[np.uint8], faces: Sequence[Face]
) -> npt.NDArray[np.float32]:
    """What a reader answers for N crops: float32 (N, K)."""
    starts = range(0, len(crops), BATCH_FACES)
    batches = ((crops[at : at + BATCH_FACES], faces[at : at + BATCH_FACES]) for at in starts)
    answers = [
        classifier.predict(to_tensor(some, classifier.input), temperatures(some, their)) for some, their in batches
    ]
    return np.concatenate([answer.probabilities for answer in answers])


def write_reference(model: str | Path, reference: Mapping[str, Any]) -> Path:
    """Put a reference into the card of an exported model; returns the card's path."""
    path = evaluated.weights_file(model).with_suffix(".json")
    write_atomically(path, replace(read_card(path), reference=dict(reference)).to_json().encode())
    return path


def monitor(
    store: Store,
    model: str | Path | ModelCard = "default",
    *,
    head: str | None = None,
    since: float = 0.0,
    until: float | None = None,
    baseline: tuple[float, float] | None = None,
    seed: int = 0,
) -> DriftResult:
    """Compare the readings of a window with the reference of the model's card, or with an earlier window.

    Args:
        store: where the server records.
        model: the model whose readings are compared.
        head: its head; None takes the first.
        since: begin of the window, seconds since 1970.
        until: end of the window; None is now.
        baseline: begin and end of a window to compare with in place of the card.
        seed: of the resamples.

    Raises:
        DataError: a window has fewer than 50 readings of this model and head, or the card has no reference.
    """
    card = model if isinstance(model, ModelCard) else load_model(model)[0]
    head, until = head or next(iter(card.heads)), time.time() if until is None else until
    emotions = card.heads[head].emotions
    given = card.reference.get(head)
    of_model = {"model": card.sha256, "head": head, "labels": ""}
    window = _histograms(store.records(since, until, of_model), emotions, "the window")
    if baseline:
        reference = _histograms(store.records(*baseline, of_model), emotions, "the baseline")
    elif given:
        reference = {name: np.array(counts, np.int64) for name, counts in given["histograms"].items()}
    else:
        hint = "Measure one: mien monitor reference MODEL --data DATA; or compare with an earlier window."
        raise DataError(f"the card of {card.name} has no reference for the head {head}", hint=hint)
    rng, names = np.random.default_rng(seed), ("emotion", *EDGES)
    pairs = {name: (reference[name], window[name]) for name in names if name in reference}
    pairs = {name: pair for name, pair in pairs.items() if min(counts.sum() for counts in pair) >= MIN_READINGS}
    measures = [measure_drift(name, *pair, emotions, rng) for name, pair in pairs.items()]
    corrected = holm([one.p for one in measures])
    measured = tuple(replace(one, p_corrected=p) for one, p in zip(measures, corrected))
    shift = label_shift(np.array(given["confusion"], np.int64), window["emotion"], emotions, rng) if given else ()
    compared = "an earlier window" if baseline or not given else str(given["data"])
    return DriftResult(card.name, head, since, until, int(window["emotion"].sum()), measured, shift, compared)


def _histograms(columns: Mapping[str, npt.NDArray[Any]], emotions: tuple[str, ...], what: str) -> dict[str, Counts]:
    if len(columns["emotion"]) < MIN_READINGS:
        message = f"{what} has {len(columns['emotion'])} readings of this model, expected at least {MIN_READINGS}"
        raise DataError(message, hint="Choose a longer window, or another model or head.")
    return {name: histogram(name, columns[name], emotions) for name in ("emotion", *EDGES)}


def measure_drift(
    name: str, reference: Counts, window: Counts, emotions: tuple[str, ...], rng: np.random.Generator
) -> MeasureDrift:
    """Compare two histograms, int64 (bins,) each; the p-value is not yet corrected."""
    n, m = int(reference.sum()), int(window.sum())
    drawn = (
        rng.multinomial(n, reference / n, _RESAMPLES).astype(np.float64),
        rng.multinomial(m, window / m, _RESAMPLES).astype(np.float64),
    )
    estimates = []
    for statistic in (stability_index, distance):
        value = float(statistic(reference.astype(np.float64), window.astype(np.float64)))
        low, high = percentile_interval(statistic(*drawn))
        estimates.append(Estimate(value, min(low, value), max(high, value)))
    tables = np.stack([reference, window])[:, reference + window > 0]
    permuted = np.array([0.0])
    if tables.shape[1] > 1:
        permuted = _chi_square(random_table(tables.sum(1), tables.sum(0), seed=rng).rvs(_PERMUTATIONS))
    p = permutation_p(float(_chi_square(tables[None])[0]), permuted)
    shares = tuple((reference / n).tolist()), tuple((window / m).tolist())
    return MeasureDrift(name, _labels(name, emotions), n, m, *shares, estimates[0], estimates[1], p, p)


def stability_index(reference: npt.NDArray[np.float64], window: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Population stability index of counts, float64 (..., bins); half a count is added to each bin."""
    first, second = _shares(reference + 0.5), _shares(window + 0.5)
    return np.asarray(((second - first) * np.log(second / first)).sum(-1))


def distance(reference: npt.NDArray[np.float64], window: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Jensen-Shannon distance of counts, float64 (..., bins): 0 for equal shares, 1 for disjoint ones."""
    first, second = _shares(reference), _shares(window)
    middle = (first + second) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(one > 0, one * np.log2(one / middle), 0.0).sum(-1) for one in (first, second)]
    return np.asarray(np.sqrt(np.maximum(0.0, (parts[0] + parts[1]) / 2)))


def label_shift(
    confusion: Counts, predicted: Counts, emotions: tuple[str, ...], rng: np.random.Generator
) -> tuple[LabelShift, ...]:
    """Estimate the shares of true emotions in a window from predictions alone (Lipton, Wang and Smola 2018).

    It holds where the faces of an emotion look as in the reference, and only their shares have changed. Emotions that are
    hardly ever predicted, or do not occur in the reference, are left out.

    Args:
        confusion: int64 (K, K), predicted x true, on the reference.
        predicted: int64 (K,), predictions in the window.
        emotions: the K emotions.
        rng: of 500 resamples.
    """
    total = confusion.sum()
    least = max(1.0, _LEAST_PREDICTED * total)
    kept = (confusion.sum(1) >= least) & (confusion.sum(0) >= least)
    confusion, predicted = confusion[np.ix_(kept, kept)], predicted[kept]
    if kept.sum() < 2 or not predicted.sum() or np.linalg.cond(confusion / confusion.sum()) > 1e4:
        return ()

    def corrected(table: npt.NDArray[Any], seen: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        joint = table / table.sum()
        weights, _ = nnls(joint, seen / seen.sum())
        prior = weights * joint.sum(0)
        return np.asarray(prior / prior.sum())

    value = corrected(confusion, predicted)
    n, m = int(confusion.sum()), int(predicted.sum())
    tables = rng.multinomial(n, confusion.ravel() / n, 500).reshape(-1, *confusion.shape)
    draws = np.array([corrected(t, s) for t, s in zip(tables, rng.multinomial(m, predicted / m, 500))])
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    reference, seen = confusion.sum(0) / n, predicted / m
    names = [emotion for emotion, keep in zip(emotions, kept) if keep]
    return tuple(
        LabelShift(name, float(reference[k]), float(seen[k]), Estimate(float(value[k]), float(low[k]), float(high[k])))
        for k, name in enumerate(names)
    )


def _shares(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(counts / counts.sum(-1, keepdims=True))


def _chi_square(tables: Counts) -> npt.NDArray[np.float64]:
    """Pearson's statistic of tables with fixed margins, int64 (D, 2, bins)."""
    expected = tables[0].sum(1, keepdims=True) * tables[0].sum(0) / tables[0].sum()
    return np.asarray(((tables - expected) ** 2 / expected).sum((1, 2)))


def _labels(name: str, emotions: tuple[str, ...]) -> tuple[str, ...]:
    if name == "emotion":
        return emotions
    edges = [f"{edge:g}" for edge in EDGES[name]]
    return (f"below {edges[0]}", *(f"{low} to {high}" for low, high in pairwise(edges)), f"{edges[-1]} and more")
