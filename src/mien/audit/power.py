"""Statistical power: how small a gap a group of a given size can show."""

from __future__ import annotations

import math

from scipy.stats import norm

#: Two-sided significance level, and power.
LEVEL, POWER = 0.05, 0.8
#: The gap that a group should be large enough to show.
RELEVANT_GAP = 0.1

_EFFECT = float(norm.ppf(1 - LEVEL / 2) + norm.ppf(POWER))


def minimum_detectable_gap(share: float, n: int, others: int) -> float | None:
    """The smallest drop below ``share`` detected with 80% power at the 5% level, two-sided, in a single comparison.

    By the arcsine transformation (Cohen 1988, chapter 6).

    Args:
        share: rate of the other groups, 0 to 1.
        n: images of the group.
        others: images of the other groups together.

    Returns:
        0 to 1; None where not even a rate of 0 would be detected.
    """
    if n < 1 or others < 1:
        return None
    angle = math.asin(math.sqrt(share)) - _EFFECT * math.sqrt(1 / n + 1 / others) / 2
    return share - math.sin(angle) ** 2 if angle > 0 else None


def images_needed(share: float, others: int, gap: float = RELEVANT_GAP) -> int:
    """Images a group needs to show a drop by ``gap`` below ``share``, as in ``minimum_detectable_gap``.

    Args:
        share: rate of the other groups, 0 to 1; below ``gap`` a rise is meant.
        others: images of the other groups together. Where they are too few for any group size, they are assumed to grow with
            it to the same number.
        gap: 0 to 1.
    """
    other = share - gap if share >= gap else share + gap
    effect = 2 * abs(math.asin(math.sqrt(share)) - math.asin(math.sqrt(other)))
    each = (effect / _EFFECT) ** 2  # upper limit of 1 / n + 1 / others
    left = each - 1 / others if others else 0.0
    return math.ceil(1 / left if left > each / 2 else 2 / each)
