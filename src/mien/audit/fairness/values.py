"""What an audit takes, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .power import LEVEL

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Predictions:
    """N images: what they show, what was said of them, and the groups that they belong to.

    Attributes:
        emotions: the emotions that occur, K of them, in the vocabulary's order.
        truth: int64 (N,), the place of the right answer in ``emotions``; -1 in all where there are no right answers.
        said: int64 (N,), the place of what was predicted; -1 where no face was found.
        abstained: bool (N,), the prediction was marked as not to be relied on; None where that is not known.
        confidence: float64 (N,), the probability of what was predicted, 0 to 1, NaN where no face was found; None where
            that is not known.
        found_known: the table tells photos without a face, so that a detection rate can be given.
        groups: column -> object (N,) of str, the group of each image; empty where it has none.
        notes: what a reader must know of how the table was read, a sentence each.
    """

    emotions: tuple[str, ...]
    truth: npt.NDArray[np.int64]
    said: npt.NDArray[np.int64]
    abstained: npt.NDArray[np.bool_] | None
    confidence: npt.NDArray[np.float64] | None
    found_known: bool
    groups: dict[str, npt.NDArray[np.object_]]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def has_truth(self) -> bool:
        """There are right answers to compare with."""
        return bool((self.truth >= 0).all())


@dataclass(frozen=True)
class GroupScores:
    """One group; shares are 0 to 1, None where they cannot be told.

    Attributes:
        name: of the group.
        n: its images.
        judged: of these, where a face was found; accuracy, recall and calibration are over them.
        accuracy: share of right answers, with ``interval``, its 95 % interval (Wilson 1927).
        same_mix: accuracy, had the group shown the emotions that all groups show, in the mix of all images
            (direct standardization).
        macro_f1: mean F1 of the emotions that the group shows.
        recall: emotion -> share recognized; None where the group does not show it.
        shown: emotion -> images of it.
        found: share of images in which a face was found.
        abstained: share of found faces of which the reading said not to rely on it.
        ece: expected calibration error, bins of equal size, of at least 20 images and 15 at most.
        overconfidence: mean confidence less accuracy: above 0 where it is surer than right; with its 95 % interval.
        smallest_gap: the least drop in accuracy below that of the other groups together that would be seen in four of
            five tries; None where none would.
        more: how many more images it takes to see a drop of 10 points in four of five tries; 0 where there are enough.
        compared: it has images enough to take part in the gaps.
    """

    name: str
    n: int
    judged: int
    accuracy: float | None
    interval: Interval | None
    same_mix: float | None
    macro_f1: float | None
    recall: dict[str, float | None]
    shown: dict[str, int]
    found: float | None
    abstained: float | None
    ece: float | None
    overconfidence: float | None
    overconfidence_interval: Interval | None
    smallest_gap: float | None
    more: int
    compared: bool


@dataclass(frozen=True)
class Gap:
    """How far two groups lie apart in one measure: the highest and the lowest of those that have images enough.

    Attributes:
        measure: ``accuracy``, ``accuracy, same mix``, ``equalised odds``, ``recall of happy``, ``faces found`` or
            ``abstention``.
        what: the measure; for equalised odds the rate that lies furthest apart, such as ``recall of happy``.
        highest: name of the group with the highest value, which is ``high``.
        lowest: name of the group with the lowest value, which is ``low``.
        difference: ``high`` less ``low``, 0 to 1; with the 95 % interval of the difference of these two groups
            (bootstrap; Newcombe's where there are few right or few wrong answers).
        ratio: ``low`` over ``high``; with its bootstrap interval; None where ``high`` is 0, or where that says too little.
        chance: the difference that chance alone exceeds once in twenty times, were all groups treated alike.
        p: of all groups being treated alike, given the emotions that they show (permutation test); None for plain accuracy,
            which another mix of emotions moves too: it is described, and accuracy at the same mix is tested.
        p_corrected: the same, corrected for all comparisons of the audit (Holm 1979).
        surest: the two groups whose distance chance explains least, such as ``A over B``; for equalised odds in which
            rate. It is they that ``p`` is of: the two furthest apart may be others, of few images.
        groups: how many groups were compared.
        fewest: images that the smallest of these has to tell this measure by.
    """

    measure: str
    what: str
    highest: str
    high: float
    lowest: str
    low: float
    difference: float
    interval: Interval
    ratio: float | None
    ratio_interval: Interval | None
    chance: float
    p: float | None
    p_corrected: float | None
    surest: str
    groups: int
    fewest: int

    @property
    def sure(self) -> bool:
        """Chance hardly explains it."""
        return self.p_corrected is not None and self.p_corrected < LEVEL

    @property
    def others_surer(self) -> bool:
        """What stands out is not the gap between the two groups that lie furthest apart."""
        pair = f"{self.highest} over {self.lowest}"
        return self.sure and self.surest not in (pair, f"{self.what}: {pair}")


@dataclass(frozen=True)
class Attribute:
    """One column of groups, or a crossing of several.

    Attributes:
        name: such as ``gender``, or ``gender x age``.
        groups: its groups, in the natural order of their names.
        gaps: between those that can be compared; empty where fewer than two can.
        missing: images that belong to no group.
        mix: the emotions, and their weights, that ``same_mix`` and its gap stand on; empty where no emotion is shown by all.
    """

    name: str
    groups: tuple[GroupScores, ...]
    gaps: tuple[Gap, ...]
    missing: int
    mix: dict[str, float]


@dataclass(frozen=True)
class Audit:
    """All that was found.

    Attributes:
        n: images.
        emotions: the emotions that occur.
        overall: all images as one group.
        attributes: the columns of groups and their crossings.
        comparisons: how many p-values were corrected together.
        draws: how often was drawn, for each bootstrap and each permutation test.
        least: images that a group needs to be compared.
        notes: what a reader must know, a sentence each.
    """

    n: int
    emotions: tuple[str, ...]
    overall: GroupScores
    attributes: tuple[Attribute, ...]
    comparisons: int
    draws: int
    least: int
    notes: tuple[str, ...]

    @property
    def least_p(self) -> float:
        """The smallest corrected p-value that so many draws, for so many comparisons, can give."""
        return min(1.0, self.comparisons / (1 + self.draws))
