"""From a data set in memory to batches of tensors, in an order that depends on nothing but seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Sampler, TensorDataset

from ...crop.prepare import channels_first
from ...errors import DataError
from ..dataset.faces import FaceSet
from ..dataset.targets import hard_targets, soft_targets
from ..recipe import Recipe
from ..split.evening import Evened, evened
from .taught import Taught

Rows = npt.NDArray[np.int64]


class DrawnBatches(Sampler[list[int]]):
    """Batches of row numbers; the same seed and epoch give the same rows, also after a resume.

    Lightning calls ``set_epoch`` before each epoch.

    Args:
        labelled: rows to learn from by their labels: each once an epoch, in a new order, or drawn with ``odds``.
        batch: labelled rows in a batch.
        seed: of the order.
        odds: float (len(labelled),), how often each row is drawn in comparison; None takes each once.
        others: rows without labels.
        ratio: how many of the others follow for each labelled row.
        views: of each row; a batch then names view V of row R by R * views + V, a view drawn anew for each.
        even: which of the labelled rows to draw so that groups count alike; in place of ``odds``.
    """

    def __init__(
        self,
        labelled: Rows,
        batch: int,
        seed: int,
        *,
        odds: npt.NDArray[np.float64] | None = None,
        others: Rows | None = None,
        ratio: int = 0,
        views: int = 1,
        even: Evened | None = None,
    ) -> None:
        self._labelled, self._batch, self._seed, self._epoch = labelled, min(batch, len(labelled)), seed, 0
        self._views = views
        self._odds = None if odds is None else odds / odds.sum()
        self._others, self._even = others, even
        self.ratio = ratio if others is not None else 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._labelled) // self._batch

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self._seed, self._epoch])
        order = rng.permutation(len(self._labelled))
        if self._odds is not None:
            order = rng.choice(len(self._labelled), len(self._labelled), p=self._odds)
        elif self._even is not None:
            order = self._even.drawn(rng)
        for start in range(0, len(self) * self._batch, self._batch):
            rows = self._labelled[order[start : start + self._batch]]
            if self._others is not None:
                rows = np.concatenate([rows, rng.choice(self._others, self.ratio * self._batch)])
            if self._views > 1:
                rows = rows * self._views + rng.integers(self._views, size=len(rows))
            yield rows.tolist()


def training_batches(faces: FaceSet, recipe: Recipe) -> DataLoader[tuple[torch.Tensor, ...]]:
    """Batches of (uint8 images (B, C, H, W), one float32 (B, K) target per head in the recipe's order).

    Rows that no head learns from are left out. Where the recipe wants unlabelled pictures, ``ratio`` times as many of them
    follow the labelled ones in each batch, their targets all zero.

    Raises:
        DataError: no row is left, or a head needs votes that the data has not.
    """
    targets = [soft_targets(faces, head) for head in recipe.heads.values()]
    used = np.flatnonzero(np.column_stack(targets).sum(1) > 0)
    if not len(used):
        wanted = "; ".join(f"{name}: {head.emotions} by {head.targets}" for name, head in recipe.heads.items())
        raise DataError(
            f"{faces.name}: none of the {len(faces):,} training pictures has a label or votes that a head learns from "
            f"({wanted})",
            hint="Choose a recipe whose heads know the emotions of this data, or check the labels.",
        )
    labelled, others = keep_labels(faces, used, recipe)
    for target in targets:
        target[others] = 0
    odds = _odds(faces.labels[labelled]) if recipe.data.sampling == "balanced" else None
    even = evened(faces.names[labelled], faces.labels[labelled], recipe.balance) if recipe.balance.groups else None
    if even is not None and recipe.balance.how == "weight":
        # The loss divides by the sum of its targets, so a target twice as large is a picture that counts twice.
        for target in targets:
            target[labelled] *= even.times()[:, None].astype(np.float32)
        even = None
    semi, schedule = recipe.semi, recipe.schedule
    sampler = DrawnBatches(
        labelled,
        schedule.batch // schedule.accumulate,
        recipe.seed,
        odds=odds,
        others=others if semi.ratio and len(others) else None,
        ratio=semi.ratio,
        even=even,
    )
    images = channels_first(faces.images, 1 if faces.images.ndim == 3 else recipe.input.channels)
    return _loader((images, *targets), sampler)


def taught_batches(faces: FaceSet, recipe: Recipe, taught: Taught) -> DataLoader[tuple[torch.Tensor, ...]]:
    """As ``training_batches``, each picture in one of the views that the teachers saw; their answers follow the targets.

    Every picture is learned from, with a label or without: the teachers know an answer to each.

    Raises:
        DataError: the teachers were not asked about a picture.
    """
    places, views = taught.places(faces.names), taught.views.shape[1]
    targets = [soft_targets(faces, head) for head in recipe.heads.values()]
    used = np.flatnonzero(np.column_stack(targets).sum(1) > 0)
    unlabelled = keep_labels(faces, used, recipe)[1]
    for target in targets:
        target[unlabelled] = 0
    odds = _odds(faces.labels) if recipe.data.sampling == "balanced" else None
    even = evened(faces.names, faces.labels, recipe.balance) if recipe.balance.groups else None
    batch = recipe.schedule.batch // recipe.schedule.accumulate
    sampler = DrawnBatches(places, batch, recipe.seed, odds=odds, views=views, even=even)
    spread = [np.zeros((len(taught.names), target.shape[1]), np.float32) for target in targets]
    for wide, target in zip(spread, targets):
        wide[places] = target
    flat = taught.views.reshape(-1, *taught.views.shape[2:])
    answers = (taught.answers[name].reshape(len(flat), -1) for name in recipe.heads)
    repeated = (np.repeat(wide, views, axis=0) for wide in spread)
    return _loader((channels_first(flat, recipe.input.channels if flat.ndim == 4 else 1), *repeated, *answers), sampler)


def _loader(arrays: tuple[npt.NDArray[Any], ...], sampler: DrawnBatches) -> DataLoader[tuple[torch.Tensor, ...]]:
    tensors = TensorDataset(*(torch.from_numpy(array) for array in arrays))
    # A loader draws a number when an epoch begins, but not in the epoch that a run resumes with. With a generator of its
    # own that leaves torch's global one, which the augmentation draws from, alone: resumed runs equal uninterrupted ones.
    return DataLoader(tensors, sampler=sampler, batch_size=None, generator=torch.Generator())


def unlabelled_ratio(batches: DataLoader[tuple[torch.Tensor, ...]]) -> int:
    """How many pictures without labels follow each one with a label in these batches."""
    return batches.sampler.ratio if isinstance(batches.sampler, DrawnBatches) else 0


def keep_labels(faces: FaceSet, used: Rows, recipe: Recipe) -> tuple[Rows, Rows]:
    """Rows whose labels are used, and rows that count as unlabelled: ``recipe.semi.labels`` of each class are the former."""
    if recipe.semi.labels == 1:
        return used, np.empty(0, np.int64)
    shuffled = np.random.default_rng([recipe.seed, 17]).permutation(used)
    kept = []
    for label in np.unique(faces.labels[used]):
        rows = shuffled[faces.labels[shuffled] == label]
        kept.append(rows[: max(1, round(recipe.semi.labels * len(rows)))])
    labelled = np.sort(np.concatenate(kept))
    return labelled, np.setdiff1d(used, labelled)


def learned_rows(faces: FaceSet, recipe: Recipe) -> Rows:
    """Rows whose labels some head learns from."""
    used = np.flatnonzero(np.column_stack([soft_targets(faces, head) for head in recipe.heads.values()]).sum(1) > 0)
    return keep_labels(faces, used, recipe)[0]


def class_weights(faces: FaceSet, recipe: Recipe) -> dict[str, torch.Tensor]:
    """float32 (K,) for each head: how much a picture of each class counts; they are 1 on average over the pictures."""
    weights = {}
    learned = faces.take(learned_rows(faces, recipe))
    for name, head in recipe.heads.items():
        shares = soft_targets(learned, head).sum(0).astype(np.float64)
        balanced = head.class_weights == "balanced"
        there = np.maximum(shares, 1)
        weights[name] = torch.tensor(
            shares.sum() / (there * max(1, (shares > 0).sum())) if balanced else np.ones(len(shares)),
            dtype=torch.float32,
        )
    return weights


def validation_batches(faces: FaceSet, recipe: Recipe) -> DataLoader[tuple[torch.Tensor, ...]]:
    """Batches of (uint8 images (B, C, H, W), one int64 (B,) right answer per head, -1 where there is none)."""
    answers = [hard_targets(faces, head) for head in recipe.heads.values()]
    images = channels_first(faces.images, 1 if faces.images.ndim == 3 else recipe.input.channels)
    tensors = TensorDataset(*(torch.from_numpy(array) for array in (images, *answers)))
    size = max(1, min(256, 1_000_000 // recipe.input.size**2))  # every layer of large pictures takes memory
    rows = [list(range(start, min(start + size, len(faces)))) for start in range(0, len(faces), size)]
    return DataLoader(tensors, sampler=rows, batch_size=None)


def _odds(labels: Rows) -> npt.NDArray[np.float64]:
    """How often to draw each row so that every class is drawn equally often."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[inverse], np.float64)
