"""Does a head know how people would vote, and where they would be divided?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy
from sklearn.metrics import average_precision_score

from ...stats import Estimate, bootstrap
from ..evaluate.calibration import Floats

#: A face is mixed where at least two emotions have this share of the annotators' votes each: 3 of 10.
TRULY = 0.3
#: Shares of the expected votes at which a head may call an emotion one of several.
SHARES = (0.15, 0.175, 0.2, 0.225, 0.25, 0.275, 0.3, 0.325, 0.35)


@dataclass(frozen=True)
class Agreement:
    """Expected votes against the annotators' own.

    Attributes:
        n: images with votes.
        kl: mean KL divergence from the votes, nats; 0 is a perfect match.
        floor: how far the votes are from what all people would say, by the luck of who was asked: an estimate from the votes
            alone. A head that knew people's mind to perfection would come as near, and no nearer.
    """

    n: int
    kl: Estimate
    floor: float


@dataclass(frozen=True)
class Divided:
    """How well faces are found on which annotators are divided.

    Attributes:
        n: images with votes.
        truly: images on which they are divided.
        average_precision: of the second largest expected share, as a score for "divided" (area under precision and recall).
        chance: the same for a blind guess: the share of divided faces.
        rows: at each share asked for: the share, images called mixed, precision, recall, F1, and how many of those rightly
            called mixed have exactly the annotators' emotions.
    """

    n: int
    truly: int
    average_precision: float
    chance: float
    rows: tuple[tuple[float, int, float, float, float, float], ...]


def agreement(expected: Floats, votes: Floats, counts: npt.NDArray[np.int64]) -> Agreement:
    """Compare expected shares with the votes.

    Args:
        expected: float (N, K), rows sum to 1.
        votes: float (N, K), shares of the votes; rows sum to 1.
        counts: int64 (N,), how many votes there are.
    """
    guessed = np.log(np.maximum(expected.astype(np.float64), 1e-12))
    each = (xlogy(votes, votes) - votes * guessed).sum(1)
    return Agreement(
        n=len(votes), kl=bootstrap(lambda rows: float(each[rows].mean()), len(votes)), floor=_floor(votes, counts)
    )


def divided(expected: Floats, votes: Floats, shares: Sequence[float] = SHARES) -> Divided:
    """Find the faces that divide people.

    Args:
        expected: float (N, K), the share of people expected to name each emotion.
        votes: float (N, K), shares of the votes.
        shares: of the expected votes, at which an emotion counts as one of several.
    """
    truth = (votes >= TRULY).sum(1) > 1
    second = np.sort(expected, axis=1)[:, -2]
    rows = []
    for share in shares:
        named = (expected >= share).sum(1) > 1
        hit = named & truth
        same = ((expected >= share) == (votes >= TRULY)).all(1)
        precision, recall = hit.sum() / max(1, named.sum()), hit.sum() / max(1, truth.sum())
        f1 = 2 * precision * recall / max(1e-12, precision + recall)
        both = same[hit].mean() if hit.any() else 0.0
        rows.append((share, int(named.sum()), float(precision), float(recall), float(f1), float(both)))
    return Divided(
        n=len(votes),
        truly=int(truth.sum()),
        average_precision=float(average_precision_score(truth, second)) if truth.any() else float("nan"),
        chance=float(truth.mean()),
        rows=tuple(rows),
    )


def _floor(votes: Floats, counts: npt.NDArray[np.int64]) -> float:
    """Mean divergence of the votes from the shares they were drawn from.

    It equals the entropy of those shares less that of the votes, on average; the former is estimated by coverage (Chao and
    Shen 2003), for most emotions that one person in ten would name are missing among ten votes.
    """
    n = counts[:, None].astype(np.float64)
    drawn = np.rint(votes * n)
    once = (drawn == 1).sum(1, keepdims=True)
    coverage = 1 - np.where(once == n, n - 1, once) / n
    shares = coverage * votes
    seen = np.where(drawn > 0, 1 - (1 - shares) ** n, 1.0)
    return float((xlogy(votes, votes) - xlogy(shares, shares) / seen).sum(1).mean())
