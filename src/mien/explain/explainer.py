"""Compose the stages: a photo in, an explanation of each face out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..detection.base import Detector
from ..detection.registry import create_detector
from ..emotions import parse
from ..errors import OptionError
from ..extras import check_opencv
from ..model.classifier import EmotionClassifier
from ..model.preprocess import align_face, sharpness, to_tensor
from ..model.registry import load_model
from ..model.session import open_session
from ..options import ReadOptions
from ..types import Frame, Reading
from . import doubts, occlusion, parts
from .question import Question
from .values import Explanation

#: Another way to make a map: network input, float32 (1, C, S, S), and the emotion -> float32 (S, S).
Mapper: TypeAlias = Callable[[npt.NDArray[np.float32], str], npt.NDArray[np.float32]]

#: Variants of a face that are asked about.
LOOKS = occlusion.looks() + parts.looks() + doubts.looks()
_SHOWN = 384  # side in pixels of the face that the map is drawn over


class Explainer:
    """Explains readings; loads nothing itself and can be used for any number of photos.

    Args:
        network: whose decisions to explain.
        detector: finds the faces.
        min_confidence: a reading abstains below this, 0 to 1.
        mapper: makes the map in place of occlusion, as HiResCAM does.
    """

    def __init__(
        self, network: EmotionClassifier, detector: Detector, min_confidence: float = 0.5, mapper: Mapper | None = None
    ) -> None:
        self._network, self._detector, self._unsure_below, self._mapper = network, detector, min_confidence, mapper

    @property
    def emotions(self) -> tuple[str, ...]:
        """The label set, in the vocabulary's order."""
        return self._network.emotions

    def known(self, emotion: str) -> str:
        """The vocabulary's name of an emotion that the network can tell.

        Raises:
            OptionError: there is no such emotion, or the network does not know it.
        """
        name = parse(emotion)
        if name not in self.emotions:
            raise OptionError(
                f"emotion: got {name}, expected one that is read here: {', '.join(self.emotions)}",
                hint="Ask about one of these, or read with a larger label set.",
            )
        return name

    def crops(self, frame: Frame) -> list[tuple[Reading, npt.NDArray[np.uint8]]]:
        """The readings of a photo, most certain detection first, each with its face as the network saw it."""
        spec = self._network.input
        faces = self._detector.detect(frame)
        if not faces:
            return []
        batch = np.stack([align_face(frame, face, spec.size, spec.color) for face in faces])
        said, shown = self._network.predict(to_tensor(batch, spec)), sharpness(batch)
        return [
            (
                Reading(
                    face,
                    self.emotions,
                    said.probabilities[row],
                    said.vote_shares[row],
                    in_label_set=float(said.in_label_set[row]),
                    min_confidence=self._unsure_below,
                    sharpness=float(shown[row]),
                ),
                batch[row],
            )
            for row, face in enumerate(faces)
        ]

    def explain(
        self, frame: Frame, emotion: str | None = None, asked: Callable[[int], None] = lambda _count: None
    ) -> Iterator[Explanation]:
        """Explain every face of a photo.

        Args:
            frame: the photo.
            emotion: what to ask about; None takes what was read off each face.
            asked: called with the number of variants that were just judged; ``LOOKS`` in all for each face.

        Raises:
            OptionError: the network does not know the emotion.
        """
        wanted = self.known(emotion) if emotion else None
        for number, (reading, crop) in enumerate(self.crops(frame), 1):
            yield self._one(frame, number, reading, crop, wanted or reading.emotion, asked)

    def heat(self, crop: npt.NDArray[np.uint8], emotion: str) -> npt.NDArray[np.float32]:
        """The occlusion map alone, float32 (S, S), of a face as ``crops`` gives it."""
        return occlusion.occlusion_map(Question(self._network, crop, emotion))[0]

    def face(self, frame: Frame, reading: Reading) -> npt.NDArray[np.uint8]:
        """The square that the network saw, finer and in color: uint8 (384, 384, 3), RGB."""
        return align_face(frame, reading.face, _SHOWN, "rgb")

    def _one(
        self,
        frame: Frame,
        number: int,
        reading: Reading,
        crop: npt.NDArray[np.uint8],
        emotion: str,
        asked: Callable[[int], None],
    ) -> Explanation:
        question = Question(self._network, crop, emotion, asked)
        heat, agreement = occlusion.occlusion_map(question)
        if self._mapper is not None:
            occluded = heat
            heat = self._mapper(to_tensor(crop[None], self._network.input), emotion)
            agreement = occlusion.correlation(heat, occluded)
        points = parts.landmarks_in_crop(reading.face)
        masks = parts.part_masks(parts.usual_landmarks() if points is None else points, question.side)
        found = parts.part_effects(question, masks, self.emotions)
        return Explanation(
            frame.name,
            number,
            reading,
            emotion,
            float(reading.probabilities[question.place]),
            crop,
            self.face(frame, reading),
            heat,
            found.parts,
            found.turning,
            found.turned,
            doubts.curves(question, heat),
            agreement,
            self.emotions[int(found.blurred.argmax())],
            float(found.blurred[question.place]),
            points is not None,
            "occlusion" if self._mapper is None else "hirescam",
        )


def open_explainer(options: ReadOptions | None = None, weights: bytes | None = None) -> Explainer:
    """An explainer of an ONNX model.

    Args:
        options: how to read; the model, the head, the label set and the detector are among them.
        weights: content of an ONNX file in place of the model's own, as for the sanity check.

    Raises:
        OptionError: the options contradict each other, or the model cannot do what they ask.
        ModelError: weights are missing or damaged.
    """
    check_opencv()
    options = options or ReadOptions()
    card, own = load_model(options.model)
    session = open_session(weights or own, options.threads, card.weights)
    network = EmotionClassifier(card, session, options.head, options.emotions, options.flip)
    return Explainer(network, create_detector(options), options.min_confidence)
