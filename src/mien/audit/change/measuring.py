"""What changed for whom: accuracies and gaps of two models on the same images, and whether that is more than chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...errors import OptionError
from ...stats import holm, mcnemar
from ...lab.evaluate.scores import wilson
from ..fairness.grouping import ranked
from ..fairness.resampling import p_value
from ..fairness.values import Interval
from .values import Apart, Change, Changed, GapChange, GroupChange, Pair

#: Images that a group needs to be compared.
LEAST = 5
DRAWS = 5000

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
# An image is right in both, lost (right before only), gained (right after only), or right in neither.
_BOTH, _LOST, _GAINED = range(3)


def change(pair: Pair, *, least: int = LEAST, draws: int = DRAWS, seed: int = 0) -> Change:
    """Ask who is read better by the second model, who worse, and whether the groups lie closer together.

    Accuracies are compared by McNemar's exact test, corrected for all groups of all columns (Holm 1979), with intervals of a
    paired bootstrap within each group (Efron 1979). The change of the largest gap is tested by permutation: were the models
    alike, it would not matter which of an image's two answers is called the later one, so they are swapped at random.

    Args:
        pair: the images, with at least one column of groups.
        least: smaller groups are shown, but take part in no comparison.
        draws: resamples, and permutations.
        seed: of chance; the same seed gives the same figures.

    Raises:
        OptionError: ``least`` or ``draws`` cannot be meant, or there is no column of groups.
        DataError: a column holds one group only, none, or too many.
    """
    if least < 2 or draws < 100:
        raise OptionError(f"least, draws: got {least}, {draws}, expected at least 2 images and 100 draws")
    if not pair.groups:
        raise OptionError("got no column of groups, expected at least one", hint="Name one with --groups.")
    rng = np.random.default_rng(seed)
    made = []
    for name, cells in pair.groups.items():
        codes, names = ranked(name, cells)
        counts = counted(pair, codes, len(names))
        drawn = bootstrapped(counts, draws, rng)
        groups = [_group(pair, codes == place, names[place], drawn[:, place], least) for place in range(len(names))]
        big = counts.sum(1) >= least
        kept = tuple(name for name, is_big in zip(names, big) if is_big)
        gap = gap_change(counts[big], kept, drawn[:, big], rng) if big.sum() > 1 else None
        made.append(Changed(name, tuple(groups), gap, int((codes < 0).sum())))
    everyone = np.ones(len(pair), np.bool_)
    whole = counted(pair, np.zeros(len(pair), np.int64), 1)
    overall = _group(pair, everyone, "all", bootstrapped(whole, draws, rng)[:, 0], least)
    attributes = _corrected(made)
    compared = sum(group.compared for one in attributes for group in one.groups)
    return Change(len(pair), overall, attributes, draws, least, compared, pair.notes)


def counted(pair: Pair, codes: npt.NDArray[np.int64], groups: int) -> Counts:
    """int64 (G, 4): images of each group right in both, lost, gained, right in neither."""
    outcome = np.where(pair.before, np.where(pair.after, _BOTH, _LOST), np.where(pair.after, _GAINED, 3))
    has = codes >= 0
    return np.bincount(codes[has] * 4 + outcome[has], minlength=4 * groups).reshape(groups, 4).astype(np.int64)


def bootstrapped(counts: Counts, draws: int, rng: np.random.Generator) -> Counts:
    """int64 (D, G, 4): images drawn with replacement within each group; both answers of an image stay together."""
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    return np.stack([rng.multinomial(n, share, size=draws) for n, share in zip(counts.sum(1), shares)], 1)


def swapped(counts: Counts, draws: int, rng: np.random.Generator) -> Counts:
    """int64 (D, G, 4): counts as they might have been, had a coin decided which answer of an image came first."""
    made = np.broadcast_to(counts, (draws, *counts.shape)).copy()
    differing = counts[:, _LOST] + counts[:, _GAINED]
    made[..., _GAINED] = rng.binomial(differing, 0.5, size=(draws, len(counts)))
    made[..., _LOST] = differing - made[..., _GAINED]
    return made


def gap_change(counts: Counts, names: tuple[str, ...], drawn: Counts, rng: np.random.Generator) -> GapChange:
    """What became of the gap between the best and the worst read group.

    Args:
        counts: int64 (G, 4), of at least two groups.
        names: of the groups.
        drawn: int64 (D, G, 4), resamples of ``counts``.
        rng: where chance comes from.
    """
    ends, resampled = [], []
    for shares, redrawn in zip(accuracies(counts), accuracies(drawn)):
        high, low = int(shares.argmax()), len(shares) - 1 - int(shares[::-1].argmin())
        gaps = redrawn[:, high] - redrawn[:, low]
        ends.append(Apart(names[high], names[low], float(shares[high] - shares[low]), _interval(gaps)))
        resampled.append(gaps)
    before, after = ends
    seen = after.gap - before.gap
    null = accuracies(swapped(counts, len(drawn), rng))
    by_chance = np.ptp(null[1], axis=1) - np.ptp(null[0], axis=1)
    p = p_value(abs(seen), np.abs(by_chance))
    return GapChange(before, after, seen, _interval(resampled[1] - resampled[0]), p, p)


def accuracies(counts: Counts) -> tuple[Floats, Floats]:
    """float64 (..., G), before and after."""
    n = np.maximum(1, counts.sum(-1))
    return (counts[..., _BOTH] + counts[..., _LOST]) / n, (counts[..., _BOTH] + counts[..., _GAINED]) / n


def _group(pair: Pair, own: npt.NDArray[np.bool_], name: str, drawn: Counts, least: int) -> GroupChange:
    before, after = pair.before[own], pair.after[own]
    n, right, later = len(before), int(before.sum()), int(after.sum())
    p = mcnemar(before, after)
    return GroupChange(
        name=name,
        n=n,
        before=right / n,
        before_interval=wilson(right, n),
        after=later / n,
        after_interval=wilson(later, n),
        difference=(later - right) / n,
        interval=_interval((drawn[:, _GAINED] - drawn[:, _LOST]) / n),
        gained=int((after & ~before).sum()),
        lost=int((before & ~after).sum()),
        p=p,
        p_corrected=p,
        compared=n >= least,
    )


def _corrected(made: list[Changed]) -> tuple[Changed, ...]:
    """p-values of compared groups corrected together; those of gaps among themselves."""
    p_groups = iter(holm([group.p for one in made for group in one.groups if group.compared]))
    p_gaps = iter(holm([one.gap.p for one in made if one.gap]))
    return tuple(
        replace(
            one,
            groups=tuple(
                replace(group, p_corrected=next(p_groups)) if group.compared else group for group in one.groups
            ),
            gap=one.gap and replace(one.gap, p_corrected=next(p_gaps)),
        )
        for one in made
    )


def _interval(values: Floats) -> Interval:
    """The middle 95 % of what was drawn (percentile bootstrap)."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
