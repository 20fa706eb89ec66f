"""Batches of training images, balanced and augmented."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Sampler, TensorDataset

from ...data.dataset import Dataset
from ...errors import DataError
from ...io.atomic import write_atomically
from ...model.preprocess import channels_first
from ..balancing import Evened, evened
from ..recipe import Recipe
from ..targets import hard_targets, soft_targets
from .teacher_targets import Taught


def note_balance(learned: Dataset, recipe: Recipe, path: Path, *, resume: bool, tell: Callable[[str], None]) -> None:
    """Write down the group of each training image and how often it is drawn (or how much it counts), and say so.

    Args:
        learned: the training part.
        recipe: of the run; where it balances nothing, nothing is done.
        path: the file, CSV.
        resume: see that the groups are those that the run began with.
        tell: called with what is done, in words.

    Raises:
        DataError: the groups cannot be read or fit no image, or a resumed run began with others.
        OutputError: the file cannot be written.
    """
    if not recipe.balance.groups:
        return
    rows = np.arange(len(learned)) if recipe.distil.taught else learned_rows(learned, recipe)
    names = learned.names[rows]
    even = evened(names, learned.labels[rows], recipe.balance)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("name", "group", "times"))
    for name, cell, times in zip(names.tolist(), even.cells.tolist(), even.times().tolist()):
        table.writerow((name, "" if cell < 0 else even.names[cell], f"{times:.4g}"))
    content = text.getvalue().encode()
    if not (resume and path.is_file()):
        write_atomically(path, content)
    elif path.read_bytes() != content:
        raise DataError(
            f"{path.parent} holds a run with other groups: {recipe.balance.groups} is not as it was when the run began",
            hint=f"Bring the groups back that stand in {path}, or choose another --out.",
        )
    way = "drawn so often in an epoch" if recipe.balance.how == "sample" else "counts so much"
    tell(f"balanced by {' x '.join(recipe.balance.columns)} (each image {way}): {even.words()}")


Rows = npt.NDArray[np.int64]


class DrawnBatches(Sampler[list[int]]):
    """Batches of row numbers; the same seed and epoch give the same rows, also after a resume.

    Lightning calls ``set_epoch`` before each epoch.

    Args:
        labeled: rows to learn from by their labels: each once an epoch, in a new order, or drawn with ``odds``.
        batch: labeled rows in a batch.
        seed: of the order.
        odds: float (len(labeled),), how often each row is drawn in comparison; None takes each once.
        others: rows without labels.
        ratio: how many of the others follow for each labeled row.
        views: of each row; a batch then names view V of row R by R * views + V, a view drawn anew for each.
        even: which of the labeled rows to draw so that groups count alike; in place of ``odds``.
    """

    def __init__(
        self,
        labeled: Rows,
        batch: int,
        seed: int,
        *,
        odds: npt.NDArray[np.float64] | None = None,
        others: Rows | None = None,
        ratio: int = 0,
        views: int = 1,
        even: Evened | None = None,
    ) -> None:
        self._labeled, self._batch, self._seed, self._epoch = labeled, min(batch, len(labeled)), seed, 0
        self._views = views
        self._odds = None if odds is None else odds / odds.sum()
        self._others, self._even = others, even
        self.ratio = ratio if others is not None else 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._labeled) // self._batch

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self._seed, self._epoch])
        order = rng.permutation(len(self._labeled))
        if self._odds is not None:
            order = rng.choice(len(self._labeled), len(self._labeled), p=self._odds)
        elif self._even is not None:
            order = self._even.drawn(rng)
        for start in range(0, len(self) * self._batch, self._batch):
            rows = self._labeled[order[start : start + self._batch]]
            if self._others is not None:
                rows = np.concatenate([rows, rng.choice(self._others, self.ratio * self._batch)])
            if self._views > 1:
                rows = rows * self._views + rng.integers(self._views, size=len(rows))
            yield rows.tolist()


def training_batches(faces: Dataset, recipe: Recipe) -> DataLoader[tuple[torch.Tensor, ...]]:
    """Batches of (uint8 images (B, C, H, W), one float32 (B, K) target per head in the recipe's order).

    Rows that no head learns from are left out. Where the recipe wants unlabeled images, ``ratio`` times as many of them
    follow the labeled ones in each batch, their targets all zero.

    Raises:
        DataError: no row is left, or a head needs votes that the data has not.
    """
    targets = [soft_targets(faces, head) for head in recipe.heads.values()]
    used = np.flatnonzero(np.column_stack(targets).sum(1) > 0)
    if not len(used):
        wanted = "; ".join(f"{name}: {head.emotions} by {head.targets}" for name, head in recipe.heads.items())
        raise DataError(
            f"{faces.name}: none of the {len(faces):,} training images has a label or votes that a head learns from "
            f"({wanted})",
            hint="Choose a recipe whose heads know the emotions of this data, or check the labels.",
        )
    labeled, others = keep_labels(faces, used, recipe)
    for target in targets:
        target[others] = 0
    odds = _odds(faces.labels[labeled]) if recipe.data.sampling == "balanced" else None
    even = evened(faces.names[labeled], faces.labels[labeled], recipe.balance) if recipe.balance.groups else None
    if even is not None and recipe.balance.how == "weight":
        # The loss divides by the sum of its targets, so a target twice as large is an image that counts twice.
        for target in targets:
            target[labeled] *= even.times()[:, None].astype(np.float32)
        even = None
    semi, schedule = recipe.semi, recipe.schedule
    sampler = DrawnBatches(
        labeled,
        schedule.batch // schedule.accumulate,
        recipe.seed,
        odds=odds,
        others=others if semi.ratio and len(others) else None,
        ratio=semi.ratio,
        even=even,
    )
    images = channels_first(faces.images, 1 if faces.images.ndim == 3 else recipe.input.channels)
    return _loader((images, *targets), sampler)


def taught_batches(faces: Dataset, recipe: Recipe, taught: Taught) -> DataLoader[tuple[torch.Tensor, ...]]:
    """As ``training_batches``, each image in one of the views that the teachers saw; their answers follow the targets.

    Every image is learned from, with a label or without: the teachers know an answer to each.

    Raises:
        DataError: the teachers were not asked about an image.
    """
    places, views = taught.places(faces.names), taught.views.shape[1]
    targets = [soft_targets(faces, head) for head in recipe.heads.values()]
    used = np.flatnonzero(np.column_stack(targets).sum(1) > 0)
    unlabeled = keep_labels(faces, used, recipe)[1]
    for target in targets:
        target[unlabeled] = 0
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


def unlabeled_ratio(batches: DataLoader[tuple[torch.Tensor, ...]]) -> int:
    """How many images without labels follow each one with a label in these batches."""
    return batches.sampler.ratio if isinstance(batches.sampler, DrawnBatches) else 0


def keep_labels(faces: Dataset, used: Rows, recipe: Recipe) -> tuple[Rows, Rows]:
    """Rows whose labels are used, and rows that count as unlabeled: ``recipe.semi.labels`` of each class are the former."""
    if recipe.semi.labels == 1:
        return used, np.empty(0, np.int64)
    shuffled = np.random.default_rng([recipe.seed, 17]).permutation(used)
    kept = []
    for label in np.unique(faces.labels[used]):
        rows = shuffled[faces.labels[shuffled] == label]
        kept.append(rows[: max(1, round(recipe.semi.labels * len(rows)))])
    labeled = np.sort(np.concatenate(kept))
    return labeled, np.setdiff1d(used, labeled)


def learned_rows(faces: Dataset, recipe: Recipe) -> Rows:
    """Rows whose labels some head learns from."""
    used = np.flatnonzero(np.column_stack([soft_targets(faces, head) for head in recipe.heads.values()]).sum(1) > 0)
    return keep_labels(faces, used, recipe)[0]


def class_weights(faces: Dataset, recipe: Recipe) -> dict[str, torch.Tensor]:
    """float32 (K,) for each head: how much an image of each class counts; they are 1 on average over the images."""
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


def validation_batches(faces: Dataset, recipe: Recipe) -> DataLoader[tuple[torch.Tensor, ...]]:
    """Batches of (uint8 images (B, C, H, W), one int64 (B,) right answer per head, -1 where there is none)."""
    answers = [hard_targets(faces, head) for head in recipe.heads.values()]
    images = channels_first(faces.images, 1 if faces.images.ndim == 3 else recipe.input.channels)
    tensors = TensorDataset(*(torch.from_numpy(array) for array in (images, *answers)))
    size = max(1, min(256, 1_000_000 // recipe.input.size**2))  # every layer of large images takes memory
    rows = [list(range(start, min(start + size, len(faces)))) for start in range(0, len(faces), size)]
    return DataLoader(tensors, sampler=rows, batch_size=None)


def _odds(labels: Rows) -> npt.NDArray[np.float64]:
    """How often to draw each row so that every class is drawn equally often."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[inverse], np.float64)
