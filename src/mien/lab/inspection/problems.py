"""What is wrong with a dataset: each kind of problem with the images that have it, and which images to leave out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...data.dataset import INNER, TEST, TRAIN, Dataset
from ...data.near_duplicates import duplicate_groups
from ...emotions import EMOTIONS
from ...report import interval, percent
from .labels import LEAST_MARGIN, LabelCheck
from .measures import LEAST_CONTRAST

if TYPE_CHECKING:
    from .inspection import Inspection

#: Rows of images; those of one group belong together.
Groups = tuple[npt.NDArray[np.int64], ...]

#: The splits that models learn from; the others evaluate.
LEARNED = (TRAIN, INNER)


class Kind(str, Enum):
    """Kinds of problems; the value is the key in JSON."""

    EMPTY = "empty"
    CORRUPT = "corrupt"
    ODD_SIZE = "odd-size"
    ODD_MODE = "odd-mode"
    SMALL = "small"
    BLANK = "blank"
    DARK = "dark"
    BLURRED = "blurred"
    EXACT_ACROSS = "exact-across"
    EXACT_WITHIN = "exact-within"
    EXACT_CONFLICT = "exact-conflict"
    NEAR_ACROSS = "near-across"
    NEAR_WITHIN = "near-within"
    NEAR_CONFLICT = "near-conflict"
    NO_FACE = "no-face"
    LABEL = "label"


@dataclass(frozen=True)
class Damaged:
    """A file that could not be decoded: its name, why, and whether it holds no bytes."""

    name: str
    why: str
    empty: bool


@dataclass(frozen=True)
class Duplicates:
    """Which images are duplicates; blank images are duplicates of none.

    Attributes:
        exact: int64 (N,), equal for images with the same pixels.
        near: int64 (N,), equal for exact or near duplicates (``mien.data.near_duplicates``).
    """

    exact: npt.NDArray[np.int64]
    near: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Problem:
    """Something that may be wrong with some images.

    Attributes:
        kind: which problem.
        title: its name.
        meaning: how it was found, and what it means.
        groups: int64 rows of images; those of one group belong together.
        files: (name, why) of files that are not among the images.
        remarks: row -> a remark on that image.
    """

    kind: Kind
    title: str
    meaning: str
    groups: Groups
    files: tuple[tuple[str, str], ...]
    remarks: dict[int, str]

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """int64 (M,): the images that have it."""
        return np.unique(np.concatenate([np.zeros(0, np.int64), *self.groups])).astype(np.int64)

    @property
    def count(self) -> int:
        """Images or files that have it."""
        return len(self.rows) + len(self.files)


def find_duplicates(faces: Dataset, blank: npt.NDArray[np.bool_]) -> Duplicates:
    """Group duplicates among the images that are not ``blank``, bool (N,)."""
    seen = np.flatnonzero(~blank)
    exact, near = np.arange(len(faces)), np.arange(len(faces))
    if len(seen):
        flat = faces.images[seen].reshape(len(seen), -1)
        pixels = flat.view(np.dtype((np.void, flat.shape[1]))).ravel()
        exact[seen] = seen[_first_of(np.unique(pixels, return_inverse=True)[1])]
        near[seen] = seen[_first_of(duplicate_groups(faces.images[seen]))]
    return Duplicates(exact, near)


def _first_of(ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The first row of each row's group."""
    _, first, which = np.unique(ids, return_index=True, return_inverse=True)
    return np.asarray(first[which.ravel()], np.int64)


def leaked(ids: npt.NDArray[np.int64], faces: Dataset, split: str) -> int:
    """How many images of ``split`` have a duplicate among those that models learn from."""
    learned = np.isin(faces.split, LEARNED)
    return int(np.isin(ids[faces.split == split], ids[learned]).sum())


def _groups(ids: npt.NDArray[np.int64], rows: npt.NDArray[np.bool_] | None = None) -> Groups:
    """Rows that share an id, for ids of at least two rows (of ``rows``, bool (N,)); in the order of the first."""
    taken = np.arange(len(ids)) if rows is None else np.flatnonzero(rows)
    order = taken[np.argsort(ids[taken], kind="stable")]
    parts = np.split(order, np.flatnonzero(np.diff(ids[order])) + 1)
    return tuple(sorted((part for part in parts if len(part) > 1), key=lambda part: int(part[0])))


def _across(groups: Groups, faces: Dataset) -> Groups:
    """Groups in more than one split."""
    return tuple(group for group in groups if len(set(faces.split[group].tolist())) > 1)


def _within(groups: Groups, faces: Dataset) -> Groups:
    """The images of each group that are in one split, where there are at least two."""
    parts = [group[faces.split[group] == split] for group in groups for split in dict.fromkeys(faces.split[group])]
    return tuple(part for part in parts if len(part) > 1)


def _contradicting(groups: Groups, faces: Dataset) -> Groups:
    """Groups with more than one label."""
    return tuple(group for group in groups if len(np.unique(faces.labels[group])) > 1)


