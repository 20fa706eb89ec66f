"""The pictures that a recipe asks for: so many of each emotion, and a part set aside to choose by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...emotions import EMOTIONS, label_set
from ...errors import DataError
from ..dataset.faces import INNER, TEST, TRAIN, VALIDATION, FaceSet
from ..recipe import Recipe
from .likeness import groups_of_copies


def drawn(faces: FaceSet, recipe: Recipe) -> FaceSet:
    """The pictures of ``faces`` that ``recipe.data`` asks for; the same recipe and data give the same pictures.

    Pictures whose label no head of the recipe knows are left out, unless a head learns from votes. Copies and near
    copies stay together: a picture and its copy never stand on both sides of the line between ``train`` and ``inner``.

    Raises:
        DataError: the data has fewer pictures of an emotion than the recipe asks for.
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


def set_aside(faces: FaceSet, share: float, seed: int) -> FaceSet:
    """Move ``share`` of each emotion's training pictures into the part ``inner``, copies and near copies kept together.

    Raises:
        DataError: there is no training part.
    """
    faces.part(TRAIN)
    rows = np.flatnonzero(faces.split == TRAIN)
    rows = np.random.default_rng([seed, 9]).permutation(rows)
    alike = groups_of_copies(faces.images[rows])
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


def _some(faces: FaceSet, part: str, counts: dict[str, int], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    rows = []
    for emotion, count in sorted(counts.items()):
        there = np.flatnonzero((faces.split == part) & (faces.labels == EMOTIONS.index(emotion)))
        if len(there) < count:
            raise DataError(
                f"{faces.name}, {part}: got {len(there):,} pictures of {emotion}, expected at least the {count:,} that the "
                "recipe asks for",
                hint="Lower data.counts or data.judge_counts in a copy of the recipe, or bring more pictures.",
            )
        rows.append(rng.permutation(there)[:count])
    return np.sort(np.concatenate(rows))
