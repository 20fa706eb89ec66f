"""The reader's stages one by one, as ``reader.py`` composes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..classify.network import EmotionNetwork, Judgement
from ..crop.align import cut
from ..crop.detail import detail
from ..crop.prepare import network_input
from ..detect.choosing import choose_detector
from ..models.catalogue import load_model
from ..models.session import open_session
from ..sources.still import read_still
from ..values.face import Face
from ..values.frame import Frame
from ..values.options import ReadOptions
from ..values.reading import Reading


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
        self._network = EmotionNetwork(card, session, options.head, options.emotions, options.flip)
        self._detector, self._unsure = choose_detector(options), options.unsure_below

    def decode(self, path: str | Path) -> Frame:
        """The photo in a file."""
        return read_still(path)

    def detect(self, frame: Frame) -> list[Face]:
        """The faces in a photo."""
        return self._detector.detect(frame)

    def cut(self, frame: Frame, faces: list[Face]) -> npt.NDArray[np.uint8]:
        """The faces as squares of the network's size: uint8 (N, S, S), or (N, S, S, 3) for a network that wants colour."""
        spec = self._network.input
        return np.stack([cut(frame, face, spec.size, spec.colour) for face in faces])

    def judge(self, crops: npt.NDArray[np.uint8]) -> Judgement:
        """What the network says of the squares."""
        return self._network.judge(network_input(crops, self._network.input))

    def readings(self, faces: list[Face], crops: npt.NDArray[np.uint8], said: Judgement) -> list[Reading]:
        """The values that a user gets."""
        parts = zip(faces, said.probabilities, said.votes, said.covered.tolist(), detail(crops).tolist())
        return [
            Reading(face, self._network.emotions, shares, votes, covered, self._unsure, detail=shown)
            for face, shares, votes, covered, shown in parts
        ]
