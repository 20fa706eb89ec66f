"""From the answers of several models to one: soft voting and stacking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from ...emotions import positions
from .spec import Stack

Array = npt.NDArray[np.float64]

#: Probabilities below this count as this: the logarithm of 0 would decide everything alone.
_LEAST = 1e-12


def restricted(logits: npt.NDArray[np.floating], spoken: Sequence[str], emotions: Sequence[str]) -> Array:
    """The columns of ``emotions``: a softmax of these is the members' answer, given that it is one of them.

    Args:
        logits: float (N, L).
        spoken: what its L columns stand for.
        emotions: K of them, in the order that is wanted.

    Returns:
        float64 (N, K).
    """
    return np.asarray(logits, np.float64)[:, positions(emotions, spoken)]


def voted(logs: Sequence[Array], weights: Sequence[float]) -> Array:
    """Soft voting: the logarithm of the weighted mean of the members' probabilities.

    Args:
        logs: for each of M members, its calibrated log-probabilities, float64 (N, K).
        weights: M shares that sum to 1.

    Returns:
        float64 (N, K).
    """
    mean = np.tensordot(np.asarray(weights), np.exp(np.stack(logs)), axes=1)
    return np.asarray(np.log(np.maximum(mean, _LEAST)), np.float64)


def stacked(logs: Sequence[Array], stack: Stack) -> Array:
    """What the stack makes of the members' log-probabilities: float64 (N, K), log-probabilities again."""
    weights, bias = np.array(stack.weights), np.array(stack.bias)
    return np.asarray(log_softmax(stack_input(logs) @ weights.T + bias, axis=1), np.float64)


def stack_input(logs: Sequence[Array]) -> Array:
    """The members' log-probabilities side by side, float64 (N, M * K), none below log(1e-12)."""
    return np.asarray(np.concatenate(list(logs), axis=1).clip(min=float(np.log(_LEAST))), np.float64)


def log_probabilities(logits: Array, temperature: float) -> Array:
    """float64 (N, K): the log-softmax of the logits divided by ``temperature``."""
    return np.asarray(log_softmax(logits / temperature, axis=1), np.float64)
