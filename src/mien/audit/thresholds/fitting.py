"""The lowest threshold of confidence at which enough of what is left is right, with a guarantee.

Learn then Test (Angelopoulos et al. 2021, arXiv 2110.01052): thresholds are fixed before the data is seen; of each,
"accuracy above it is below the target" is tested by an exact binomial test (the one that Clopper and Pearson's interval
inverts). Trying many thresholds is paid for by testing in fixed sequences (Bauer 1991): from each of five starting points
downwards until the first that fails, each at a fifth of the risk. So the probability of promising too much is at most the
risk, whatever the model, for new images that come as these came: other people, another camera or other emotions void it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from ...errors import DataError, OptionError
from ..fairness.columns import Columns, predictions_of
from ..fairness.grouping import ranked
from ..fairness.table import Table
from ..fairness.values import Predictions
from .checking import kept
from .values import GroupThreshold, Thresholds

#: Thresholds that are tried, and where the sequences begin. Fixed in advance: they must not depend on the data.
LEVELS = tuple(step / 100 for step in range(100))
STARTS = (0.95, 0.85, 0.7, 0.5, 0.0)
_POWER = 0.8
_MOST = 20_000


@dataclass(frozen=True, eq=False)
class Marks:
    """Readings that did not abstain anyway: float64 (n,) confidence and bool (n,) whether they are right."""

    confidence: npt.NDArray[np.float64]
    right: npt.NDArray[np.bool_]


def thresholds(fit: Table, held: Table, columns: Columns, *, target: float, risk: float = 0.05) -> Thresholds:
    """Fit thresholds for each group and one for all, and see what they do on images held back.

    Readings that abstain already stay out: a threshold only adds to them.

    Args:
        fit: predictions to fit to, with a confidence.
        held: predictions to check on.
        columns: the names of columns; one of groups.
        target: share of right answers to be reached, between 0 and 1.
        risk: probability, at most, that any group's own threshold misses the target; and likewise the common one.

    Raises:
        OptionError: target or risk cannot be meant.
        DataError: a column is missing, there is no confidence, or the column holds one group only.
    """
    if not 0 < target < 1 or not 0 < risk < 1:
        raise OptionError(f"target, risk: got {target}, {risk}, expected both between 0 and 1")
    first, second = predictions_of(fit, columns), predictions_of(held, columns)
    (column,) = first.groups
    codes, names = ranked(column, first.groups[column])
    marks = [marks_of(first, codes == place) for place in range(len(names))]
    others = [marks_of(second, np.asarray(second.groups[column] == name, np.bool_)) for name in names]
    each = risk / len(names)
    large = [one for one in marks if len(one.right) >= needed(target, risk)]
    common = lowest(large, target, risk) if large else None
    made = []
    for name, own, rest in zip(names, marks, others):
        threshold = lowest([own], target, each)
        small = len(own.right) < needed(target, each)
        made.append(
            GroupThreshold(
                name=name,
                n=len(own.right),
                threshold=threshold,
                why="" if threshold is not None else "too small" if small else "out of reach",
                needed=needed(target, each),
                own=None if threshold is None else kept(rest.confidence, rest.right, threshold),
                common=None if common is None else kept(rest.confidence, rest.right, common),
            )
        )
    return Thresholds(column, target, risk, common, tuple(made), len(first), len(second), first.notes)


def lowest(groups: Sequence[Marks], target: float, risk: float) -> float | None:
    """The lowest threshold at which every group reaches the target; None where none can be promised.

    That all groups reach it is taken as shown where each of them does (intersection-union test, Berger 1982), which needs no
    correction for their number.

    Args:
        groups: at least one.
        target: share of right answers.
        risk: probability, at most, that what is returned misses the target in some group.
    """
    tables = [_tails(one) for one in groups]
    found: list[float] = []
    for start in STARTS:
        for place in range(LEVELS.index(start), -1, -1):
            worst = max(float(binom.sf(right[place] - 1, n[place], target)) for n, right in tables)
            if worst > risk / len(STARTS):
                break
            found.append(LEVELS[place])
    return min(found, default=None)


def needed(target: float, risk: float) -> int:
    """How many readings it takes to promise ``target`` in four of five tries, were half as many wrong as it allows.

    It goes by numbers alone, so that leaving smaller groups out of the common threshold does not void its promise.
    """
    n = np.arange(1, _MOST + 1)
    least = binom.isf(risk / len(STARTS), n, target) + 1  # right answers that pass the test
    enough = binom.sf(least - 1, n, (1 + target) / 2) >= _POWER
    return int(n[enough.argmax()]) if enough.any() else _MOST


def marks_of(predictions: Predictions, rows: npt.NDArray[np.bool_]) -> Marks:
    """The readings of some images that did not abstain.

    Raises:
        DataError: there is no confidence.
    """
    if predictions.confidence is None:
        raise DataError(
            "the table has no confidence: expected a column confidence, or one of probability for each emotion",
            hint="Name it with --confidence.",
        )
    used = rows & (predictions.said >= 0)
    if predictions.abstained is not None:
        used &= ~predictions.abstained
    return Marks(predictions.confidence[used], predictions.said[used] == predictions.truth[used])


def _tails(marks: Marks) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """int64 (L,) twice: readings at or above each level, and right ones among them."""
    above = np.searchsorted(np.array(LEVELS), marks.confidence, side="right") - 1
    counts = [np.bincount(above[rows], minlength=len(LEVELS)) for rows in (slice(None), marks.right)]
    n, right = (count[::-1].cumsum()[::-1].astype(np.int64) for count in counts)
    return n, right
