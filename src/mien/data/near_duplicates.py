"""Which images are copies of one another, exact or nearly so."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from ..extras import require

#: Bits by which the perceptual hashes of near copies may differ, of 64. At 8, strangers in one pose come in.
MOST_BITS = 6
#: How alike the pixels of near copies must be: their correlation, 1 for images that differ in light and contrast only.
#: Looked at by eye on FER2013: of the 300 least alike pairs above 0.9, one shows a second expression (at 0.915) and the
#: others the same photograph, with another watermark or cut a pixel aside; below 0.9, strangers come in.
LEAST_CORRELATION = 0.92
#: Larger images are shrunk to this side before they are compared, so that fine grain does not count.
_SIDE = 48
#: Pairs compared in one go: bounds the memory to some 100 MB.
_AT_ONCE = 1 << 24


def duplicate_groups(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """The group of each image: images that are exact or near copies of one another share one.

    Two images are near copies when their perceptual hashes differ in at most ``MOST_BITS`` bits (``phash`` of the library
    imagehash: signs of the lowest frequencies of the cosine transform, after Krawetz 2011, "Looks Like It") and their pixels
    correlate with at least ``LEAST_CORRELATION``. The first finds the pairs, the second throws out look-alikes. A copy of a
    copy is in the group too. Mirror images are no copies; images of one even gray are copies only of their equals.

    Args:
        images: uint8 (N, H, W) gray, or (N, H, W, 3) RGB; 0-255.

    Returns:
        int64 (N,): groups are numbered from 0 in the order of their first image.

    Raises:
        MissingExtraError: imagehash or scipy is not installed.
    """
    sparse = require("scipy.sparse", "lab")
    graphs = require("scipy.sparse.csgraph", "lab")
    if not len(images):
        return np.zeros(0, np.int64)
    flat = np.ascontiguousarray(images).reshape(len(images), -1)
    _, first, same = np.unique(
        flat.view(np.dtype((np.void, flat.shape[1]))).ravel(), return_index=True, return_inverse=True
    )
    looks = _looks(images[first])
    pairs = np.concatenate([np.zeros((0, 2), np.int64), *_alike(looks, _hashes(looks))])
    links = sparse.coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(first), len(first)))
    groups = graphs.connected_components(links, directed=False)[1][same.ravel()]
    _, start, number = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(start)).astype(np.int64)[number.ravel()]


def _looks(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Gray images of at most ``_SIDE`` pixels a side."""
    side = min(_SIDE, *images.shape[1:3])
    looks = np.empty((len(images), side, side), np.uint8)
    for row, image in enumerate(images):
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
        looks[row] = (
            gray if gray.shape == (side, side) else cv2.resize(gray, (side, side), interpolation=cv2.INTER_AREA)
        )
    return looks


def _hashes(looks: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """float32 (N, 64): the bits of the perceptual hashes, as -1 and 1."""
    phash = require("imagehash", "lab").phash
    bits = np.empty((len(looks), 64), np.float32)
    for row, look in enumerate(looks):
        bits[row] = phash(Image.fromarray(look)).hash.ravel()
    return bits * 2 - 1


def _alike(looks: npt.NDArray[np.uint8], hashes: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.int64]]:
    """Pairs of near copies, int64 (M, 2), block by block.

    The product of two hashes is 64 less twice the bits in which they differ, so that a matrix product compares them all: two
    seconds for 30,000 images on one core.
    """
    height = max(1, _AT_ONCE // len(hashes))
    for start in range(0, len(hashes), height):
        products = hashes[start : start + height] @ hashes[start:].T
        one, other = np.nonzero(products >= 64 - 2 * MOST_BITS)
        pairs = np.column_stack([one, other])[one < other] + start
        for part in np.array_split(pairs, len(pairs) // 2048 + 1):
            likeness = (_contrasts(looks[part[:, 0]]) * _contrasts(looks[part[:, 1]])).sum(1)
            yield part[likeness >= LEAST_CORRELATION]


def _contrasts(looks: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """float32 (N, pixels): mean 0 and length 1, so that products are correlations; all zero for an even gray."""
    flat = looks.reshape(len(looks), looks.shape[1] * looks.shape[2]).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3)
    return flat
