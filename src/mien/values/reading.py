"""What was read off one face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import OptionError
from .arrays import checked
from .face import Face

#: An emotion shares a face when at least this share of annotators would name it. Chosen from data: see ``MODEL_CARD.md``.
SHARE = 0.25
#: A face with less detail is too blurred, or was too small, to be relied on. Chosen from data: see ``docs/uncertainty.md``.
LEAST_DETAIL = 0.03


@dataclass(frozen=True, eq=False)
class Reading:
    """The emotions of one face.

    Attributes:
        face: where the face is.
        emotions: the label set, in the vocabulary's order; length K.
        probabilities: float32 (K,), one per emotion, calibrated, summing to 1: how likely it is that most people would
            name this emotion. In a film they are smoothed over time.
        votes: float32 (K,), summing to 1: the share of people expected to name each emotion; None where not known.
        covered: how likely it is that the face shows an emotion of the label set at all, 0 to 1.
        unsure_below: the reading abstains below this, 0 to 1.
        track: number of the person in a film; None in a photo.
        raw: float32 (K,), the probabilities of this frame alone, where ``probabilities`` are smoothed; None in a photo.
        detail: how much the face shows, as ``mien.crop.detail`` measures it; None where not known.
    """

    face: Face
    emotions: tuple[str, ...]
    probabilities: npt.NDArray[np.float32]
    votes: npt.NDArray[np.float32] | None = None
    covered: float = 1.0
    unsure_below: float = 0.5
    track: int | None = None
    raw: npt.NDArray[np.float32] | None = None
    detail: float | None = None

    def __post_init__(self) -> None:
        _check_distribution("probabilities", self.probabilities, len(self.emotions))
        for name in ("votes", "raw"):
            given = getattr(self, name)
            if given is not None:
                _check_distribution(name, given, len(self.emotions))

    @property
    def emotion(self) -> str:
        """The likeliest emotion, also where the reading abstained."""
        return self.emotions[int(self.probabilities.argmax())]

    @property
    def confidence(self) -> float:
        """The probability of ``emotion``, 0 to 1."""
        return float(self.probabilities.max())

    @property
    def mixed(self) -> tuple[str, ...]:
        """The emotions that share the face, strongest first; empty where one rules alone, or the votes are not known."""
        if self.votes is None:
            return ()
        strong = [int(i) for i in np.argsort(-self.votes, kind="stable") if self.votes[i] >= SHARE]
        return tuple(self.emotions[i] for i in strong) if len(strong) > 1 else ()

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why not to rely on this reading; empty where nothing speaks against it.

        ``blurred``: the face was too small or too blurred; ``unsure``: the strongest emotion is too unlikely; ``other``: the
        face most likely shows no emotion of the label set.
        """
        against = {
            "blurred": self.detail is not None and self.detail < LEAST_DETAIL,
            "unsure": self.confidence < self.unsure_below,
            "other": self.covered < self.unsure_below,
        }
        return tuple(doubt for doubt, holds in against.items() if holds)

    @property
    def abstained(self) -> bool:
        """True where there are ``doubts``: do not rely on the emotion named."""
        return bool(self.doubts)

    def as_dict(self) -> dict[str, float]:
        """Emotion -> probability, strongest first."""
        pairs = zip(self.emotions, self.probabilities.tolist())
        return dict(sorted(pairs, key=lambda pair: -pair[1]))


def _check_distribution(name: str, values: npt.NDArray[np.float32], length: int) -> None:
    checked(name, values, np.float32, (length,))
    total = float(values.sum())
    if not abs(total - 1) < 1e-3:
        raise OptionError(f"{name}: got a sum of {total:.4f}, expected 1")
