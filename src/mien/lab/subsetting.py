"""The images of a dataset that a recipe trains and evaluates on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..data.dataset import TEST, TRAIN, VALIDATION, Dataset
from ..data.splits import set_aside
from ..emotions import EMOTIONS, label_set
from ..errors import DataError
from .recipe import Recipe


def subset(faces: Dataset, recipe: Recipe) -> Dataset:
    """The images of ``faces`` that ``recipe.data`` asks for; the same recipe and data give the same images.

    Images whose label no head of the recipe knows are left out, unless a head learns from votes. Copies and near
    copies stay together: an image and its copy never stand on both sides of the line between ``train`` and ``inner``.

    Raises:
        DataError: the data has fewer images of an emotion than the recipe asks for.
    """
    wanted = recipe.data
    known = sorted({EMOTIONS.index(name) for head in recipe.heads.values() for name in label_set(head.emotions)})
    if all(head.targets == "labels" for head in recipe.heads.values()):
        usable = np.isin(faces.labels, known)
        if usable[faces.split == TRAIN].any():  # else training says what it found and what it wants
            faces = faces.take(usable)
    parts = {TRAIN: wanted.counts, VALIDATION: wanted.judge_counts, TEST: wanted.judge_counts}
    kept = np.ones(len(faces), bool)
    for number, (part, counts) in enumerate(parts.items()):
        if counts and (faces.split == part).any():
            kept[faces.split == part] = False
            kept[_some(faces, part, counts, np.random.default_rng([recipe.seed, number]))] = True
    if not kept.all():
        faces = faces.take(kept)
    return set_aside(faces, wanted.inner, recipe.seed) if wanted.inner else faces


def _some(faces: Dataset, part: str, counts: dict[str, int], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    rows = []
    for emotion, count in sorted(counts.items()):
        there = np.flatnonzero((faces.split == part) & (faces.labels == EMOTIONS.index(emotion)))
        if len(there) < count:
            raise DataError(
                f"{faces.name}, {part}: got {len(there):,} images of {emotion}, expected at least the {count:,} that the "
                "recipe asks for",
                hint="Lower data.counts or data.judge_counts in a copy of the recipe, or bring more images.",
            )
        rows.append(rng.permutation(there)[:count])
    return np.sort(np.concatenate(rows))
