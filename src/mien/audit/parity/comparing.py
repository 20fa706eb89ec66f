"""The whole audit without right answers: groups, crossings, gaps, one correction for all of them."""

from __future__ import annotations

import numpy as np

from ...lab.evaluate.scores import wilson
from ..fairness.auditing import DRAWS, LEAST, columns_of, left_out
from ..fairness.counts import Counts
from ..fairness.gaps import corrected
from ..fairness.power import photos_needed, smallest_gap
from ..fairness.values import Gap, Predictions
from .shares import counted, gaps_of
from .values import GroupShares, Parity, ParityAttribute, Share

#: Draws for each comparison, so that the least p-value stays below half the level after correction.
_FINE = 40
#: Faces found and abstention; the emotions come on top.
_OTHER_MEASURES = 2
#: The share at which a difference is hardest to see.
_HARDEST = 0.5


def parity(
    predictions: Predictions, *, cross: bool = False, least: int = LEAST, draws: int = DRAWS, seed: int = 0
) -> Parity:
    """Ask whether all groups are given each emotion equally often (demographic parity), found, and read equally surely.

    Right answers are not looked at, be there any or not. Groups may really show different emotions: a difference is a
    question, and no finding of unfairness. Method and its limits: ``docs/fairness.md``.

    Args:
        predictions: with at least one column of groups.
        cross: compare each pair of columns too.
        least: smaller groups are shown, but take part in no comparison.
        draws: resamples, and permutations, at least; with many comparisons there are more.
        seed: of chance; the same seed gives the same figures.

    Raises:
        OptionError: ``least`` or ``draws`` cannot be meant, or there is no column of groups.
        DataError: a column holds one group only, none, or too many.
    """
    columns = columns_of(predictions, cross=cross, least=least, draws=draws)
    draws = max(draws, _FINE * len(columns) * (len(predictions.emotions) + _OTHER_MEASURES))
    rng = np.random.default_rng(seed)
    known = (predictions.found_known, predictions.abstained is not None)
    found: list[tuple[GroupShares, ...]] = []
    gaps: list[tuple[Gap, ...]] = []
    for _, codes, names in columns:
        counts = counted(predictions, codes, len(names))
        found.append(_groups(counts, names, predictions, least))
        gaps.append(gaps_of(counts, names, predictions.emotions, known=known, least=least, draws=draws, rng=rng))
    everyone = np.zeros(len(predictions), np.int64)
    (overall,) = _groups(counted(predictions, everyone, 1), ("all",), predictions, least)
    small = [
        (name, [(one.name, one.n) for one in groups if not one.compared])
        for (name, _, _), groups in zip(columns, found)
    ]
    return Parity(
        n=len(predictions),
        emotions=predictions.emotions,
        overall=overall,
        attributes=tuple(
            ParityAttribute(name, groups, some, int((codes < 0).sum()))
            for (name, codes, _), groups, some in zip(columns, found, corrected(gaps))
        ),
        comparisons=sum(map(len, gaps)),
        draws=draws,
        least=least,
        notes=predictions.notes + tuple(left_out(name, groups) for name, groups in small if groups),
    )


def _groups(counts: Counts, names: tuple[str, ...], predictions: Predictions, least: int) -> tuple[GroupShares, ...]:
    k = len(predictions.emotions)
    said = counts[:, 0, 1 : k + 1] + counts[:, 0, k + 1 :]
    judged, abstained, images = said.sum(1), counts[:, 0, k + 1 :].sum(1), counts.sum((1, 2))
    total = int(judged.sum())
    made = []
    for place, name in enumerate(names):
        n, others = int(judged[place]), total - int(judged[place])
        made.append(
            GroupShares(
                name=name,
                n=int(images[place]),
                judged=n,
                said=dict(zip(predictions.emotions, said[place].tolist())),
                shares={emotion: _share(int(some), n) for emotion, some in zip(predictions.emotions, said[place])},
                found=_share(n, int(images[place])) if predictions.found_known else None,
                abstained=None if predictions.abstained is None else _share(int(abstained[place]), n),
                smallest_gap=smallest_gap(_HARDEST, n, others),
                more=max(0, photos_needed(_HARDEST, others) - n) if others else 0,
                compared=bool(images[place] >= least),
            )
        )
    return tuple(made)


def _share(part: int, whole: int) -> Share | None:
    return Share(part / whole, wilson(part, whole)) if whole else None
