"""Ask the network about one emotion, of any number of variants of one face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ..model.classifier import EmotionClassifier
from ..model.preprocess import to_tensor

#: Pixels that go through the network in one call: more are no faster, and every layer of them takes memory.
_AT_ONCE = 150_000
#: How far a part is blurred to take away what it says, as a share of the crop's side. A mouth is about 0.1 high.
_BLUR = 0.15
_LEAST = 1e-30


@dataclass(frozen=True, eq=False)
class Answers:
    """What the network said of N variants.

    Attributes:
        log_odds: float64 (N,), of the emotion against all others of the label set.
        probabilities: float32 (N, K).
    """

    log_odds: npt.NDArray[np.float64]
    probabilities: npt.NDArray[np.float32]


class Question:
    """How strongly a network speaks for one emotion.

    What is taken away from the face is replaced by its own blurred copy (Fong and Vedaldi 2017): gray patches have edges
    that no face has, and a network's answer to those is not about the face.

    Args:
        network: whom to ask.
        crop: uint8 (S, S) or (S, S, 3), the face.
        emotion: one of the network's.
        asked: called with the number of variants that were just judged.

    Attributes:
        crop: the face.
        side: S.
        place: of the emotion in the network's label set.
    """

    def __init__(
        self,
        network: EmotionClassifier,
        crop: npt.NDArray[np.uint8],
        emotion: str,
        asked: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self.crop, self.side = crop, int(crop.shape[0])
        self._network, self._asked = network, asked
        self.place = network.emotions.index(emotion)
        self._sharp = crop.astype(np.float32)
        self._blurred = cv2.GaussianBlur(self._sharp, (0, 0), _BLUR * self.side, borderType=cv2.BORDER_REPLICATE)

    def keeping(self, keeps: npt.NDArray[np.float32]) -> Answers:
        """What the network says where only a part of the face is left.

        Args:
            keeps: float32 (N, S, S), 0 (blurred) to 1 (as it was).
        """
        step = max(1, _AT_ONCE // self.side**2)
        said = [self._judged(keeps[start : start + step]) for start in range(0, len(keeps), step)]
        probabilities = np.concatenate(said)
        exact = probabilities.astype(np.float64)
        others = np.delete(exact, self.place, axis=1).sum(1)
        odds = np.log(np.maximum(exact[:, self.place], _LEAST)) - np.log(np.maximum(others, _LEAST))
        return Answers(odds, probabilities)

    def _judged(self, keeps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        weights = keeps if self._sharp.ndim == 2 else keeps[..., None]
        variants = self._blurred + weights * (self._sharp - self._blurred)
        crops = np.clip(np.rint(variants), 0, 255).astype(np.uint8)
        said = self._network.predict(to_tensor(crops, self._network.input))
        self._asked(len(keeps))
        return said.probabilities
