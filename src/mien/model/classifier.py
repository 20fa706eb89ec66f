"""Run the expression network and calibrate its probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..emotions import EMOTIONS, LABEL_SETS, positions
from ..errors import OptionError
from ..options import ReadOptions
from .card import HeadCard, ModelCard, load_model
from .session import onnxruntime, open_session


def probabilities(logits: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float32]:
    """Softmax after division by a temperature (Guo et al. 2017): float32 (N, K) -> float32 (N, K), rows sum to 1."""
    scaled = logits / np.float32(temperature)
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the network says of N faces.

    Attributes:
        probabilities: float32 (N, K), calibrated to how often each emotion is the majority's answer; rows sum to 1.
        vote_shares: float32 (N, K), calibrated to the share of annotators who name each emotion; rows sum to 1.
        in_label_set: float32 (N,), how likely it is that the emotion is in the label set at all; 1 where the set is all that
            the head knows.
    """

    probabilities: npt.NDArray[np.float32]
    vote_shares: npt.NDArray[np.float32]
    in_label_set: npt.NDArray[np.float32]


class EmotionClassifier:
    """One head of a model, conditioned on a label set.

    Args:
        card: the model's card.
        session: its weights in onnxruntime.
        head: name of the head; None takes the first.
        label_set: name of the label set; None takes every emotion of the head.
        flip: average the logits of each face and its mirror image.

    Raises:
        OptionError: the model has no such head, or the head does not know all emotions of the set.

    Attributes:
        card: what is known of the model.
        emotions: the label set, in the vocabulary's order.
        head: name of the head.
        input: how to feed it.
    """

    def __init__(
        self,
        card: ModelCard,
        session: onnxruntime.InferenceSession,
        head: str | None,
        label_set: str | None,
        flip: bool,
    ) -> None:
        self.head = next(iter(card.heads)) if head is None else head
        self.card, self.input = card, card.input
        self._session, self._flip, self._head = session, flip, self._known_head(card)
        spoken = self._head.emotions
        self.emotions = tuple(e for e in EMOTIONS if e in (spoken if label_set is None else LABEL_SETS[label_set]))
        self._columns = positions(self.emotions, spoken)

    def predict(self, images: npt.NDArray[np.float32]) -> Prediction:
        """Probabilities for faces: float32 (N, 1, S, S), normalized as the card says (``preprocess.to_tensor``)."""
        if not len(images):
            empty = np.empty((0, len(self.emotions)), np.float32)
            return Prediction(empty, empty, empty.sum(1))
        views = np.concatenate([images, images[..., ::-1]]) if self._flip else images
        (logits,) = self._session.run([self.head], {"images": views})
        if self._flip:
            logits = logits.reshape(2, len(images), -1).mean(0)
        card = self._head
        covered = probabilities(np.asarray(logits, np.float32), card.temperature)[:, self._columns].sum(1)
        chosen = np.asarray(logits, np.float32)[:, self._columns]
        vote_temperature = card.temperature if card.vote_temperature is None else card.vote_temperature
        return Prediction(probabilities(chosen, card.temperature), probabilities(chosen, vote_temperature), covered)

    def _known_head(self, card: ModelCard) -> HeadCard:
        if self.head not in card.heads:
            raise OptionError(f"head: got {self.head!r}, expected one of {', '.join(card.heads)}")
        return card.heads[self.head]


def open_classifier(options: ReadOptions, weights: bytes | None = None) -> EmotionClassifier:
    """The classifier that ``options`` name.

    Args:
        options: model, head, label set, flip and threads are used.
        weights: content of an ONNX file in place of the model's own.

    Raises:
        OptionError: the model has no such head, or does not know all emotions of the label set.
        ModelError: weights are missing or damaged.
    """
    card, own = load_model(options.model)
    session = open_session(weights or own, options.threads, card.weights)
    return EmotionClassifier(card, session, options.head, options.emotions, options.flip)
