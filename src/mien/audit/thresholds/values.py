"""Thresholds of confidence, and what stands behind them."""

from __future__ import annotations

from dataclasses import dataclass

from ..fairness.values import Interval


@dataclass(frozen=True)
class Kept:
    """What a threshold does on images that it was not fitted to.

    Attributes:
        n: images held back.
        relied_on: of these, readings at or above the threshold.
        accuracy: share of right ones among them, 0 to 1; None where there is none.
        interval: its 95 % interval (Wilson 1927).
    """

    n: int
    relied_on: int
    accuracy: float | None
    interval: Interval | None


@dataclass(frozen=True)
class GroupThreshold:
    """One group.

    Attributes:
        name: of the group.
        n: images that its threshold was fitted to.
        threshold: the confidence below which a reading should not be relied on, 0 to 1; None where none can be promised.
        why: ``""``; ``too small`` (fewer images than ``needed``) or ``out of reach`` (too often wrong at any threshold).
        needed: readings it takes to promise the target, were half as many wrong as it allows.
        own: what its own threshold does on images held back; None without one.
        common: what the common threshold does there; None without one.
    """

    name: str
    n: int
    threshold: float | None
    why: str
    needed: int
    own: Kept | None
    common: Kept | None


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of one column of groups.

    Attributes:
        column: of the groups.
        target: share of right answers that is to be reached among the readings relied on.
        risk: probability, at most, that any promise is wrong.
        common: one threshold that reaches the target in every group which is not too small; None where there is none.
        groups: in the natural order of their names.
        fitted: images that all was fitted to.
        held: images held back.
        notes: what a reader must know, a sentence each.
    """

    column: str
    target: float
    risk: float
    common: float | None
    groups: tuple[GroupThreshold, ...]
    fitted: int
    held: int
    notes: tuple[str, ...] = ()
