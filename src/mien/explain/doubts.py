"""How much of the decision a map holds: blur, or bring back, the places that it calls strongest, against random places."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .question import Question
from .values import Curves

#: Shares of the image that are changed.
SHARES = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0], np.float32)
#: Random orders to compare with.
ORDERS = 4


def curves(question: Question, heat: npt.NDArray[np.float32], seed: int = 0) -> Curves:
    """Deletion and insertion of a map (Petsiuk et al. 2018), and of random orders.

    A random order of single pixels would be unlike any map: it leaves a fine grain. So the random orders are the map itself,
    mirrored and moved around by chance: as smooth, but in the wrong places.

    Args:
        question: about the emotion that the map speaks of.
        heat: float32 (S, S).
        seed: of the random orders.
    """
    rng = np.random.default_rng(seed)
    maps = [heat, *(_moved(heat, rng) for _ in range(ORDERS))]
    ranks = np.stack([_ranks(one) for one in maps])
    strongest = ranks[:, None] < SHARES[None, :, None, None]  # (maps, shares, S, S)
    keeps = np.stack([~strongest, strongest]).astype(np.float32)
    shape = keeps.shape[:3]
    said = question.keeping(keeps.reshape(-1, *heat.shape)).probabilities[:, question.place]
    deletion, insertion = said.reshape(shape)
    return Curves(SHARES, deletion[0], insertion[0], deletion[1:].mean(0), insertion[1:].mean(0))


def looks() -> int:
    """How many variants of a face ``curves`` asks about."""
    return 2 * (1 + ORDERS) * len(SHARES)


def _ranks(heat: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The place of each pixel in the order from strongest to weakest, 0 to below 1."""
    order = np.empty(heat.size, np.float32)
    order[np.argsort(-heat, axis=None, kind="stable")] = np.arange(heat.size, dtype=np.float32) / heat.size
    return order.reshape(heat.shape)


def _moved(heat: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    side = heat.shape[0]
    down, across = rng.integers(side // 4, side - side // 4 + 1, 2)
    flipped = heat[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    return np.roll(flipped, (int(down), int(across)), (0, 1))
