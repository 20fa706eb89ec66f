"""Split a dataset into train, validation and test, keeping near duplicates on one side."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..emotions import EMOTIONS
from ..errors import DataError, OptionError
from .dataset import INNER, TEST, TRAIN, UNDIVIDED, VALIDATION, Dataset
from .near_duplicates import duplicate_groups


def set_aside(faces: Dataset, share: float, seed: int) -> Dataset:
    """Move ``share`` of each emotion's training images into the part ``inner``, copies and near copies kept together.

    Raises:
        DataError: there is no training part.
    """
    faces.part(TRAIN)
    rows = np.flatnonzero(faces.split == TRAIN)
    rows = np.random.default_rng([seed, 9]).permutation(rows)
    alike = duplicate_groups(faces.images[rows])
    groups: dict[int, list[int]] = {}
    for row, group in zip(rows.tolist(), alike.tolist()):
        groups.setdefault(group, []).append(row)
    labels, found = np.unique(faces.labels[rows], return_counts=True)
    missing: dict[int, int] = {int(label): round(share * int(n)) for label, n in zip(labels, found)}
    split = faces.split.astype(f"<U{max(len(name) for name in (TRAIN, INNER, VALIDATION, TEST))}")
    for group in groups.values():
        if missing[int(faces.labels[group[0]])] > 0:
            split[group] = INNER
            for copy in group:
                missing[int(faces.labels[copy])] -= 1
    return replace(faces, split=split)


Shares = tuple[float, float, float]

#: Shares of train, validation and test where the data says nothing.
SHARES: Shares = (0.7, 0.2, 0.1)
#: The same where a test part is given, but none to choose by: validation images come from the training ones.
SHARES_OF_TRAIN: Shares = (0.9, 0.1, 0.0)
_PARTS = (TRAIN, VALIDATION, TEST)


def split_dataset(
    faces: Dataset,
    shares: Shares = SHARES,
    seed: int = 0,
    *,
    looks: npt.NDArray[np.uint8] | None = None,
    keys: Sequence[bytes] | None = None,
) -> Dataset:
    """``faces`` with a part for each image that is still ``undivided``; the others keep theirs.

    Each emotion is divided by ``shares``. Copies, exact or near (``duplicate_groups``), stay on one side, lest a network be
    judged by what it has learned by heart; where a part comes out uneven, that is why. Chance is taken from what the
    images hold and from the seed alone: the same images are divided the same way on every machine, in whatever order
    they come.

    Args:
        faces: the images.
        shares: of train, validation and test, 0 to 1, together 1; 0 for no such part, but train must have one.
        seed: another seed gives another division.
        looks: uint8 (N, H, W), what copies are told by; None takes the images themselves. Give images of one
            size here, or the division changes with the size asked for.
        keys: what each image holds, as bytes that no machine changes, such as those of its file; None takes its pixels.

    Raises:
        OptionError: the shares are no such numbers.
        DataError: an emotion has too few different images to be in every part.
    """
    _check(shares)
    rows = np.flatnonzero(faces.split == UNDIVIDED)
    if not len(rows):
        return faces
    salt = f"mien {seed}".encode()
    held = keys if keys is not None else [image.tobytes() for image in faces.images]
    digests = [hashlib.blake2b(held[row], key=salt, digest_size=16).digest() for row in rows.tolist()]
    groups = _groups(duplicate_groups((faces.images if looks is None else looks)[rows]), digests)
    labels = faces.labels[rows]
    split = faces.split.astype(f"<U{max(map(len, (*_PARTS, UNDIVIDED)))}")
    for group, part in zip(groups, _assign([labels[group] for group in groups], shares, faces.name)):
        split[rows[group]] = _PARTS[part]
    return replace(faces, split=split)


def with_validation(
    faces: Dataset, seed: int = 0, *, looks: npt.NDArray[np.uint8] | None = None, keys: Sequence[bytes] | None = None
) -> Dataset:
    """``faces`` with a tenth of the training images as validation part, drawn as ``split_dataset`` does.

    Raises:
        DataError: an emotion has too few different training images for both parts.
    """
    split = np.where(faces.split == TRAIN, UNDIVIDED, faces.split)
    return split_dataset(replace(faces, split=split), SHARES_OF_TRAIN, seed, looks=looks, keys=keys)


def _check(shares: Shares) -> None:
    fits = len(shares) == 3 and min(shares) >= 0 and shares[0] > 0 and math.isclose(sum(shares), 1, abs_tol=1e-6)
    if not fits:
        raise OptionError(
            f"shares: got {shares}, expected three numbers of 0 to 1 for train, validation and test, together 1",
            hint="Such as (0.7, 0.2, 0.1), or (0.8, 0.2, 0) for no test part.",
        )


def _groups(numbers: npt.NDArray[np.int64], digests: Sequence[bytes]) -> list[list[int]]:
    """The members of each group; the largest first, for they are hardest to place, else by content."""
    groups: dict[int, list[int]] = {}
    for row, number in enumerate(numbers.tolist()):
        groups.setdefault(number, []).append(row)
    return sorted(groups.values(), key=lambda group: (-len(group), min(digests[row] for row in group)))


def _assign(groups: Sequence[npt.NDArray[np.int64]], shares: Shares, name: str) -> list[int]:
    """The part of each group, given its labels: the one that lacks most of them."""
    parts = [part for part, share in enumerate(shares) if share > 0]
    total = Counter(label for group in groups for label in group.tolist())
    left = Counter(label for group in groups for label in set(group.tolist()))
    for label, different in sorted(left.items()):
        if different < len(parts):
            raise DataError(
                f"{name}: {EMOTIONS[label]}: got {different} {'image' if different == 1 else 'images'} (copies count as "
                f"one), expected at least {len(parts)}: one each for {', '.join(_PARTS[part] for part in parts)}",
                hint=f"Bring more images of {EMOTIONS[label]}, or take that class away.",
            )
    lacking = {label: _counts(n, shares) for label, n in total.items()}
    bare = {label: set(parts) for label in total}
    chosen = []
    for group in groups:
        labels = group.tolist()
        # The last different images of an emotion go to the parts that have none of it yet.
        urgent = [bare[label] for label in sorted(set(labels)) if 0 < len(bare[label]) >= left[label]]
        part = max(urgent[0] if urgent else parts, key=lambda p: (sum(lacking[label][p] for label in labels), -p))
        chosen.append(part)
        for label in labels:
            lacking[label][part] -= 1
        for label in set(labels):
            left[label] -= 1
            bare[label].discard(part)
    return chosen


def _counts(n: int, shares: Shares) -> list[int]:
    """How many of ``n`` images each part gets: at least one, where it gets a share at all."""
    counts = [max(1, round(share * n)) if share else 0 for share in shares]
    counts[0] = n - sum(counts[1:])
    return counts
