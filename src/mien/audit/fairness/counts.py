"""Counts of what was said of what, group by group; every rate of an audit is worked out from them.

A count has the shape (..., G, K, O): groups, right answers, and outcomes. Outcome 0 is "no face found", 1 to K what was
predicted, and K + 1 to 2 K what was predicted by a reading that abstained. Leading axes are draws: counts hold all that the
bootstrap and the permutation test need, whatever the number of images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .values import Predictions

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def counted(predictions: Predictions, codes: npt.NDArray[np.int64], groups: int) -> Counts:
    """Count.

    Args:
        predictions: N images.
        codes: int64 (N,), the group of each; -1 where it has none.
        groups: how many there are, G.

    Returns:
        int64 (G, K, 2 K + 1).
    """
    k = len(predictions.emotions)
    outcome = predictions.said + 1
    if predictions.abstained is not None:
        outcome = outcome + k * (predictions.abstained & (predictions.said >= 0))
    width = 2 * k + 1
    has = codes >= 0
    flat = (codes[has] * k + predictions.truth[has]) * width + outcome[has]
    return np.bincount(flat, minlength=groups * k * width).reshape(groups, k, width).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Rates:
    """Which rate stands where on the last axis of what ``rates`` gives; K emotions.

    Attributes:
        accuracy, same_mix: places.
        recall: places of the recalls, true positive rates, by emotion.
        false_alarm: places of the false positive rates, by emotion.
        found, abstained: places.
    """

    k: int
    accuracy: int = 0
    same_mix: int = 1

    @property
    def recall(self) -> range:
        """Places of the true positive rates."""
        return range(2, 2 + self.k)

    @property
    def false_alarm(self) -> range:
        """Places of the false positive rates."""
        return range(2 + self.k, 2 + 2 * self.k)

    @property
    def found(self) -> int:
        """Place of the share of images with a face found."""
        return 2 + 2 * self.k

    @property
    def abstained(self) -> int:
        """Place of the share of found faces with a reading that abstained."""
        return 3 + 2 * self.k


def rates(counts: Counts, weights: Floats) -> Floats:
    """All rates.

    Args:
        counts: int64 (..., G, K, 2 K + 1).
        weights: float64 (K,), the mix of emotions to standardize to; all 0 where there is none.

    Returns:
        float64 (..., G, 4 + 2 K), 0 to 1, NaN where a group has no image to tell by; ``Rates`` says which is where.
    """
    part, whole = told(counts)
    made = _over(part, whole)
    at = Rates(counts.shape[-2])
    recall = made[..., at.recall.start : at.recall.stop]
    used = np.where(np.isfinite(recall), weights, 0.0)
    made[..., at.same_mix] = _over((np.nan_to_num(recall) * used).sum(-1), used.sum(-1))
    return made


def told(counts: Counts) -> tuple[Counts, Counts]:
    """What each rate is a share of: the part, and the whole; int64 (..., G, 4 + 2 K) each.

    Accuracy at the same mix, which is a mean of shares, stands there as plain accuracy.

    Args:
        counts: int64 (..., G, K, 2 K + 1).
    """
    k = counts.shape[-2]
    said = counts[..., 1 : k + 1] + counts[..., k + 1 :]
    shown, right = said.sum(-1), np.diagonal(said, axis1=-2, axis2=-1)
    all_right, judged, images = (some[..., None] for some in (right.sum(-1), shown.sum(-1), counts.sum((-1, -2))))
    abstained = counts[..., k + 1 :].sum((-1, -2))[..., None]
    part = [all_right, all_right, right, said.sum(-2) - right, judged, abstained]
    whole = [judged, judged, shown, judged - shown, images, judged]
    return np.concatenate(part, -1), np.concatenate(whole, -1)


def common_mix(counts: Counts) -> Floats:
    """float64 (K,): shares of the emotions among all groups, of those that every group shows; all 0 if there is none.

    Args:
        counts: int64 (G, K, 2 K + 1), of the groups that are compared.
    """
    shown = counts[..., 1:].sum(-1)
    total = np.where((shown > 0).all(0), shown.sum(0), 0).astype(np.float64)
    return np.asarray(total / max(1.0, total.sum()), np.float64)


def behind(counts: Counts) -> Counts:
    """How many images each rate is told by, faces found or not.

    All images count, for a permutation keeps their number in each group and emotion, but not that of faces found.

    Returns:
        int64 (G, 4 + 2 K).
    """
    shown = counts.sum(-1)
    n = shown.sum(-1, keepdims=True)
    return np.concatenate([n, n, shown, n - shown, n, n], -1)


def _over(part: npt.NDArray[np.number], whole: npt.NDArray[np.number]) -> Floats:
    safe = np.where(whole > 0, whole, 1)
    return np.where(whole > 0, part / safe, np.nan)