def find_problems(found: Inspection) -> tuple[Problem, ...]:
    """All kinds of problems that were looked for, those that no image has included, in the order of ``Kind``."""
    faces, quality, exact, near = found.faces, found.quality, _groups(found.copies.exact), _groups(found.copies.near)

    def not_exact(groups: Groups) -> Groups:
        return tuple(group for group in groups if len(np.unique(found.copies.exact[group])) > 1)

    groups: dict[Kind, Groups] = {
        Kind.EMPTY: (),
        Kind.CORRUPT: (),
        Kind.BLANK: _single(quality.blank),
        Kind.DARK: _single(quality.dark, quality.light),
        Kind.BLURRED: _single(quality.blurred, quality.sharpness),
        Kind.EXACT_ACROSS: _across(exact, faces),
        Kind.EXACT_WITHIN: _within(exact, faces),
        Kind.EXACT_CONFLICT: _contradicting(exact, faces),
        Kind.NEAR_ACROSS: _across(not_exact(near), faces),
        Kind.NEAR_WITHIN: not_exact(_within(near, faces)),
        Kind.NEAR_CONFLICT: _contradicting(not_exact(near), faces),
    }
    remarks: dict[Kind, dict[int, str]] = {}
    if files := found.files:
        groups[Kind.ODD_SIZE], groups[Kind.ODD_MODE] = _single(files.odd_size), _single(files.odd_mode)
        groups[Kind.SMALL] = _single(files.smaller_than(found.side))
        remarks[Kind.ODD_SIZE] = remarks[Kind.SMALL] = dict(enumerate(files.size.tolist()))
        remarks[Kind.ODD_MODE] = dict(enumerate(files.mode.tolist()))
    if found.detection:
        groups[Kind.NO_FACE] = tuple(found.detection.missed[:, None])
    if found.labels:
        groups[Kind.LABEL] = tuple(found.labels.errors[:, None])
        remarks[Kind.LABEL] = _label_remarks(faces, found.labels)
    damaged: dict[Kind, tuple[tuple[str, str], ...]] = {
        Kind.EMPTY: tuple((file.name, "0 bytes") for file in found.damaged if file.empty),
        Kind.CORRUPT: tuple((file.name, file.why) for file in found.damaged if not file.empty),
    }
    texts = _texts(found)
    return tuple(
        Problem(kind, *texts[kind], groups[kind], damaged.get(kind, ()), remarks.get(kind, {}))
        for kind in Kind
        if kind in groups
    )


def _texts(found: Inspection) -> dict[Kind, tuple[str, str]]:
    """Title and meaning of each kind of problem."""
    quality, files, check, side = found.quality, found.files, found.detection, found.side
    limit = "The limit is the median of this dataset less 3.5 robust standard deviations (1.4826 x MAD)"
    unknown = "The dataset is too small, or too uniform, for a limit."
    dark = f"95% of their pixels are below gray level {quality.least_light:.0f} of 255. {limit}."
    blurred = (
        f"The variance of their Laplacian is less than {quality.least_sharpness:.2f} times that of their gray values. "
        f"{limit}, on a logarithmic scale. Smooth skin under soft light can look so too."
    )
    leak = "A model that learns from one and is evaluated on the other gets too good a score."
    alike = "Perceptual hashes and pixels agree, as after scaling, recompression or a watermark."
    missed = f"{len(check.missed):,} of {check.n:,} ({percent(len(check.missed) / check.n)}" if check else ""
    return {
        Kind.EMPTY: ("Empty files", "Files without any bytes. Copy or download them again."),
        Kind.CORRUPT: ("Corrupt files", "Files that cannot be decoded. Training leaves them out."),
        Kind.ODD_SIZE: ("Files of unusual size", f"Most files are {files.sizes[0][0]} pixels." if files else ""),
        Kind.ODD_MODE: ("Files of unusual mode", f"Most have Pillow's mode {files.modes[0][0]}." if files else ""),
        Kind.SMALL: (
            f"Files under {side} pixels",
            "Their shorter side is smaller: they are enlarged without new detail.",
        ),
        Kind.BLANK: (
            "Blank images",
            f"Uniform gray: its standard deviation is below {LEAST_CONTRAST:g} of 255. No label fits them.",
        ),
        Kind.DARK: ("Dark images", dark if np.isfinite(quality.least_light) else unknown),
        Kind.BLURRED: ("Blurred images", blurred if quality.least_sharpness > 0 else unknown),
        Kind.EXACT_ACROSS: ("Exact duplicates across splits", f"The same pixels. {leak}"),
        Kind.EXACT_WITHIN: ("Exact duplicates within a split", "The same pixels, counted twice."),
        Kind.EXACT_CONFLICT: ("Exact duplicates with different labels", "At most one of the labels can be right."),
        Kind.NEAR_ACROSS: ("Near duplicates across splits", f"{alike} {leak}"),
        Kind.NEAR_WITHIN: ("Near duplicates within a split", alike),
        Kind.NEAR_CONFLICT: (
            "Near duplicates with different labels",
            f"{alike} The labels may be wrong, or the images may be neighboring frames of a video.",
        ),
        Kind.NO_FACE: (
            "No face found",
            f"Images checked without a face: {missed}, 95% CI {interval(check.interval if check else None)}). Look at "
            "them: in tight crops, without hair and chin, the detector misses real faces too.",
        ),
        Kind.LABEL: (
            "Probable label errors",
            "Confident learning (Northcutt et al. 2021): a classifier trained on the other four fifths of the images "
            f"(HOG, logistic regression) gives another emotion a probability at least {LEAST_MARGIN:g} higher than the "
            f"label's. It agrees with only {percent(found.labels.accuracy if found.labels else None)} of the labels: "
            "look at the images, most suspicious first.",
        ),
    }


