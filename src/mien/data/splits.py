"""Split a dataset into train, validation and test, keeping near duplicates in one split."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..emotions import EMOTIONS
from ..errors import DataError, OptionError
from ..report import count
from .dataset import INNER, SPLITS, TEST, TRAIN, UNDIVIDED, VALIDATION, Dataset
from .near_duplicates import duplicate_groups

Shares = tuple[float, float, float]

#: Shares of train, validation and test where the data says nothing.
SHARES: Shares = (0.7, 0.2, 0.1)
#: The same where there is a train split but no validation split.
SHARES_OF_TRAIN: Shares = (0.9, 0.1, 0.0)
_PARTS = (TRAIN, VALIDATION, TEST)
_DTYPE = f"<U{max(map(len, (*SPLITS, UNDIVIDED)))}"


def set_aside(faces: Dataset, share: float, seed: int) -> Dataset:
    """Move ``share`` of each emotion's training images to the split ``inner``, near duplicates kept together."""
    faces.part(TRAIN)
    rows = np.random.default_rng([seed, 9]).permutation(np.flatnonzero(faces.split == TRAIN))
    labels, counts = np.unique(faces.labels[rows], return_counts=True)
    missing: dict[int, int] = {int(label): round(share * int(n)) for label, n in zip(labels, counts)}
    split = faces.split.astype(_DTYPE)
    for group in _members(duplicate_groups(faces.images[rows])):
        copies = rows[group]
        if missing[int(faces.labels[copies[0]])] > 0:
            split[copies] = INNER
            for label in faces.labels[copies].tolist():
                missing[label] -= 1
    return replace(faces, split=split)


def split_dataset(
    faces: Dataset,
    shares: Shares = SHARES,
    seed: int = 0,
    *,
    looks: npt.NDArray[np.uint8] | None = None,
    keys: Sequence[bytes] | None = None,
) -> Dataset:
    """Split the images that are still ``undivided``; the others keep their split.

    Each emotion is divided by ``shares``; near duplicates (``duplicate_groups``) stay together. The result depends on the
    images and the seed only, not on their order or the machine.

    Args:
        faces: the images.
        shares: of train, validation and test, 0 to 1, together 1; only that of train must not be 0.
        seed: of the split.
        looks: uint8 (N, H, W), images of a fixed size by which duplicates are found; None takes those of ``faces``, and
            the split then depends on their size.
        keys: bytes that identify each image, such as its file's; None takes its pixels.

    Raises:
        OptionError: the shares are invalid.
        DataError: an emotion has too few different images to be in every split.
    """
    if not (len(shares) == 3 and min(shares) >= 0 and shares[0] > 0 and math.isclose(sum(shares), 1, abs_tol=1e-6)):
        message = f"shares: got {shares}, expected three numbers of 0 to 1 for train, validation and test, together 1"
        raise OptionError(message, hint="Such as (0.7, 0.2, 0.1), or (0.8, 0.2, 0) for no test split.")
    rows = np.flatnonzero(faces.split == UNDIVIDED)
    if not len(rows):
        return faces
    content = keys if keys is not None else [image.tobytes() for image in faces.images]
    salt = f"mien {seed}".encode()
    digests = [hashlib.blake2b(content[row], key=salt, digest_size=16).digest() for row in rows.tolist()]
    groups = _members(duplicate_groups((faces.images if looks is None else looks)[rows]))
    groups.sort(key=lambda group: (-len(group), min(digests[row] for row in group)))  # large ones are hardest to place
    split = faces.split.astype(_DTYPE)
    for group, part in zip(groups, _assign([faces.labels[rows[group]] for group in groups], shares, faces.name)):
        split[rows[group]] = _PARTS[part]
    return replace(faces, split=split)


def with_validation(
    faces: Dataset, seed: int = 0, *, looks: npt.NDArray[np.uint8] | None = None, keys: Sequence[bytes] | None = None
) -> Dataset:
    """Move a tenth of train to validation, as ``split_dataset`` does."""
    split = np.where(faces.split == TRAIN, UNDIVIDED, faces.split)
    return split_dataset(replace(faces, split=split), SHARES_OF_TRAIN, seed, looks=looks, keys=keys)


def _members(numbers: npt.NDArray[np.int64]) -> list[list[int]]:
    """The rows of each group, in the order of the first."""
    groups: dict[int, list[int]] = defaultdict(list)
    for row, number in enumerate(numbers.tolist()):
        groups[number].append(row)
    return list(groups.values())


def _assign(groups: Sequence[npt.NDArray[np.int64]], shares: Shares, name: str) -> list[int]:
    """The split of each group, given its labels: the one that lacks most of them."""
    parts = [part for part, share in enumerate(shares) if share > 0]
    total = Counter(label for group in groups for label in group.tolist())
    left = Counter(label for group in groups for label in set(group.tolist()))
    for label, different in sorted(left.items()):
        if different < len(parts):
            expected = f"at least {len(parts)}: one each for {', '.join(_PARTS[part] for part in parts)}"
            found = f"{EMOTIONS[label]}: got {count(different, 'image')} (copies count as one)"
            hint = f"Add images of {EMOTIONS[label]}, or remove that class."
            raise DataError(f"{name}: {found}, expected {expected}", hint=hint)
    lacking = {label: _counts(n, shares) for label, n in total.items()}
    without = {label: set(parts) for label in total}
    chosen = []
    for group in groups:
        labels = group.tolist()
        # The last different images of an emotion go to the splits that have none of it yet.
        urgent = [without[label] for label in sorted(set(labels)) if 0 < len(without[label]) >= left[label]]
        part = max(urgent[0] if urgent else parts, key=lambda p: (sum(lacking[label][p] for label in labels), -p))
        chosen.append(part)
        for label in labels:
            lacking[label][part] -= 1
        for label in set(labels):
            left[label] -= 1
            without[label].discard(part)
    return chosen


def _counts(n: int, shares: Shares) -> list[int]:
    """Number of the ``n`` images in each split: at least one if its share is not 0."""
    counts = [max(1, round(share * n)) if share else 0 for share in shares]
    counts[0] = n - sum(counts[1:])
    return counts
