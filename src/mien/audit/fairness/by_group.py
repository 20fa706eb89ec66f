"""Each group by itself: how well it is read, how surely that is known, and whether it is large enough to tell."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ...extras import require
from ...lab.evaluate.scores import wilson
from .counts import Counts, Floats, Rates, common_mix, rates
from .power import photos_needed, smallest_gap
from .values import GroupScores, Interval, Predictions

_BINS, _LEAST_IN_BIN = 15, 20


def scores_of(
    predictions: Predictions, codes: npt.NDArray[np.int64], names: tuple[str, ...], counts: Counts, *, least: int
) -> tuple[tuple[GroupScores, ...], dict[str, float]]:
    """The groups of one column, and the mix of emotions that ``same_mix`` stands on.

    Args:
        predictions: N images.
        codes: int64 (N,), the group of each; -1 where it has none.
        names: of the G groups.
        counts: int64 (G, K, 2 K + 1), as ``counted`` gives them.
        least: images that a group needs to be compared.

    Raises:
        MissingExtraError: fairlearn is not installed.
    """
    big = counts.sum((1, 2)) >= least
    weights = common_mix(counts[big]) if big.any() else np.zeros(len(predictions.emotions))
    table = rates(counts, weights)
    frame = _frame(predictions, codes)
    made = tuple(
        _group(predictions, place, name, counts, table[place], frame.get(place, {}), compared=bool(big[place]))
        for place, name in enumerate(names)
    )
    return made, {name: float(share) for name, share in zip(predictions.emotions, weights) if share > 0}


def _frame(predictions: Predictions, codes: npt.NDArray[np.int64]) -> dict[int, dict[str, float]]:
    """What fairlearn's MetricFrame makes of each group that has a face found: place -> figure -> value."""
    fairlearn = require("fairlearn.metrics", "audit")
    judged = (codes >= 0) & (predictions.said >= 0)
    if not judged.any():
        return {}
    metrics: dict[str, Any] = {"accuracy": _accuracy, "macro_f1": _macro_f1}
    parameters: dict[str, Any] = {}
    if predictions.confidence is not None:
        metrics |= {"ece": _ece, "over": _overconfidence, "error": _overconfidence_error}
        parameters = {name: {"confidence": predictions.confidence[judged]} for name in ("ece", "over", "error")}
    frame = fairlearn.MetricFrame(
        metrics=metrics,
        y_true=predictions.truth[judged],
        y_pred=predictions.said[judged],
        sensitive_features=codes[judged],
        sample_params=parameters,
    )
    return {int(place): dict(row) for place, row in frame.by_group.to_dict("index").items()}


def _group(
    predictions: Predictions,
    place: int,
    name: str,
    counts: Counts,
    own: Floats,
    frame: dict[str, float],
    *,
    compared: bool,
) -> GroupScores:
    at = Rates(len(predictions.emotions))
    said = counts[:, :, 1 : at.k + 1] + counts[:, :, at.k + 1 :]
    judged = said.sum((1, 2))
    others = int(judged.sum() - judged[place])
    right = np.diagonal(said, axis1=1, axis2=2).sum(1)
    share = float(right.sum() - right[place]) / others if others else None
    n = int(judged[place])
    over, error = frame.get("over"), frame.get("error", math.nan)
    return GroupScores(
        name=name,
        n=int(counts[place].sum()),
        judged=n,
        accuracy=frame.get("accuracy"),
        interval=wilson(int(right[place]), n) if n else None,
        same_mix=_told(own[at.same_mix]),
        macro_f1=frame.get("macro_f1"),
        recall={emotion: _told(own[column]) for emotion, column in zip(predictions.emotions, at.recall)},
        shown=dict(zip(predictions.emotions, counts[place].sum(1).tolist())),
        found=_told(own[at.found]) if predictions.found_known else None,
        abstained=_told(own[at.abstained]) if predictions.abstained is not None else None,
        ece=frame.get("ece"),
        overconfidence=over,
        overconfidence_interval=_around(over, error),
        smallest_gap=None if share is None else smallest_gap(share, n, others),
        more=0 if share is None else max(0, photos_needed(share, others) - n),
        compared=compared,
    )


def _accuracy(truth: Any, said: Any) -> float:
    return float(np.mean(np.asarray(truth) == np.asarray(said)))


def _macro_f1(truth: Any, said: Any) -> float:
    """Mean F1 of the emotions that occur among the right answers, as everywhere in mien."""
    answers, guesses = np.asarray(truth), np.asarray(said)
    k = int(max(answers.max(), guesses.max())) + 1
    shown, named = np.bincount(answers, minlength=k), np.bincount(guesses, minlength=k)
    right = np.bincount(answers[answers == guesses], minlength=k)
    return float((2 * right[shown > 0] / (shown + named)[shown > 0]).mean())


def _ece(truth: Any, said: Any, confidence: Any) -> float:
    """Expected calibration error over bins of equal size; fewer bins for small groups, in which it is mostly noise."""
    right, sure = np.asarray(truth) == np.asarray(said), np.asarray(confidence)
    parts = np.array_split(np.argsort(sure, kind="stable"), min(_BINS, max(1, len(sure) // _LEAST_IN_BIN)))
    return float(sum(abs(sure[part].sum() - right[part].sum()) for part in parts) / len(sure))


def _overconfidence(truth: Any, said: Any, confidence: Any) -> float:
    return float(np.mean(np.asarray(confidence) - (np.asarray(truth) == np.asarray(said))))


def _overconfidence_error(truth: Any, said: Any, confidence: Any) -> float:
    """Standard error; NaN for a single image."""
    excess = np.asarray(confidence) - (np.asarray(truth) == np.asarray(said))
    return float(np.std(excess, ddof=1) / math.sqrt(len(excess))) if len(excess) > 1 else math.nan


def _around(middle: float | None, error: float) -> Interval | None:
    return None if middle is None or not math.isfinite(error) else (middle - 1.96 * error, middle + 1.96 * error)


def _told(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
