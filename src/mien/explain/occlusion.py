"""The occlusion map: how much the network loses when a place is blurred, for any network and without its inside.

Occlusion (Zeiler and Fergus 2014) was chosen over RISE (Petsiuk et al. 2018), which needs thousands of random masks to be
rid of its noise: too many for a face in a second or two, and another map each time. Two sizes of patch, for a small one
misses what a large one takes away whole, and a large one cannot say where.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .question import Question

#: Diameters of the round patches, as shares of the crop's side.
DIAMETERS = (1 / 4, 1 / 6)
#: Patches stand this many to a side, of each diameter; a second grid stands between them.
GRID = 8


def patches(side: int, *, shifted: bool) -> npt.NDArray[np.float32]:
    """Round patches with soft edges, on a grid.

    Args:
        side: of the crop, in pixels.
        shifted: stand halfway between the patches of the other grid.

    Returns:
        float32 (P, side, side), 1 in the middle of its patch, 0 outside; P is 128, or 98 for the shifted grid.
    """
    step = side / GRID
    centers = (np.arange(1, GRID) if shifted else np.arange(GRID) + 0.5) * step - 0.5
    pixels = np.arange(side)
    x, y = np.meshgrid(centers, centers)
    apart = np.hypot(pixels[None, None, :] - x.reshape(-1, 1, 1), pixels[None, :, None] - y.reshape(-1, 1, 1))
    radii = [side * diameter / 2 for diameter in DIAMETERS]
    return np.concatenate([np.clip((1.25 * radius - apart) / (radius / 2), 0, 1) for radius in radii]).astype(
        np.float32
    )


def occlusion_map(question: Question) -> tuple[npt.NDArray[np.float32], float]:
    """Where the network finds what speaks for the emotion.

    Returns:
        float32 (S, S), the log-odds that are lost where a place is blurred, negative where blurring it helps the emotion;
        and the correlation of the maps of both grids, -1 to 1 (0 where a map is flat).
    """
    grids = [patches(question.side, shifted=shifted) for shifted in (False, True)]
    full = question.keeping(np.ones((1, question.side, question.side), np.float32)).log_odds[0]
    losses = [full - question.keeping(1 - grid).log_odds for grid in grids]
    maps = [_spread(grid, loss) for grid, loss in zip(grids, losses)]
    both = _spread(np.concatenate(grids), np.concatenate(losses))
    covered = np.logical_and(*(grid.max(0) > 0 for grid in grids))
    return both.astype(np.float32), correlation(maps[0][covered], maps[1][covered])


def looks() -> int:
    """How many variants of a face ``occlusion_map`` asks about."""
    return 1 + len(DIAMETERS) * (GRID**2 + (GRID - 1) ** 2)


def correlation(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    """Pearson's correlation of two arrays of one shape; 0 where one is flat."""
    one, other = first.ravel() - first.mean(), second.ravel() - second.mean()
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / size) if size > 1e-12 else 0.0


def _spread(grid: npt.NDArray[np.float32], losses: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each place gets the mean loss of the patches that lie over it."""
    total = np.einsum("p,pyx->yx", losses, grid.astype(np.float64))
    weight = grid.sum(0, dtype=np.float64)
    return np.where(weight > 1e-6, total / np.maximum(weight, 1e-6), 0.0)