def _label_remarks(faces: Dataset, check: LabelCheck) -> dict[int, str]:
    majority = None if faces.votes is None else faces.votes.majority()
    remarks = {}
    for row in check.errors.tolist():
        words = f"{EMOTIONS[faces.labels[row]]} → {EMOTIONS[check.guess[row]]}, margin {check.margin[row]:.2f}"
        if majority is not None:
            words += f", votes {EMOTIONS[majority[row]] if majority[row] >= 0 else 'without majority'}"
        remarks[row] = words
    return remarks


def _single(rows: npt.NDArray[np.bool_], by: npt.NDArray[np.float32] | None = None) -> Groups:
    """Each row a group of its own; the lowest ``by`` first."""
    found = np.flatnonzero(rows)
    return tuple((found if by is None else found[np.argsort(by[found], kind="stable")])[:, None])


#: The rules of ``clean``, in order: the first that fits an image counts.
RULES = {
    Kind.BLANK: "Blank images, except in test.",
    Kind.EXACT_ACROSS: "Training images with an exact duplicate in another split, which stays.",
    Kind.EXACT_CONFLICT: "Exact duplicates in training with different labels: all of them.",
    Kind.EXACT_WITHIN: "Exact duplicates in training: all but the first.",
    Kind.NEAR_ACROSS: "Training images with a near duplicate in another split, which stays.",
    Kind.LABEL: "Probable label errors in training, with --drop-label-errors only.",
}


@dataclass(frozen=True)
class Cleaning:
    """What to leave out of N images. Test images always stay, so that scores remain comparable.

    Attributes:
        use: bool (N,), False for images to leave out.
        why: for each image, why it is left out; empty where it is used.
        rule: str (N,), the value of the ``Kind``; empty where it is used.
    """

    use: npt.NDArray[np.bool_]
    why: tuple[str, ...]
    rule: npt.NDArray[np.str_]


def clean(found: Inspection, *, drop_label_errors: bool = False) -> Cleaning:
    """Decide which images to leave out, by ``RULES``; with ``drop_label_errors``, probable label errors too."""
    faces, copies = found.faces, found.copies
    learned = np.isin(faces.split, LEARNED)
    left: dict[int, tuple[Kind, str]] = {}
    for row in np.flatnonzero(found.quality.blank & (faces.split != TEST)).tolist():
        left[row] = Kind.BLANK, "blank"
    for row, other in _leaks(copies.exact, faces, learned):
        left.setdefault(row, (Kind.EXACT_ACROSS, f"exact copy of {faces.names[other]} in {faces.split[other]}"))
    for group in _contradicting(_groups(copies.exact, learned), faces):
        for row in group.tolist():
            other = int(group[faces.labels[group] != faces.labels[row]][0])
            why = f"exact copy of {faces.names[other]}, {EMOTIONS[faces.labels[other]]}"
            left.setdefault(row, (Kind.EXACT_CONFLICT, why))
    for group in _groups(copies.exact, learned):
        for row in group[1:].tolist():
            left.setdefault(row, (Kind.EXACT_WITHIN, f"exact copy of {faces.names[group[0]]}"))
    for row, other in _leaks(copies.near, faces, learned):
        left.setdefault(row, (Kind.NEAR_ACROSS, f"near copy of {faces.names[other]} in {faces.split[other]}"))
    if drop_label_errors and found.labels:
        for row in found.labels.errors[learned[found.labels.errors]].tolist():
            left.setdefault(row, (Kind.LABEL, f"label probably wrong: looks {EMOTIONS[found.labels.guess[row]]}"))
    use = np.array([row not in left for row in range(len(faces))], bool)
    whys = tuple(left[row][1] if row in left else "" for row in range(len(faces)))
    rules = [left[row][0].value if row in left else "" for row in range(len(faces))]
    return Cleaning(use, whys, np.array(rules, np.str_))


def _leaks(ids: npt.NDArray[np.int64], faces: Dataset, learned: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Training images with a duplicate in a split that evaluates, each with that duplicate."""
    return [
        (int(row), int(group[~learned[group]][0]))
        for group in _across(_groups(ids), faces)
        if (~learned[group]).any()
        for row in group[learned[group]]
    ]
