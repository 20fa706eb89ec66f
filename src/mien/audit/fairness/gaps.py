"""How far apart groups lie, how sure that is, and whether it is more than chance."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...stats import holm
from .counts import Counts, Floats, Rates, behind, common_mix, rates, told
from .intervals import Limits, limits, with_mean
from .resampling import bootstrapped, farthest_apart, p_value, permuted
from .values import Gap, Interval

#: Described, not tested: groups that show other emotions differ in it though they are treated alike.
_PLAIN = "accuracy"


def gaps_of(
    counts: Counts,
    names: tuple[str, ...],
    emotions: tuple[str, ...],
    *,
    known: tuple[bool, bool],
    least: int,
    draws: int,
    rng: np.random.Generator,
) -> tuple[Gap, ...]:
    """The gaps between groups; ``p_corrected`` is not corrected yet.

    Args:
        counts: int64 (G, K, 2 K + 1), of all groups of one column.
        names: of the groups.
        emotions: K of them.
        known: whether faces not found, and readings that abstained, are told.
        least: images that a group needs, also of an emotion, to be compared.
        draws: how often to draw.
        rng: where chance comes from.

    Returns:
        Accuracy, accuracy at the same mix, equalised odds, recall of each emotion, faces found, abstention: those that at
        least two groups can be compared in.
    """
    big = counts.sum((1, 2)) >= least
    if big.sum() < 2:
        return ()
    counts = counts[big]
    kept = tuple(name for name, is_big in zip(names, big) if is_big)
    weights = common_mix(counts)
    images = behind(counts)
    allowed = images >= least
    observed = np.where(allowed, rates(counts, weights), np.nan)
    boot = np.where(allowed, bootstrapped(counts, weights, draws, rng), np.nan)
    null = np.where(allowed, permuted(counts, weights, draws, rng), np.nan)
    at = Rates(len(emotions))
    ends = with_mean(limits(*told(counts)), at.same_mix, at.recall, weights)
    drawn = Drawn(kept, images, ends, observed, boot, null)
    wanted: list[tuple[str, list[tuple[int, str]]]] = [
        (_PLAIN, [(at.accuracy, "accuracy")]),
        ("accuracy, same mix", [(at.same_mix, "accuracy, same mix")]),
    ]
    recalls = [(place, f"recall of {name}") for place, name in zip(at.recall, emotions)]
    alarms = [(place, f"false alarms of {name}") for place, name in zip(at.false_alarm, emotions)]
    wanted.append(("equalised odds", recalls + alarms))
    wanted += [(words, [(place, words)]) for place, words in recalls]
    wanted += [("faces found", [(at.found, "faces found")])] if known[0] else []
    wanted += [("abstention", [(at.abstained, "abstention")])] if known[1] else []
    made = [drawn.gap(measure, places) for measure, places in wanted]
    return tuple(replace(gap, p=None) if gap.measure == _PLAIN else gap for gap in made if gap is not None)


def corrected(gaps: list[tuple[Gap, ...]]) -> list[tuple[Gap, ...]]:
    """The same gaps, their p-values corrected for the number of all of them (Holm 1979)."""
    p_values = iter(holm([gap.p for some in gaps for gap in some if gap.p is not None]))
    return [tuple(gap if gap.p is None else replace(gap, p_corrected=next(p_values)) for gap in some) for some in gaps]


class Drawn:
    """Images behind each rate (G, R); the rates seen, with their limits; what might have been (D, G, R), twice."""

    def __init__(
        self, names: tuple[str, ...], images: Counts, ends: Limits, observed: Floats, boot: Floats, null: Floats
    ) -> None:
        self._names, self._images, self._ends = names, images, ends
        self._observed, self._boot, self._null = observed, boot, null
        self._seen, self._by_chance, self._surest = farthest_apart(observed, null)

    def gap(self, measure: str, places: list[tuple[int, str]]) -> Gap | None:
        """The largest gap among some rates; None where no rate can be compared between two groups, or none can vary."""
        told = [(place, words) for place, words in places if np.isfinite(self._observed[:, place]).sum() > 1]
        if not told or not self._varies([place for place, _ in told]):
            return None
        columns = [place for place, _ in told]
        place, what = max(told, key=lambda one: _spread(self._observed[:, one[0]]))
        values = self._observed[:, place]
        high, low = int(np.nanargmax(values)), len(values) - 1 - int(np.nanargmin(values[::-1]))
        upper, lower = self._boot[:, high, place], self._boot[:, low, place]
        with warnings.catch_warnings():  # a draw without any rate has no gap, which is NaN, as it should be
            warnings.simplefilter("ignore", RuntimeWarning)
            by_chance = np.nanmax(np.nanmax(self._null[..., columns], 1) - np.nanmin(self._null[..., columns], 1), 1)
        by_few = self._ends.apart(
            high, low, place
        )  # the bootstrap would be too narrow, and has no say in the ratio either
        ratio = lower[upper > 0] / upper[upper > 0]
        return Gap(
            measure=measure,
            what=what,
            highest=self._names[high],
            high=float(values[high]),
            lowest=self._names[low],
            low=float(values[low]),
            difference=float(values[high] - values[low]),
            interval=by_few or _interval(upper - lower),
            ratio=float(values[low] / values[high]) if values[high] > 0 else None,
            ratio_interval=_interval(ratio) if values[high] > 0 and not by_few else None,
            chance=float(np.nanquantile(by_chance, 0.95)),
            p=p_value(float(self._seen[columns].max()), self._by_chance[:, columns].max(1)),
            p_corrected=None,
            surest=self._pair(told),
            groups=int(np.isfinite(values).sum()),
            fewest=int(self._images[np.isfinite(values), place].min()),
        )

    def _pair(self, told: list[tuple[int, str]]) -> str:
        """Who stands out most, in the unit of the test; of several rates, in which."""
        place, words = max(told, key=lambda one: float(self._seen[one[0]]))
        upper, lower = self._surest[place]
        pair = f"{self._names[upper]} over {self._names[lower]}"
        return pair if len(told) == 1 else f"{words}: {pair}"

    def _varies(self, columns: list[int]) -> bool:
        """Whether another deal of the labels could have come out otherwise; what cannot is no comparison."""
        every = np.concatenate([self._observed[None], self._null])[..., columns]
        told = every[:, np.isfinite(every).all(0)]
        return bool((told.max(0) - told.min(0) > 1e-12).any()) if told.size else True


def _spread(values: npt.NDArray[np.float64]) -> float:
    return float(np.nanmax(values) - np.nanmin(values))


def _interval(values: npt.NDArray[np.float64]) -> Interval:
    """The middle 95 % of what was drawn (percentile bootstrap)."""
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)
