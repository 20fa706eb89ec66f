"""What was read off one face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import OptionError
from .arrays import checked
from .face import Face


@dataclass(frozen=True, eq=False)
class Reading:
    """The emotions of one face.

    Attributes:
        face: where the face is.
        emotions: the label set, in the vocabulary's order; length K.
        probabilities: float32 (K,), one per emotion, calibrated, summing to 1: how likely it is that most people would
            name this emotion.
        mixed: the emotions that share the face, strongest first; empty where one rules alone.
        abstained: True where the strongest emotion is too unlikely to be named with a straight face, or where the face
            most likely shows an emotion that is not in the label set.
        track: number of the person in a video; None in a photo.
    """

    face: Face
    emotions: tuple[str, ...]
    probabilities: npt.NDArray[np.float32]
    mixed: tuple[str, ...] = ()
    abstained: bool = False
    track: int | None = None

    def __post_init__(self) -> None:
        checked("probabilities", self.probabilities, np.float32, (len(self.emotions),))
        total = float(self.probabilities.sum())
        if not abs(total - 1) < 1e-3:
            raise OptionError(f"probabilities: got a sum of {total:.4f}, expected 1")

    @property
    def emotion(self) -> str:
        """The likeliest emotion, also where the reading abstained."""
        return self.emotions[int(self.probabilities.argmax())]

    @property
    def confidence(self) -> float:
        """The probability of ``emotion``, 0 to 1."""
        return float(self.probabilities.max())

    def as_dict(self) -> dict[str, float]:
        """Emotion -> probability, strongest first."""
        pairs = zip(self.emotions, self.probabilities.tolist())
        return dict(sorted(pairs, key=lambda pair: -pair[1]))
