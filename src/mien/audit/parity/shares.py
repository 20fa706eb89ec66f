"""How often each emotion is predicted of each group: counted, drawn anew, and compared.

Counts have the shape (..., G, 1, 2 K + 1): groups, one stratum, and outcomes as in ``fairness.counts``: no face found, what
was predicted, and what was predicted by a reading that abstained.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..fairness.counts import Counts, Floats
from ..fairness.gaps import Drawn
from ..fairness.intervals import limits
from ..fairness.resampling import dealt_anew, resampled
from ..fairness.values import Gap, Predictions


def counted(predictions: Predictions, codes: npt.NDArray[np.int64], groups: int) -> Counts:
    """Count what was predicted, whatever the right answers are.

    Args:
        predictions: N images.
        codes: int64 (N,), the group of each; -1 where it has none.
        groups: how many there are, G.

    Returns:
        int64 (G, 1, 2 K + 1).
    """
    k = len(predictions.emotions)
    outcome = predictions.said + 1
    if predictions.abstained is not None:
        outcome = outcome + k * (predictions.abstained & (predictions.said >= 0))
    width, has = 2 * k + 1, codes >= 0
    flat = codes[has] * width + outcome[has]
    return np.bincount(flat, minlength=groups * width).reshape(groups, 1, width).astype(np.int64)


def shares(counts: Counts) -> Floats:
    """All shares.

    Args:
        counts: int64 (..., G, 1, 2 K + 1).

    Returns:
        float64 (..., G, K + 2), 0 to 1: of the faces found, the share of each emotion; of the images, that of faces found;
        of the faces, that of abstentions. NaN where a group has none to tell by.
    """
    part, whole = told(counts)
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def told(counts: Counts) -> tuple[Counts, Counts]:
    """What each share is a share of: the part, and the whole; int64 (..., G, K + 2) each, as in ``shares``."""
    flat = counts[..., 0, :]
    k = flat.shape[-1] // 2
    said = flat[..., 1 : k + 1] + flat[..., k + 1 :]
    judged, images = said.sum(-1, keepdims=True), flat.sum(-1, keepdims=True)
    part = [said, judged, flat[..., k + 1 :].sum(-1, keepdims=True)]
    return np.concatenate(part, -1), np.concatenate([np.broadcast_to(judged, said.shape), images, judged], -1)


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

    The labels of the groups are permuted among all images: without right answers there is no telling apart those that show
    the same. So a small p-value says that groups get different predictions, for whatever reason.

    Args:
        counts: int64 (G, 1, 2 K + 1), of all groups of one column.
        names: of the groups.
        emotions: K of them.
        known: whether faces not found, and readings that abstained, are told.
        least: images that a group needs to be compared.
        draws: how often to draw.
        rng: where chance comes from.

    Returns:
        The share of each emotion, faces found, abstention: those that at least two groups can be compared in.
    """
    big = counts.sum((1, 2)) >= least
    if big.sum() < 2:
        return ()
    counts = counts[big]
    kept = tuple(name for name, is_big in zip(names, big) if is_big)
    k = len(emotions)
    boot = np.concatenate([shares(drawn) for drawn in resampled(counts, draws, rng)])
    null = np.concatenate([shares(drawn) for drawn in dealt_anew(counts, draws, rng)])
    images = np.repeat(counts.sum((1, 2))[:, None], k + 2, 1)
    drawn = Drawn(kept, images, limits(*told(counts)), shares(counts), boot, null)
    wanted = [(place, f"share of {emotion}") for place, emotion in enumerate(emotions)]
    wanted += [(k, "faces found")] if known[0] else []
    wanted += [(k + 1, "abstention")] if known[1] else []
    made = [drawn.gap(words, [(place, words)]) for place, words in wanted]
    return tuple(gap for gap in made if gap is not None)
