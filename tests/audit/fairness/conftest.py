"""Predictions made up to have the gaps, or the fairness, that a test is about."""

from collections.abc import Sequence

import numpy as np

from mien.audit.fairness.counts import Counts
from mien.audit.fairness.values import Predictions
from mien.emotions import EMOTIONS

#: What a group of each emotion is taken for: the right answer with this probability, else any other.
Recall = Sequence[float]


def counts_of(groups: Sequence[tuple[Sequence[int], Recall]], rng: np.random.Generator) -> Counts:
    """Draw counts: for each group, images of each of K emotions, and how often each is recognized."""
    k = len(groups[0][0])
    counts = np.zeros((len(groups), k, 2 * k + 1), np.int64)
    for group, (shown, recall) in enumerate(groups):
        for emotion in range(k):
            shares = np.full(k, (1 - recall[emotion]) / (k - 1))
            shares[emotion] = recall[emotion]
            counts[group, emotion, 1 : k + 1] = rng.multinomial(shown[emotion], shares)
    return counts


def predictions_from(counts: Counts, names: Sequence[str], column: str = "group") -> Predictions:
    """The images behind counts, one by one."""
    k = counts.shape[1]
    group, truth, outcome = (np.repeat(part, counts.ravel()) for part in np.indices(counts.shape).reshape(3, -1))
    said = np.where(outcome > k, outcome - k, outcome) - 1
    cells = np.array(names, object)[group]
    return Predictions(EMOTIONS[:k], truth, said, None, None, bool((said < 0).any()), {column: cells})
