"""The values that describe an explanation."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from ..types import Reading, checked

#: Maps that agree less than this are not to be read into detail.
STABLE = 0.7
#: A decision that hardly moves when the whole face is blurred has no parts to speak of; in units of log-odds.
LEAST_EFFECT = 1.0
#: A map should beat random places by this, as the mean gap of probability between insertion and deletion.
LEAST_GAIN = 0.1


class Limitation(str, Enum):
    """Why not to rely on a map."""

    WEAK = "weak"
    """The prediction hardly depends on the face: there is little that parts could explain (``LEAST_EFFECT``)."""
    UNSTABLE = "unstable"
    """Another map of the same prediction looks different (``STABLE``)."""
    UNFAITHFUL = "unfaithful"
    """Removing the strongest places costs hardly more than removing random ones (``LEAST_GAIN``)."""


@dataclass(frozen=True)
class Part:
    """A part of the face, and what it did to the decision.

    Attributes:
        name: one of ``mien.explanations.perturbation.PARTS``.
        effect: its Shapley value in log-odds of the emotion asked about; above 0 where it spoke for the emotion. Those of
            all parts sum to the difference between the face and its blurred copy.
        share: ``effect`` over all that was said for the emotion, or over all that was said against it if that was more; -1
            to 1.
        without: the emotion that would be read with this part blurred.
        probability: of the emotion asked about with this part blurred, 0 to 1.
    """

    name: str
    effect: float
    share: float
    without: str
    probability: float


@dataclass(frozen=True, eq=False)
class Curves:
    """What happens to the probability of the emotion while the image is blurred away, or appears (Petsiuk et al. 2018).

    Attributes:
        shares: float32 (M,), rising: the share of the image that was changed, 0 to 1.
        deletion: float32 (M,), the probability while the places that spoke most for the emotion are blurred first.
        insertion: float32 (M,), while they appear first in the blurred image.
        random_deletion, random_insertion: float32 (M,), the same for places of the same shapes at random; means.
    """

    shares: npt.NDArray[np.float32]
    deletion: npt.NDArray[np.float32]
    insertion: npt.NDArray[np.float32]
    random_deletion: npt.NDArray[np.float32]
    random_insertion: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        for name in ("shares", "deletion", "insertion", "random_deletion", "random_insertion"):
            checked(name, getattr(self, name), np.float32, (len(self.shares),))

    @property
    def gain(self) -> float:
        """The area between insertion and deletion, -1 to 1: 1 is a map that says everything, 0 one that says nothing."""
        return self._area(self.insertion - self.deletion)

    @property
    def random_gain(self) -> float:
        """The same for random places; near 0."""
        return self._area(self.random_insertion - self.random_deletion)

    def at(self, share: float, *, random: bool = False) -> float:
        """The probability once the strongest ``share`` of the image (or a random one) is blurred."""
        return float(np.interp(share, self.shares, self.random_deletion if random else self.deletion))

    def _area(self, heights: npt.NDArray[np.float32]) -> float:
        return float(((heights[1:] + heights[:-1]) / 2 * np.diff(self.shares)).sum())


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why one face was read as it was.

    Attributes:
        name: of the image.
        number: of the face in its image, from 1.
        reading: what was read.
        emotion: the emotion that is explained.
        probability: its probability, 0 to 1.
        crop: uint8 (S, S) or (S, S, 3): the face as the network saw it.
        face: uint8 (L, L, 3), RGB: the same square, finer and in color.
        heat: float32 (S, S): how much log-odds each place gave to the emotion; below 0 where it spoke against it.
        parts: of the face, the one that spoke loudest for the emotion first.
        turning: the fewest parts whose blurring changes what is read; empty where no set of them does.
        turned: what is read then.
        curves: how much of the decision the map holds.
        agreement: correlation of the map with another one, -1 to 1: for ``occlusion`` one of a shifted grid, for
            ``hirescam`` the occlusion map.
        blurred: what the network reads off the wholly blurred face.
        blurred_probability: of the emotion asked about, on the wholly blurred face, 0 to 1.
        placed: whether landmarks placed the parts; else they lie where they do in most faces.
        method: ``occlusion`` or ``hirescam``.
    """

    name: str
    number: int
    reading: Reading
    emotion: str
    probability: float
    crop: npt.NDArray[np.uint8]
    face: npt.NDArray[np.uint8]
    heat: npt.NDArray[np.float32]
    parts: tuple[Part, ...]
    turning: tuple[str, ...]
    turned: str
    curves: Curves
    agreement: float
    blurred: str
    blurred_probability: float
    placed: bool
    method: str = "occlusion"

    def __post_init__(self) -> None:
        checked("heat", self.heat, np.float32, self.crop.shape[:2])

    @property
    def limitations(self) -> tuple[Limitation, ...]:
        """The checks that the map failed; empty if it passed all."""
        holds = {
            Limitation.WEAK: abs(sum(part.effect for part in self.parts)) < LEAST_EFFECT,
            Limitation.UNSTABLE: not self.agreement >= STABLE,
            Limitation.UNFAITHFUL: self.curves.gain - self.curves.random_gain < LEAST_GAIN,
        }
        return tuple(limitation for limitation in Limitation if holds[limitation])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: numbers and words, no image."""
        return {
            "name": self.name,
            "face": self.number,
            "box": [round(side, 1) for side in self.reading.face.box.xyxy],
            "read": self.reading.emotion,
            "probabilities": {name: round(value, 4) for name, value in self.reading.scores().items()},
            "abstained": self.reading.abstained,
            "mixed": list(self.reading.mixed),
            "emotion": self.emotion,
            "probability": round(self.probability, 4),
            "method": self.method,
            "parts": [
                {
                    "part": part.name,
                    "effect": round(part.effect, 4),
                    "share": round(part.share, 4),
                    "without_it": part.without,
                    "probability_without_it": round(part.probability, 4),
                }
                for part in self.parts
            ],
            "turned_by_blurring": list(self.turning),
            "turned_into": self.turned,
            "parts_from_landmarks": self.placed,
            "blurred_reads": self.blurred,
            "blurred_probability": round(self.blurred_probability, 4),
            "agreement": round(self.agreement, 4),
            "gain": round(self.curves.gain, 4),
            "random_gain": round(self.curves.random_gain, 4),
            "curves": {
                field.name: [round(float(value), 4) for value in getattr(self.curves, field.name)]
                for field in fields(self.curves)
            },
            "limitations": [limitation.value for limitation in self.limitations],
            "heat": [[round(float(v), 4) for v in row] for row in self.heat],
        }
