"""Batches of training images: drawn, balanced, and with their targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Sampler, TensorDataset

from ...data.dataset import Dataset
from ...model.preprocess import channels_first
from ..distillation import TeacherTargets
from ..recipe import Recipe
from ..sampling import BalancedGroups, Rows, balanced_groups, hard_targets, training_targets
from .parallel import ALONE, Processes, share_of

Loader: TypeAlias = DataLoader[tuple[torch.Tensor, ...]]


@dataclass(frozen=True, eq=False)
class TrainingBatches:
    """Training data of a run.

    ``loader`` yields uint8 images (B, C, H, W), one float32 (B, K) target per head in the recipe's order and, with teachers,
    one float16 (B, K) prediction per head. ``class_weights``, float32 (K,) per head, are those in the loss; ``ratio``
    unlabeled images, with zero targets, follow each labeled one. ``groups`` are those of the labeled images ``names``.
    """

    loader: Loader
    class_weights: dict[str, torch.Tensor]
    ratio: int
    groups: BalancedGroups | None
    names: npt.NDArray[np.str_]


class BatchSampler(Sampler[list[int]]):
    """Batches of row numbers; the same seed and epoch yield the same rows, also after a resume.

    Each of the ``labeled`` rows comes once an epoch in random order, or as often as ``odds``, float (len(labeled),), say
    with replacement, or so that ``groups`` are balanced. ``ratio`` of the ``unlabeled`` rows follow for each. With
    several ``views`` of each row, a batch names view V of row R by R * views + V, V redrawn each time. Lightning calls
    ``set_epoch``. Each of several ``processes`` gets a share of every batch: all of them together see the
    batches of one.
    """

    def __init__(
        self,
        labeled: Rows,
        batch: int,
        seed: int,
        *,
        odds: npt.NDArray[np.float64] | None = None,
        groups: BalancedGroups | None = None,
        unlabeled: Rows | None = None,
        ratio: int = 0,
        views: int = 1,
        processes: Processes = ALONE,
    ) -> None:
        batch = max(1, min(batch, len(labeled)) // processes.world) * processes.world
        self._labeled, self._batch, self._seed, self._epoch = labeled, batch, seed, 0
        self._odds = None if odds is None else odds / odds.sum()
        self._groups, self._unlabeled, self._ratio, self._views = groups, unlabeled, ratio, views
        self._first, self._step = processes.rank, processes.world

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._labeled) // self._batch

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self._seed, self._epoch])
        order = rng.permutation(len(self._labeled))
        if self._odds is not None:
            order = rng.choice(len(self._labeled), len(self._labeled), p=self._odds)
        elif self._groups is not None:
            order = self._groups.drawn(rng)
        for start in range(0, len(self) * self._batch, self._batch):
            rows = self._labeled[order[start : start + self._batch]]
            if self._unlabeled is not None:
                rows = np.concatenate([rows, rng.choice(self._unlabeled, self._ratio * self._batch)])
            if self._views > 1:
                rows = rows * self._views + rng.integers(self._views, size=len(rows))
            yield rows[self._first :: self._step].tolist()  # all shares have as many labeled rows, and these first


def training_batches(
    faces: Dataset, recipe: Recipe, teachers: TeacherTargets | None = None, processes: Processes = ALONE
) -> TrainingBatches:
    """The batches of a run; images that no head learns from are left out.

    With ``teachers``, whose predictions cover every image, each is shown in one of the views that the teachers saw.
    ``DataError`` if no image is left, or votes, predictions of teachers or groups do not fit.
    """
    targets = training_targets(faces, recipe)
    weights = {name: torch.from_numpy(values) for name, values in targets.class_weights(recipe).items()}
    labeled, unlabeled, heads = targets.labeled, targets.unlabeled, list(targets.heads.values())
    names, labels = faces.names[labeled], faces.labels[labeled]
    seen = None if teachers is None else teachers.of(faces.names)
    if seen is not None:
        labeled, names, added = np.arange(len(seen.names)), seen.names, len(seen.names) - len(faces)
        labels = np.pad(faces.labels, (0, added), constant_values=-1)
        heads = [np.pad(target, ((0, added), (0, 0))) for target in heads]
    groups = balanced_groups(names, labels, recipe.balance) if recipe.balance.groups else None
    if groups is not None and recipe.balance.method == "weight":
        # The loss divides by the sum of its targets, so a target twice as large is an image that counts twice.
        for target in heads:
            target[labeled] *= groups.times()[:, None].astype(np.float32)
    ratio = recipe.semi.ratio if len(unlabeled) else 0
    images, views, extra = faces.images, 1, []
    if seen is not None:
        views, images = seen.views.shape[1], seen.views.reshape(-1, *seen.views.shape[2:])
        heads = [np.repeat(target, views, axis=0) for target in heads]
        extra = [seen.predictions[name].reshape(len(images), -1) for name in recipe.heads]
    sampler = BatchSampler(
        labeled,
        recipe.schedule.batch // recipe.schedule.accumulate,
        recipe.seed,
        odds=_inverse_frequencies(labels) if recipe.data.sampling == "balanced" else None,
        groups=groups if recipe.balance.method == "sample" else None,
        unlabeled=unlabeled if ratio else None,
        ratio=ratio,
        views=views,
        processes=processes,
    )
    tensors = TensorDataset(*(torch.from_numpy(array) for array in (_channels_first(images, recipe), *heads, *extra)))
    # A loader draws a number when an epoch begins, but not in the epoch that a run resumes with. With a generator of its
    # own that leaves torch's global one, which the augmentation draws from, alone: resumed runs equal uninterrupted ones.
    loader = DataLoader(tensors, sampler=sampler, batch_size=None, generator=torch.Generator())
    return TrainingBatches(loader, weights, ratio, groups, names)


def validation_batches(faces: Dataset, recipe: Recipe, processes: Processes = ALONE) -> Loader:
    """Batches of this process: (uint8 images (B, C, H, W), one int64 (B,) right answer per head, -1 if there is none)."""
    answers = [hard_targets(faces, head) for head in recipe.heads.values()]
    tensors = TensorDataset(*(torch.from_numpy(array) for array in (_channels_first(faces.images, recipe), *answers)))
    size = max(1, min(256, 1_000_000 // recipe.input.size**2))  # every layer of large images takes memory
    own = share_of(range(len(faces)), processes)
    rows = [own[start : start + size] for start in range(0, len(own), size)]
    return DataLoader(tensors, sampler=rows, batch_size=None)


def _channels_first(images: npt.NDArray[np.uint8], recipe: Recipe) -> npt.NDArray[Any]:
    return channels_first(images, 1 if images.ndim == 3 else recipe.input.channels)


def _inverse_frequencies(labels: Rows) -> npt.NDArray[np.float64]:
    """Sampling weight of each row, so that all classes are drawn equally often."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[inverse], np.float64)
