"""How good the answers under each condition are, and whether one model's are better than another's."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...emotions import EMOTIONS
from ...stats import holm, mcnemar, wilson
from ..evaluation.metrics import reliability
from .conditions import CONDITIONS, Condition
from .reading import CROP, DETECTED

#: Emotions with fewer images do not count in the balanced accuracy: one image would move it by points.
_FEWEST = 10

Interval = tuple[float, float]
Answers = Mapping[str, npt.NDArray[np.str_]]


@dataclass(frozen=True)
class Mark:
    """One model under one condition; shares are 0 to 1, intervals are of 95 % (Wilson 1927).

    Attributes:
        model: its name.
        condition: which.
        way: ``detected`` (the whole reader) or ``crop`` (the true place of the face).
        n: images.
        found: images in which the face was found.
        right: answers that are right.
        balanced: mean recall of the emotions with at least ten images, missed faces counted wrong.
        confidence: mean confidence in the faces found; NaN where there are none, as the two below.
        ece: expected calibration error in the faces found, 15 bins of equal size (``evaluation.metrics``).
        abstained: share of the faces found in which the reader abstained.
        gain: accuracy over all images minus that of the first model; None for the first model itself.
        gain_interval: of ``gain``, from the images on which the two differ (normal approximation).
        p: that there is no difference (McNemar, corrected after Holm over all rows of this model); None for the first.
    """

    model: str
    condition: Condition
    way: str
    n: int
    found: int
    right: int
    balanced: float
    confidence: float
    ece: float
    abstained: float
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
    def accuracy_found(self) -> float:
        """Right answers, of the faces found; NaN where there are none."""
        return self.right / self.found if self.found else math.nan

    @property
    def accuracy_found_interval(self) -> Interval:
        """Of ``accuracy_found``."""
        return wilson(self.right, self.found) if self.found else (math.nan, math.nan)

    @property
    def accuracy(self) -> float:
        """Right answers, of all images: a missed face is a wrong answer."""
        return self.right / self.n

    @property
    def interval(self) -> Interval:
        """Of ``accuracy``."""
        return wilson(self.right, self.n)


def read_answers(path: Path) -> Answers:
    """The table of answers column by column; every column str (N,)."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([row[name] for row in rows], np.str_) for name in (rows[0] if rows else ())}


def marks(answers: Answers, conditions: Sequence[Condition] = CONDITIONS) -> list[Mark]:
    """Mark every model under every condition: conditions in their order, detection first, models in theirs.

    Args:
        answers: from ``read_answers``, of a finished run: the images stand in the same order everywhere.
        conditions: those to mark.
    """
    names = list(dict.fromkeys(answers["model"].tolist()))
    by_model: dict[str, list[Mark]] = {name: [] for name in names}
    p_values: dict[str, list[float]] = {name: [] for name in names}
    for condition in conditions:
        for way in (DETECTED, CROP):
            here = (answers["condition"] == condition.name) & (answers["way"] == way)
            if not here.any():
                continue
            right = {name: _right(answers, here & (answers["model"] == name)) for name in names}
            for name in names:
                mark = _mark(answers, here & (answers["model"] == name), name, condition, way)
                by_model[name].append(mark if name == names[0] else _against(mark, right[name], right[names[0]]))
                p_values[name].append(mcnemar(right[name], right[names[0]]))
    for name in names[1:]:
        corrected = holm(p_values[name])
        by_model[name] = [replace(mark, p=p) for mark, p in zip(by_model[name], corrected)]
    return [mark for group in zip(*by_model.values()) for mark in group]


def _right(answers: Answers, rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return np.asarray(answers["emotion"][rows] == answers["answer"][rows], bool)


def _mark(answers: Answers, rows: npt.NDArray[np.bool_], model: str, condition: Condition, way: str) -> Mark:
    truth, said = answers["answer"][rows], answers["emotion"][rows]
    confidence = answers["confidence"][rows].astype(np.float64)
    abstained = answers["abstained"][rows] == "true"
    found, right = said != "", said == truth
    counted = [emotion for emotion in np.unique(truth) if (truth == emotion).sum() >= _FEWEST] or np.unique(truth)
    ece = math.nan
    if found.any():
        # the bins ask for the largest probability and its place only
        guesses = np.array([EMOTIONS.index(emotion) for emotion in said[found]])
        beliefs = np.zeros((len(guesses), len(EMOTIONS)))
        beliefs[np.arange(len(guesses)), guesses] = confidence[found]
        ece = reliability(beliefs, np.array([EMOTIONS.index(emotion) for emotion in truth[found]])).ece
    return Mark(
        model=model,
        condition=condition,
        way=way,
        n=len(truth),
        found=int(found.sum()),
        right=int(right.sum()),
        balanced=float(np.mean([right[truth == emotion].mean() for emotion in counted])),
        confidence=float(confidence[found].mean()) if found.any() else math.nan,
        ece=ece,
        abstained=float(abstained[found].mean()) if found.any() else math.nan,
    )


def _against(mark: Mark, own: npt.NDArray[np.bool_], first: npt.NDArray[np.bool_]) -> Mark:
    n, won, lost = len(own), int((own & ~first).sum()), int((first & ~own).sum())
    gain = (won - lost) / n
    half = 1.96 * math.sqrt(max(0.0, won + lost - (won - lost) ** 2 / n)) / n
    return replace(mark, gain=gain, gain_interval=(gain - half, gain + half))
