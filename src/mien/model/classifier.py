"""Run the expression network and calibrate its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..emotions import EMOTIONS, LABEL_SETS, positions
from ..errors import OptionError
from ..options import Prior, ReadOptions
from .card import HeadCard, ModelCard, load_model
from .session import onnxruntime, open_session

#: Exponent of the class frequencies that the balanced prior divides by: halfway between the data's prior and a uniform one.
BALANCE = 0.5
#: Smaller class frequencies count as this, so that no emotion without training images is favored.
SMALLEST_SHARE = 0.02


def probabilities(logits: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float32]:
    """Softmax of ``logits / temperature`` (Guo et al. 2017): float32 (N, K) -> float32 (N, K), rows sum to 1."""
    scaled = logits / np.float32(temperature)
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def calibrated_logits(logits: npt.NDArray[np.float32], head: HeadCard, prior: Prior) -> npt.NDArray[np.float32]:
    """Logits, float32 (N, K), of which the softmax is calibrated, given the prior (Menon et al. 2021, arXiv 2007.07314).

    Only heads whose card has ``class_shares`` are adjusted to the prior.
    """
    scaled = np.asarray(logits / head.temperature, np.float32)
    if prior == "balanced" and head.class_shares is not None:
        shares = np.maximum(np.array(head.class_shares, np.float32), np.float32(SMALLEST_SHARE))
        scaled -= np.float32(BALANCE) * np.log(shares)
    return scaled


@dataclass(frozen=True, eq=False)
class Prediction:
    """The outputs for N faces.

    Attributes:
        probabilities: float32 (N, K), calibrated: how likely each emotion is the majority label, given the prior; rows sum
            to 1.
        vote_shares: float32 (N, K), calibrated: the expected share of annotators per emotion; rows sum to 1.
        in_label_set: float32 (N,), the probability that the emotion is in the label set; 1 for all labels of the head.
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
        prior: see ``ReadOptions``; only heads whose card has ``class_shares`` are adjusted.
        prefer_recall: see ``ReadOptions``.

    Raises:
        OptionError: the model has no such head, the head lacks emotions of the set, or the set lacks an emotion of
            ``prefer_recall``, or the card its offset.

    Attributes:
        card, head, input: of the model.
        emotions: the label set, in the vocabulary's order.
    """

    def __init__(
        self,
        card: ModelCard,
        session: onnxruntime.InferenceSession,
        head: str | None,
        label_set: str | None,
        flip: bool,
        prior: Prior = "balanced",
        prefer_recall: tuple[str, ...] = (),
    ) -> None:
        self.head = next(iter(card.heads)) if head is None else head
        if self.head not in card.heads:
            known = ", ".join(card.heads)
            raise OptionError(f"head: got {self.head!r}, expected one of {known}", field="head", value=self.head)
        self.card, self.input, self._session, self.flip = card, card.input, session, flip
        self.prior, self.prefer_recall = prior, prefer_recall
        self._head = card.heads[self.head]
        labels = self._head.emotions
        self.emotions = tuple(e for e in EMOTIONS if e in (labels if label_set is None else LABEL_SETS[label_set]))
        self._columns = _columns(card, self.emotions, labels)
        self._offsets = _recall_offsets(self._head, self.emotions, prefer_recall)

    def sharing(self, head: str | None, label_set: str | None) -> EmotionClassifier:
        """A classifier with another head or label set and the same weights; errors as for the class."""
        return EmotionClassifier(self.card, self._session, head, label_set, self.flip, self.prior, self.prefer_recall)

    def predict(
        self, images: npt.NDArray[np.float32], temperatures: npt.NDArray[np.float32] | None = None
    ) -> Prediction:
        """Classify faces: float32 (N, C, S, S), normalized as the card says (``preprocess.to_tensor``).

        ``temperatures``, float32 (N,), divide the logits of each face beside the card's.
        """
        if not len(images):
            empty = np.empty((0, len(self.emotions)), np.float32)
            return Prediction(empty, empty, empty.sum(1))
        views = np.concatenate([images, images[..., ::-1]]) if self.flip else images
        (logits,) = self._session.run([self.head], {"images": views})
        if self.flip:
            logits = logits.reshape(2, len(images), -1).mean(0)
        logits, head = np.asarray(logits, np.float32), self._head
        if temperatures is not None:
            logits = logits / temperatures[:, None]
        adjusted = calibrated_logits(logits, head, self.prior) + self._offsets
        in_label_set = probabilities(adjusted, 1.0)[:, self._columns].sum(1)
        vote_temperature = head.temperature if head.vote_temperature is None else head.vote_temperature
        return Prediction(
            probabilities(adjusted[:, self._columns], 1.0),
            probabilities(logits[:, self._columns], vote_temperature),
            in_label_set,
        )


def _columns(card: ModelCard, emotions: Sequence[str], labels: Sequence[str]) -> list[int]:
    try:
        return positions(emotions, labels)
    except OptionError as error:
        others = [name for name, head in card.heads.items() if set(emotions) <= set(head.emotions)]
        error.hint = f"Use the head {others[0]!r}, which has them." if others else error.hint
        raise


def _recall_offsets(
    head: HeadCard, emotions: Sequence[str], prefer_recall: Sequence[str]
) -> npt.NDArray[np.float32] | np.float32:
    """What to add to the head's calibrated logits."""
    if not prefer_recall:
        return np.float32(0)
    for emotion in prefer_recall:
        if emotion not in emotions:
            message = f"prefer_recall: got {emotion!r}, expected one of {', '.join(emotions)}"
            raise OptionError(message, field="prefer_recall", value=emotion)
    if head.recall_offsets is None:
        hint = "Use an included model, or export this one again with validation data."
        raise OptionError("prefer_recall: the model's card has no offsets", field="prefer_recall", hint=hint)
    preferred = [offset if e in prefer_recall else 0.0 for e, offset in zip(head.emotions, head.recall_offsets)]
    return np.array(preferred, np.float32)


def open_classifier(options: ReadOptions, weights: bytes | None = None) -> EmotionClassifier:
    """Open the classifier that ``options`` name.

    Args:
        options: model, head, label set, flip and threads are used.
        weights: content of an ONNX file in place of the model's own.

    Raises:
        OptionError: the model has no such head, or lacks emotions of the label set.
        ModelError: weights are missing or damaged.
    """
    card, own = load_model(options.model)
    session = open_session(weights or own, options.threads, card.weights, options.device)
    return EmotionClassifier(
        card, session, options.head, options.emotions, options.flip, options.prior, options.prefer_recall
    )
