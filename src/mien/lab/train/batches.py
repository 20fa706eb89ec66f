"""From a data set in memory to batches of tensors, in an order that depends on nothing but seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler, TensorDataset

from ...errors import DataError
from ..dataset.faces import FaceSet
from ..dataset.targets import hard_targets, soft_targets
from ..recipe import Recipe


class ShuffledBatches(Sampler[list[int]]):
    """Batches of shuffled row numbers; the same seed and epoch give the same order, also after a resume.

    Lightning calls ``set_epoch`` before each epoch.
    """

    def __init__(self, rows: int, batch: int, seed: int) -> None:
        self._rows, self._batch, self._seed, self._epoch = rows, min(batch, rows), seed, 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return self._rows // self._batch

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng([self._seed, self._epoch]).permutation(self._rows)
        for start in range(0, len(self) * self._batch, self._batch):
            yield order[start : start + self._batch].tolist()


def training_batches(faces: FaceSet, recipe: Recipe) -> DataLoader[tuple[torch.Tensor, ...]]:
    """Batches of (uint8 images (B, H, W), one float32 (B, K) target per head in the recipe's order).

    Rows that no head learns from are left out.

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
    tensors = TensorDataset(torch.from_numpy(faces.images[used]), *(torch.from_numpy(t[used]) for t in targets))
    sampler = ShuffledBatches(len(used), recipe.schedule.batch, recipe.seed)
    # A loader draws a number when an epoch begins, but not in the epoch that a run resumes with. With a generator of its
    # own that leaves torch's global one, which the augmentation draws from, alone: resumed runs equal uninterrupted ones.
    return DataLoader(tensors, sampler=sampler, batch_size=None, generator=torch.Generator())


def validation_batches(faces: FaceSet, recipe: Recipe) -> DataLoader[tuple[torch.Tensor, ...]]:
    """Batches of (uint8 images (B, H, W), one int64 (B,) right answer per head, -1 where there is none)."""
    answers = [hard_targets(faces, head) for head in recipe.heads.values()]
    tensors = TensorDataset(*(torch.from_numpy(array) for array in (faces.images, *answers)))
    rows = [list(range(start, min(start + 256, len(faces)))) for start in range(0, len(faces), 256)]
    return DataLoader(tensors, sampler=rows, batch_size=None)
