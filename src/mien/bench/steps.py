"""The reader's stages one by one, as ``reader.py`` composes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..detection import create_detector
from ..io.images import read_image
from ..model.card import load_model
from ..model.classifier import EmotionClassifier, Prediction
from ..model.preprocess import align_face, sharpness, to_tensor
from ..model.session import open_session
from ..options import ReadOptions
from ..types import Face, Frame, Reading


class Steps:
    """Each stage a method, for timing.

    Args:
        options: how to read.

    Raises:
        MienError: as ``Reader``.
    """

    def __init__(self, options: ReadOptions) -> None:
        card, weights = load_model(options.model)
        session = open_session(weights, options.threads, card.weights)
        self._network = EmotionClassifier(card, session, options.head, options.emotions, options.flip)
        self._detector, self._unsure = create_detector(options), options.min_confidence

    def decode(self, path: str | Path) -> Frame:
        """The photo in a file."""
        return read_image(path)

    def detect(self, frame: Frame) -> list[Face]:
        """The faces in a photo."""
        return self._detector.detect(frame)

    def crop(self, frame: Frame, faces: list[Face]) -> npt.NDArray[np.uint8]:
        """The faces as squares of the network's size: uint8 (N, S, S), or (N, S, S, 3) for a network that wants color."""
        spec = self._network.input
        return np.stack([align_face(frame, face, spec.size, spec.color) for face in faces])

    def judge(self, crops: npt.NDArray[np.uint8]) -> Prediction:
        """What the network says of the squares."""
        return self._network.predict(to_tensor(crops, self._network.input))

    def readings(self, faces: list[Face], crops: npt.NDArray[np.uint8], said: Prediction) -> list[Reading]:
        """The values that a user gets."""
        parts = zip(faces, said.probabilities, said.vote_shares, said.in_label_set.tolist(), sharpness(crops).tolist())
        return [
            Reading(face, self._network.emotions, shares, votes, covered, self._unsure, sharpness=shown)
            for face, shares, votes, covered, shown in parts
        ]
