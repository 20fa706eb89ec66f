"""Duplicates among the images: exact and near ones, in one part of the data or across parts, with one label or several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...data.dataset import INNER, TRAIN, Dataset
from ...data.near_duplicates import duplicate_groups

Groups = tuple[npt.NDArray[np.int64], ...]

#: The parts that are learned from; images of the others judge.
LEARNED = (TRAIN, INNER)


@dataclass(frozen=True)
class Duplicates:
    """Which images are copies of one another; blank images are copies of none.

    Attributes:
        exact: int64 (N,), equal for images that are the same pixel for pixel.
        near: int64 (N,), equal for images that are exact or near copies (``mien.data.near_duplicates``).
    """

    exact: npt.NDArray[np.int64]
    near: npt.NDArray[np.int64]


def find_duplicates(faces: Dataset, blank: npt.NDArray[np.bool_]) -> Duplicates:
    """Group the copies.

    Args:
        faces: N images.
        blank: bool (N,), images that show nothing.
    """
    seen = np.flatnonzero(~blank)
    exact, near = np.arange(len(faces)), np.arange(len(faces))
    if len(seen):
        flat = np.ascontiguousarray(faces.images[seen]).reshape(len(seen), -1)
        rows = flat.view(np.dtype((np.void, flat.shape[1]))).ravel()
        exact[seen] = seen[_first_of(np.unique(rows, return_inverse=True)[1].ravel())]
        near[seen] = seen[_first_of(duplicate_groups(faces.images[seen]))]
    return Duplicates(exact, near)


def groups(ids: npt.NDArray[np.int64], rows: npt.NDArray[np.bool_] | None = None) -> Groups:
    """Rows that share an id, for ids that at least two of the rows have; in the order of the first row.

    Args:
        ids: int64 (N,).
        rows: bool (N,), the rows to look at; None takes all.
    """
    taken = np.arange(len(ids)) if rows is None else np.flatnonzero(rows)
    order = taken[np.argsort(ids[taken], kind="stable")]
    parts = np.split(order, np.flatnonzero(np.diff(ids[order])) + 1)
    return tuple(sorted((part for part in parts if len(part) > 1), key=lambda part: int(part[0])))


def across(found: Groups, faces: Dataset) -> Groups:
    """Those groups that lie in more than one part of the data."""
    return tuple(group for group in found if len(set(faces.split[group].tolist())) > 1)


def within(found: Groups, faces: Dataset) -> Groups:
    """Of each group, the images that lie together in one part, where there are at least two."""
    parts = [group[faces.split[group] == split] for group in found for split in dict.fromkeys(faces.split[group])]
    return tuple(part for part in parts if len(part) > 1)


def contradicting(found: Groups, faces: Dataset) -> Groups:
    """Those groups whose images have more than one label."""
    return tuple(group for group in found if len(np.unique(faces.labels[group])) > 1)


def near_only(found: Groups, copies: Duplicates) -> Groups:
    """Those groups that hold at least two different images."""
    return tuple(group for group in found if len(np.unique(copies.exact[group])) > 1)


def leaked(ids: npt.NDArray[np.int64], faces: Dataset, split: str) -> int:
    """How many images of ``split`` have a copy among those that are learned from."""
    learned = np.isin(faces.split, LEARNED)
    return int(np.isin(ids[faces.split == split], ids[learned]).sum())


def _first_of(ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where the first image of each one's group stands."""
    _, first, which = np.unique(ids, return_index=True, return_inverse=True)
    return np.asarray(first[which.ravel()], np.int64)
