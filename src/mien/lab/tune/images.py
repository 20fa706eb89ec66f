"""Which images a trial sees: the training part alone, a share of it set aside to judge by."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from ...data.dataset import INNER, TRAIN, VALIDATION, Dataset
from ...errors import DataError
from ..recipe import Recipe
from ..subsetting import subset
from ..targets import hard_targets

#: Share of the training part to judge by, where the recipe itself sets none aside.
SHARE = 0.2


def tuning_images(faces: Dataset, recipe: Recipe) -> Dataset:
    """The training images that ``recipe`` draws, a share of them as the validation part of all trials.

    The data's own validation and test parts are left out before anything else happens: tuning must not choose by them.

    Args:
        faces: a set with a ``train`` part.
        recipe: its ``data.inner`` is the share, or ``SHARE`` where that is 0; its seed draws.

    Returns:
        A set with the parts ``train`` and ``validation``, exact copies kept on one side.

    Raises:
        DataError: there is no training part, or too little of it.
    """
    share = recipe.data.inner or SHARE
    own = subset(faces.part(TRAIN), replace(recipe, data=replace(recipe.data, inner=share, judge_counts={})))
    judged = own.split == INNER
    if judged.all() or not judged.any():
        raise DataError(
            f"{faces.name}: got {len(own):,} training images, expected enough to set {share:.0%} of them aside",
            hint="Bring more images, or set data.inner in a copy of the recipe.",
        )
    return replace(own, split=np.where(judged, VALIDATION, TRAIN))


def judged_images(faces: Dataset, recipe: Recipe) -> dict[str, int]:
    """On how many images each head is judged: those of the validation part with a right answer."""
    part = faces.part(VALIDATION)
    return {name: int((hard_targets(part, head) >= 0).sum()) for name, head in recipe.heads.items()}


def digest(faces: Dataset) -> str:
    """A fingerprint of images, labels, votes and split: 32 hexadecimal digits, the same for the same set."""
    seen = hashlib.blake2b(digest_size=16)
    votes = [faces.votes.emotions, faces.votes.unknown, faces.votes.no_face] if faces.votes else []
    for array in (faces.images, faces.labels, faces.split == TRAIN, *votes):
        seen.update(np.ascontiguousarray(array).tobytes())
    return seen.hexdigest()
