"""From logits to probabilities that mean what they say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

#: An emotion shares a face when at least this share of annotators would name it. Chosen from data: see ``MODEL_CARD.md``.
SHARE = 0.25


def probabilities(logits: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float32]:
    """Softmax after division by a temperature (Guo et al. 2017): float32 (N, K) -> float32 (N, K), rows sum to 1."""
    scaled = logits / np.float32(temperature)
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def sharing(votes: npt.NDArray[np.float32], emotions: Sequence[str]) -> tuple[str, ...]:
    """The emotions that share a face, strongest first; empty unless there are at least two.

    Args:
        votes: float32 (K,), the expected share of annotators' votes for each emotion.
        emotions: their names.
    """
    strong = [int(i) for i in np.argsort(-votes, kind="stable") if votes[i] >= SHARE]
    return tuple(emotions[i] for i in strong) if len(strong) > 1 else ()
