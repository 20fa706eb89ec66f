"""How far the annotators of a data set agree with one another, and with its labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from ...data.dataset import SPLITS, Dataset, Votes

#: An image divides its annotators where at least two emotions have this share of the votes each: 3 of 10.
_DIVIDED = 0.3


@dataclass(frozen=True)
class Annotators:
    """What the votes of one part say; shares are 0 to 1.

    Attributes:
        part: of the data.
        n: its images.
        votes: mean number of votes an image, those for "unknown" and "no face" included.
        no_majority: share of the images on which no emotion holds more than half of the votes, single ones dropped
            (``Votes.majority``, as FER+'s authors define it).
        no_face: share of the images on which "no face" has the most votes, or nobody named an emotion; these are among
            those without a majority, and the three figures below leave them out.
        top_share: mean share of the emotion that got the most votes.
        entropy: mean entropy of the votes over the emotions, in nats: 0 where all agree, 2.08 where all eight get as many.
        divided: share of the images on which at least two emotions have 30 % of the votes each.
        label_agrees: of the images with a majority, the share whose label it is; None where there are none.
    """

    part: str
    n: int
    votes: float
    no_majority: float
    no_face: float
    top_share: float
    entropy: float
    divided: float
    label_agrees: float | None


def annotators(faces: Dataset) -> tuple[Annotators, ...]:
    """Each part of the data, in the order in which parts are named; empty where there are no votes."""
    if faces.votes is None:
        return ()
    parts = [faces.part(part) for part in SPLITS if (faces.split == part).any()]
    return tuple(_of(part, part.votes) for part in parts if part.votes is not None)


def _of(part: Dataset, votes: Votes) -> Annotators:
    majority, shares = votes.majority(), votes.distribution().astype(np.float64)
    usable = shares.sum(1) > 0
    some = shares[usable]
    known = majority >= 0
    total = votes.emotions.sum(1, dtype=np.int64) + votes.unknown + votes.no_face
    return Annotators(
        part=str(part.split[0]),
        n=len(part),
        votes=float(total.mean()),
        no_majority=float((~known).mean()),
        no_face=float((~usable).mean()),
        top_share=float(some.max(1).mean()) if len(some) else 0.0,
        entropy=float(-xlogy(some, some).sum(1).mean()) if len(some) else 0.0,
        divided=float(((some >= _DIVIDED).sum(1) > 1).mean()) if len(some) else 0.0,
        label_agrees=float((majority[known] == part.labels[known]).mean()) if known.any() else None,
    )
