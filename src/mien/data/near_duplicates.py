"""Find exact and near duplicates of images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..extras import require
from ..model.preprocess import resize, to_gray

#: Bits of 64 by which the perceptual hashes of near duplicates may differ. At 8, strangers in one pose come in.
MOST_BITS = 6
#: Least correlation of their pixels. Checked by eye on FER2013: of the 300 least similar pairs above 0.9, one shows a
#: second expression (at 0.915), the others the same photograph with another watermark or crop; below 0.9, strangers come in.
LEAST_CORRELATION = 0.92
#: Larger images are reduced to this side before they are compared.
_SIDE = 48
#: Pairs compared at a time: bounds the memory to some 100 MB.
_AT_ONCE = 1 << 24


def duplicate_groups(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """The group of each image: exact and near duplicates, and duplicates of duplicates, share one.

    Two images are near duplicates when their perceptual hashes differ in at most ``MOST_BITS`` bits (``phash`` of the
    library imagehash, after Krawetz 2011, "Looks Like It") and their pixels correlate with at least ``LEAST_CORRELATION``.
    Mirror images are not duplicates; images of one even gray are duplicates of their equals only.

    Args:
        images: uint8 (N, H, W) gray, or (N, H, W, 3) RGB; 0-255.

    Returns:
        int64 (N,): groups are numbered from 0 in the order of their first image.
    """
    sparse = require("scipy.sparse", "lab")
    graphs = require("scipy.sparse.csgraph", "lab")
    if not len(images):
        return np.zeros(0, np.int64)
    flat = np.ascontiguousarray(images).reshape(len(images), -1)
    pixels = flat.view(np.dtype((np.void, flat.shape[1]))).ravel()
    _, first, same = np.unique(pixels, return_index=True, return_inverse=True)
    small = np.stack([_reduced(image) for image in images[first]])
    pairs = np.concatenate([np.zeros((0, 2), np.int64), *_near_pairs(small)])
    links = sparse.coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(first), len(first)))
    groups = graphs.connected_components(links, directed=False)[1][same.ravel()]
    _, start, number = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(start)).astype(np.int64)[number.ravel()]


def _reduced(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Gray, with a side of at most ``_SIDE`` pixels."""
    side = min(_SIDE, *image.shape[:2])
    gray = to_gray(image) if image.ndim == 3 else image
    small: npt.NDArray[np.uint8] = resize(gray[None], side)[0]
    return small


def _near_pairs(images: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.int64]]:
    """Pairs of near duplicates, int64 (M, 2): a product of two hashes of -1 and 1 is 64 less twice the bits apart."""
    phash = require("imagehash", "lab").phash
    hashes = np.stack([phash(Image.fromarray(image)).hash.ravel() for image in images]) * np.float32(2) - 1
    height = max(1, _AT_ONCE // len(hashes))
    for start in range(0, len(hashes), height):
        products = hashes[start : start + height] @ hashes[start:].T
        one, other = np.nonzero(products >= 64 - 2 * MOST_BITS)
        pairs = np.column_stack([one, other])[one < other] + start
        for part in np.array_split(pairs, len(pairs) // 2048 + 1):
            correlation = (_standardized(images[part[:, 0]]) * _standardized(images[part[:, 1]])).sum(1)
            yield part[correlation >= LEAST_CORRELATION]


def _standardized(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """float32 (N, pixels): mean 0 and length 1, so that products are correlations; all zero for an even gray."""
    flat = images.reshape(len(images), images.shape[1] * images.shape[2]).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3)
    return flat
