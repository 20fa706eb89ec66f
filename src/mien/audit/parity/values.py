"""What an audit without right answers finds."""

from __future__ import annotations

from dataclasses import dataclass

from ..fairness.values import Gap, Interval


@dataclass(frozen=True)
class Share:
    """A share of images.

    Attributes:
        value: 0 to 1.
        interval: its 95 % interval (Wilson 1927).
    """

    value: float
    interval: Interval


@dataclass(frozen=True)
class GroupShares:
    """One group; shares are None where they cannot be told.

    Attributes:
        name: of the group.
        n: its images.
        judged: of these, where a face was found; the shares of emotions, and of abstentions, are of them.
        said: emotion -> images of which it was predicted.
        shares: emotion -> share of the faces of which it was predicted.
        found: share of images in which a face was found.
        abstained: share of found faces of which the reading said not to rely on it.
        smallest_gap: the difference from the other groups together, in the share of any emotion, that would be seen in four
            of five tries: that of shares around one half, rarer ones show at less. None where none would.
        more: how many more images it takes to see a difference of 10 points; 0 where there are enough.
        compared: it has images enough to take part in the gaps.
    """

    name: str
    n: int
    judged: int
    said: dict[str, int]
    shares: dict[str, Share | None]
    found: Share | None
    abstained: Share | None
    smallest_gap: float | None
    more: int
    compared: bool


@dataclass(frozen=True)
class ParityAttribute:
    """One column of groups, or a crossing of two.

    Attributes:
        name: such as ``gender``, or ``gender x age``.
        groups: its groups, in the natural order of their names.
        gaps: between those that can be compared, in the share of each emotion, in faces found and in abstention.
        missing: images that belong to no group.
    """

    name: str
    groups: tuple[GroupShares, ...]
    gaps: tuple[Gap, ...]
    missing: int


@dataclass(frozen=True)
class Parity:
    """All that was found.

    Attributes:
        n: images.
        emotions: the emotions that were predicted.
        overall: all images as one group.
        attributes: the columns of groups and their crossings.
        comparisons: how many p-values were corrected together.
        draws: how often was drawn, for each bootstrap and each permutation test.
        least: images that a group needs to be compared.
        notes: what a reader must know, a sentence each.
    """

    n: int
    emotions: tuple[str, ...]
    overall: GroupShares
    attributes: tuple[ParityAttribute, ...]
    comparisons: int
    draws: int
    least: int
    notes: tuple[str, ...]
