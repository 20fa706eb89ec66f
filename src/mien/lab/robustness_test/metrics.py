"""Metrics of each model under each condition, and tests of whether models differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...stats import Interval, calibration_error, holm, mcnemar, wilson
from .conditions import CONDITIONS, Condition

#: How the face is got at: by the reader's own detection, or cropped where the clean image has it.
DETECTED, CROP = "detected", "crop"
#: A drop in accuracy from the clean images from which a condition counts as failed.
LARGE_DROP = 0.10
#: Emotions with fewer images do not count in the balanced accuracy: one image would move it by points.
_MIN_SUPPORT = 10

Predictions = Mapping[str, npt.NDArray[np.str_]]


@dataclass(frozen=True)
class ConditionResult:
    """One model under one condition; shares are 0 to 1, intervals are 95% (Wilson 1927).

    Attributes:
        model: its name.
        condition: which.
        way: ``detected`` or ``crop``.
        n: images.
        found: images in which the face was found.
        correct: correct predictions.
        balanced_accuracy: mean recall of the emotions with at least ten images; missed faces are wrong.
        confidence: mean confidence in the faces found; None where there are none, as the two below.
        ece: expected calibration error in the faces found, 15 equal-mass bins.
        abstained: share of the faces found in which the reader abstained.
        large_drop: the accuracy is ``LARGE_DROP`` or more below that of the same model and way on the clean images.
        gain: accuracy minus that of the first model; None for the first model itself.
        gain_interval: of ``gain``, from the images on which the two differ (normal approximation).
        p: of no difference (McNemar, with Holm's correction over all results of this model); None for the first.
    """

    model: str
    condition: Condition
    way: str
    n: int
    found: int
    correct: int
    balanced_accuracy: float
    confidence: float | None
    ece: float | None
    abstained: float | None
    large_drop: bool = False
    gain: float | None = None
    gain_interval: Interval | None = None
    p: float | None = None

    @property
    def found_share(self) -> float:
        """Faces found, of all images."""
        return self.found / self.n

    @property
    def found_interval(self) -> Interval:
        """Of ``found_share``."""
        return wilson(self.found, self.n)

    @property
    def accuracy(self) -> float:
        """Correct predictions, of all images: a missed face is wrong."""
        return self.correct / self.n

    @property
    def interval(self) -> Interval:
        """Of ``accuracy``."""
        return wilson(self.correct, self.n)


def read_predictions(path: Path) -> Predictions:
    """The table of predictions column by column; every column str (N,)."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return {str(name): table[name].to_numpy(np.str_) for name in table}


def condition_results(
    predictions: Predictions, conditions: Sequence[Condition] = CONDITIONS
) -> tuple[ConditionResult, ...]:
    """Evaluate every model under every condition: conditions in their order, detection first, models in theirs.

    Args:
        predictions: of a finished run: the images stand in the same order everywhere.
        conditions: those to evaluate.
    """
    models = list(dict.fromkeys(predictions["model"].tolist()))
    results: dict[str, list[ConditionResult]] = {name: [] for name in models}
    p_values: dict[str, list[float]] = {name: [] for name in models}
    clean: dict[tuple[str, str], float] = {}
    for condition in conditions:
        for way in (DETECTED, CROP):
            here = (predictions["condition"] == condition.name) & (predictions["way"] == way)
            if not here.any():
                continue
            first: npt.NDArray[np.bool_] | None = None
            for name in models:
                rows = here & (predictions["model"] == name)
                result, correct = _evaluate(predictions, rows, name, condition, way)
                reference = clean.setdefault((name, way), result.accuracy)
                result = replace(result, large_drop=result.accuracy <= reference - LARGE_DROP)
                first = correct if first is None else first
                p_values[name].append(mcnemar(correct, first))
                results[name].append(result if name == models[0] else _against(result, correct, first))
    for name in models[1:]:
        results[name] = [replace(result, p=p) for result, p in zip(results[name], holm(p_values[name]))]
    return tuple(result for group in zip(*results.values()) for result in group)


def _evaluate(
    predictions: Predictions, rows: npt.NDArray[np.bool_], model: str, condition: Condition, way: str
) -> tuple[ConditionResult, npt.NDArray[np.bool_]]:
    y_true, y_pred = predictions["label"][rows], predictions["emotion"][rows]
    confidence = predictions["confidence"][rows].astype(np.float64)
    abstained = predictions["abstained"][rows] == "true"
    found, correct = y_pred != "", np.asarray(y_pred == y_true, bool)
    counted = [emotion for emotion in np.unique(y_true) if (y_true == emotion).sum() >= _MIN_SUPPORT]
    some = bool(found.any())
    return ConditionResult(
        model=model,
        condition=condition,
        way=way,
        n=len(y_true),
        found=int(found.sum()),
        correct=int(correct.sum()),
        balanced_accuracy=float(np.mean([correct[y_true == one].mean() for one in counted or np.unique(y_true)])),
        confidence=float(confidence[found].mean()) if some else None,
        ece=calibration_error(confidence[found], correct[found]) if some else None,
        abstained=float(abstained[found].mean()) if some else None,
    ), correct


def _against(result: ConditionResult, own: npt.NDArray[np.bool_], first: npt.NDArray[np.bool_]) -> ConditionResult:
    n, won, lost = len(own), int((own & ~first).sum()), int((first & ~own).sum())
    gain = (won - lost) / n
    half = 1.96 * math.sqrt(max(0.0, won + lost - (won - lost) ** 2 / n)) / n
    return replace(result, gain=gain, gain_interval=(gain - half, gain + half))
