"""Augmented copies: training images that are a mirrored, turned or cropped image of a split that evaluates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...data.dataset import Dataset
from ...model.preprocess import channels_first, resize
from ...progress import Progress, no_progress

Floats = npt.NDArray[np.float32]

#: Images are compared at this side, within the circle that turning leaves in the image.
_SIDE = 24
#: Least correlation of pixels. On FER2013 with drawn copies it finds all mirrored images and quarter turns, 92% of those
#: turned by up to 20 degrees and 44% of those cropped to 80% to 95%; among 250 other images, 3 have such a partner, as
#: FER2013 has copies.
LEAST_CORRELATION = 0.94
#: Pairs are compared further if this many principal components correlate at least so much.
_COMPONENTS, _LEAST_OF_COMPONENTS = 40, 0.92
_SAMPLE = 3000  # images from which the components are computed
_AT_ONCE = 1 << 24  # pairs, which bounds the memory to some 100 MB
_C = (np.arange(_SIDE) + 0.5) / _SIDE - 0.5
_X, _Y = (grid[_C[None] ** 2 + _C[:, None] ** 2 <= 0.25] for grid in np.meshgrid(_C, _C))


@dataclass(frozen=True)
class AugmentedCopies:
    """Pairs of rows, int64 (M, 2): the training image and the other; how it was ``changed``, one phrase per pair."""

    pairs: npt.NDArray[np.int64]
    changed: tuple[str, ...]


def find_augmented(
    faces: Dataset, learned: npt.NDArray[np.bool_], blank: npt.NDArray[np.bool_], progress: Progress = no_progress
) -> AugmentedCopies:
    """Find the training image that is most like an augmented image of another split; brightness does not matter.

    Args:
        faces: N images.
        learned: bool (N,), those that models learn from.
        blank: bool (N,), images of one gray, which are left out.
        progress: called with the transformations done.
    """
    train, other = np.flatnonzero(learned & ~blank), np.flatnonzero(~learned & ~blank)
    if not (len(train) and len(other)):
        return AugmentedCopies(np.zeros((0, 2), np.int64), ())
    small = channels_first(resize(faces.images, _SIDE), 1)[:, 0]
    known = _standardized(_sampled(small[train], _X, _Y))
    drawn = np.random.default_rng(0).permutation(len(known))[:_SAMPLE]
    axes = np.linalg.svd(known[drawn], full_matrices=False)[2][:_COMPONENTS].T
    short = _scaled(known @ axes)
    best = np.full(len(other), LEAST_CORRELATION, np.float32)
    partner, changed = np.full(len(other), -1), [""] * len(other)
    transformations = list(_transformations())
    for number, (name, x, y) in enumerate(transformations):
        progress(number, len(transformations), "augmented copies")
        seen = _standardized(_sampled(small[other], x, y))
        height = max(1, _AT_ONCE // len(train))
        for start in range(0, len(other), height):
            alike = _scaled(seen[start : start + height] @ axes) @ short.T >= _LEAST_OF_COMPONENTS
            rows, columns = np.nonzero(alike)
            rows += start
            for row, column in zip(rows.tolist(), columns.tolist()):
                correlation = seen[row] @ known[column]
                if correlation > best[row]:
                    best[row], partner[row], changed[row] = correlation, column, name
    found = np.flatnonzero(partner >= 0)
    pairs = np.column_stack([train[partner[found]], other[found]]).astype(np.int64)
    return AugmentedCopies(pairs, tuple(changed[row] for row in found.tolist()))


def _transformations() -> Iterator[tuple[str, Floats, Floats]]:
    """Name and sampling points, relative to the center, of each change; unchanged first, so that it wins a tie."""
    plain = [(0, 1.0, 0, 0)]
    turns = [(angle, 1.0, 0, 0) for angle in (-90, 90, 180, -20, -15, -10, -5, 5, 10, 15, 20)]
    crops = [(0, zoom, i, j) for zoom in (0.9, 0.8) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    for mirror in (1, -1):
        for angle, zoom, right, down in (*plain, *turns, *crops):
            c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
            margin = (1 - zoom) / 2
            words = ["mirrored"] * (mirror < 0)
            words += [f"turned by about {abs(angle)}°"] * (angle != 0) + [f"cropped to about {zoom:.0%}"] * (zoom < 1)
            x = (zoom * (c * _X - s * _Y) * mirror + margin * right).astype(np.float32)
            y = (zoom * (s * _X + c * _Y) + margin * down).astype(np.float32)
            yield ", ".join(words) or "brightness or size only", x, y


def _sampled(images: npt.NDArray[np.uint8], x: npt.NDArray[np.floating], y: npt.NDArray[np.floating]) -> Floats:
    """Values of (N, S, S) images at points relative to their center, bilinear: float32 (N, points)."""
    across, down = (np.clip((v + 0.5) * _SIDE - 0.5, 0, _SIDE - 1.001) for v in (x, y))
    left, top = across.astype(int), down.astype(int)
    right_share, lower_share = (across - left).astype(np.float32), (down - top).astype(np.float32)
    flat, first = images.reshape(len(images), -1).astype(np.float32), top * _SIDE + left
    upper = flat[:, first] * (1 - right_share) + flat[:, first + 1] * right_share
    lower = flat[:, first + _SIDE] * (1 - right_share) + flat[:, first + _SIDE + 1] * right_share
    return np.asarray(upper * (1 - lower_share) + lower * lower_share, np.float32)


def _standardized(values: Floats) -> Floats:
    return _scaled(values - values.mean(1, keepdims=True))


def _scaled(values: Floats) -> Floats:
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-3), np.float32)
