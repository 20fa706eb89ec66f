"""From logits to probabilities that mean what they say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def probabilities(logits: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float32]:
    """Softmax after division by a temperature (Guo et al. 2017): float32 (N, K) -> float32 (N, K), rows sum to 1."""
    scaled = logits / np.float32(temperature)
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)
