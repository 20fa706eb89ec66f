"""The values that describe an explanation."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from ..types import Reading, checked

Floats = npt.NDArray[np.float32]

#: Maps that agree less than this are not to be interpreted in detail.
MIN_AGREEMENT = 0.7
#: In log-odds: a prediction that changes less when the whole face is blurred has no parts to explain it.
MIN_EFFECT = 1.0
#: A map should beat random places by this, as the mean gap of probability between insertion and deletion.
MIN_GAIN = 0.1


class Limitation(str, Enum):
    """Why not to rely on a map."""

    WEAK = "weak"
    """The prediction hardly depends on the face (``MIN_EFFECT``)."""
    UNSTABLE = "unstable"
    """Another map of the same prediction looks different (``MIN_AGREEMENT``)."""
    UNFAITHFUL = "unfaithful"
    """Removing the strongest places costs hardly more than removing random ones (``MIN_GAIN``)."""


@dataclass(frozen=True)
class Part:
    """A part of the face and its effect on the prediction.

    Attributes:
        name: one of ``perturbation.PARTS``.
        effect: its Shapley value in log-odds of the explained emotion; positive where it supports the emotion. The effects
            of all parts sum to the difference between the face and its blurred copy.
        share: ``effect`` over the sum of all supporting effects, or of all opposing ones if that is larger; -1 to 1.
        without, probability: the prediction, and the probability of the explained emotion, with this part blurred.
    """

    name: str
    effect: float
    share: float
    without: str
    probability: float


@dataclass(frozen=True, eq=False)
class Curves:
    """The probability of the emotion while the image is blurred, or restored (Petsiuk et al. 2018, arXiv 1806.07421).

    Attributes:
        shares: float32 (M,), rising: the share of the image that is changed, 0 to 1.
        deletion, insertion: float32 (M,), while the places that support the emotion most are blurred or restored first.
        random_deletion, random_insertion: float32 (M,), the same for random places of the same shapes; means.
    """

    shares: Floats
    deletion: Floats
    insertion: Floats
    random_deletion: Floats
    random_insertion: Floats

    def __post_init__(self) -> None:
        for field in fields(self):
            checked(field.name, getattr(self, field.name), np.float32, (len(self.shares),))

    @property
    def gain(self) -> float:
        """The area between insertion and deletion, -1 to 1: 1 for a perfect map, 0 for an uninformative one."""
        return self._area(self.insertion - self.deletion)

    @property
    def random_gain(self) -> float:
        """The same for random places; near 0."""
        return self._area(self.random_insertion - self.random_deletion)

    def _area(self, heights: Floats) -> float:
        return float(((heights[1:] + heights[:-1]) / 2 * np.diff(self.shares)).sum())


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why one face got its prediction.

    Attributes:
        name, number: of the image, and of the face in it, from 1.
        reading: the prediction.
        emotion, probability: the emotion that is explained, and its probability, 0 to 1.
        crop: uint8 (S, S) or (S, S, 3): the input of the network.
        face: uint8 (L, L, 3), RGB: the same square in color, with more pixels.
        heat: float32 (S, S): the log-odds that each place adds to the emotion; negative where it opposes it.
        parts: of the face, the strongest support first.
        decisive_parts, changed_emotion: the fewest parts whose blurring changes the prediction, and the prediction then.
        curves: how much of the prediction the map holds.
        agreement: correlation of the map with another one, -1 to 1: for ``occlusion`` one of a shifted grid, for
            ``hirescam`` the occlusion map.
        blurred_emotion, blurred_probability: the prediction, and the probability of the explained emotion, for the fully
            blurred face.
        has_landmarks: whether landmarks placed the parts; otherwise they are placed as in most faces.
        method: ``occlusion`` or ``hirescam``.
    """

    name: str
    number: int
    reading: Reading
    emotion: str
    probability: float
    crop: npt.NDArray[np.uint8]
    face: npt.NDArray[np.uint8]
    heat: Floats
    parts: tuple[Part, ...]
    decisive_parts: tuple[str, ...]
    changed_emotion: str
    curves: Curves
    agreement: float
    blurred_emotion: str
    blurred_probability: float
    has_landmarks: bool
    method: str = "occlusion"

    def __post_init__(self) -> None:
        checked("heat", self.heat, np.float32, self.crop.shape[:2])

    @property
    def limitations(self) -> tuple[Limitation, ...]:
        """The checks that the map failed; empty if it passed all."""
        holds = {
            Limitation.WEAK: abs(sum(part.effect for part in self.parts)) < MIN_EFFECT,
            Limitation.UNSTABLE: not self.agreement >= MIN_AGREEMENT,
            Limitation.UNFAITHFUL: self.curves.gain - self.curves.random_gain < MIN_GAIN,
        }
        return tuple(limitation for limitation in Limitation if holds[limitation])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without images."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("name", "number", "reading", "crop", "face"):
            del own[name]
        table = {
            "name": self.name,
            "face": self.number,
            "box": self.reading.face.box.xyxy,
            "predicted": self.reading.emotion,
            "probabilities": self.reading.scores(),
            "abstained": self.reading.abstained,
            "mixed": self.reading.mixed,
            **own,
            "parts": [asdict(part) for part in self.parts],
            "curves": asdict(self.curves),
            "gain": self.curves.gain,
            "random_gain": self.curves.random_gain,
            "limitations": [limitation.value for limitation in self.limitations],
        }
        return {name: plain(value) for name, value in table.items()}


def plain(value: Any) -> Any:
    """Convert arrays and tuples to lists, and round numbers to 4 decimals."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return round(value, 4) if isinstance(value, float) else value
