"""Could a gap have been seen at all? Before "no difference was found" means anything, this must be answered."""

from __future__ import annotations

import math

from scipy.stats import norm

#: Two-sided level, and the share of tries in which a gap of the given size is to be seen.
LEVEL, POWER = 0.05, 0.8
#: The gap that a group should be large enough to show.
WORTH_SEEING = 0.1

_NEEDED = float(norm.ppf(1 - LEVEL / 2) + norm.ppf(POWER))


def smallest_gap(share: float, n: int, others: int) -> float | None:
    """The least drop below ``share`` that two groups of these sizes would show, at power 80 %, two-sided level 5 %.

    By the arcsine transformation of shares (Cohen 1988, chapter 6). For one comparison: correcting for several takes more.

    Args:
        share: what the other groups reach, 0 to 1.
        n: images of the group.
        others: images of the other groups together.

    Returns:
        0 to 1; None where not even a group that is always wrong would stand out.
    """
    if n < 1 or others < 1:
        return None
    angle = math.asin(math.sqrt(share)) - _NEEDED * math.sqrt(1 / n + 1 / others) / 2
    return share - math.sin(angle) ** 2 if angle > 0 else None


def photos_needed(share: float, others: int, gap: float = WORTH_SEEING) -> int:
    """How many images a group needs to show a drop by ``gap`` below ``share``, as ``smallest_gap`` has it.

    Args:
        share: what the other groups reach, 0 to 1; where it is below ``gap``, a rise is meant.
        others: images of the other groups together. Where they are too few for any size of the group, they are taken to
            grow with it to the same number.
        gap: 0 to 1.
    """
    other = share - gap if share >= gap else share + gap
    effect = 2 * abs(math.asin(math.sqrt(share)) - math.asin(math.sqrt(other)))
    each = (effect / _NEEDED) ** 2  # what 1 / n + 1 / others may be at most
    left = each - 1 / others if others else 0.0
    return math.ceil(1 / left if left > each / 2 else 2 / each)
