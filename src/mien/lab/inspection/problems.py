"""Problems of a dataset: the images with each kind of problem, and the images to leave out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...data.dataset import INNER, TEST, TRAIN, Dataset
from ...data.near_duplicates import duplicate_groups
from ...emotions import EMOTIONS
from ...report import interval, percent
from .labels import LEAST_MARGIN, LabelCheck, Rows
from .measures import LEAST_CONTRAST, FaceCheck, FileHeaders, Floats, Mask, Quality, most_common, unusual

if TYPE_CHECKING:
    from .inspection import Inspection

#: Rows of images; those of one group belong together.
Groups = tuple[Rows, ...]

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
    AUGMENTED_ACROSS = "augmented-across"
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
    """Groups of duplicates, int64 (N,): equal for the same pixels, and for exact or near duplicates.

    Blank images are duplicates of none. Near duplicates are as in ``mien.data.near_duplicates``.
    """

    exact: Rows
    near: Rows


@dataclass(frozen=True)
class Problem:
    """Something that may be wrong with some images: what, how it was found, and what it means.

    Rows of one group belong together; ``files`` are (name, why) of files that are not among the images; ``remarks`` are
    by row.
    """

    kind: Kind
    title: str
    meaning: str
    groups: Groups = ()
    files: tuple[tuple[str, str], ...] = ()
    remarks: dict[int, str] = field(default_factory=dict)

    @property
    def rows(self) -> Rows:
        """int64 (M,): the images that have it."""
        return np.unique(np.concatenate([np.zeros(0, np.int64), *self.groups])).astype(np.int64)

    @property
    def count(self) -> int:
        """Images or files that have it."""
        return len(self.rows) + len(self.files)


def find_duplicates(faces: Dataset, blank: Mask) -> Duplicates:
    """Group duplicates among the images that are not ``blank``, bool (N,)."""
    seen = np.flatnonzero(~blank)
    exact, near = np.arange(len(faces)), np.arange(len(faces))
    if len(seen):
        flat = faces.images[seen].reshape(len(seen), -1)
        pixels = flat.view(np.dtype((np.void, flat.shape[1]))).ravel()
        exact[seen] = seen[_first_of(np.unique(pixels, return_inverse=True)[1])]
        near[seen] = seen[_first_of(duplicate_groups(faces.images[seen]))]
    return Duplicates(exact, near)


def _first_of(ids: Rows) -> Rows:
    """The first row of each row's group."""
    _, first, which = np.unique(ids, return_index=True, return_inverse=True)
    return np.asarray(first[which.ravel()], np.int64)


def _groups(ids: Rows, rows: Mask | None = None) -> Groups:
    """Rows that share an id, for ids of at least two rows (of ``rows``, bool (N,)); in the order of the first."""
    taken = np.arange(len(ids)) if rows is None else np.flatnonzero(rows)
    order = taken[np.argsort(ids[taken], kind="stable")]
    parts = np.split(order, np.flatnonzero(np.diff(ids[order])) + 1)
    return tuple(sorted((part for part in parts if len(part) > 1), key=lambda part: int(part[0])))


def _differing(groups: Groups, values: npt.NDArray[np.generic]) -> Groups:
    """Groups with more than one value, such as more than one split or label."""
    return tuple(group for group in groups if len(np.unique(values[group])) > 1)


def _within(groups: Groups, faces: Dataset) -> Groups:
    """The images of each group that are in one split, where there are at least two."""
    parts = [group[faces.split[group] == split] for group in groups for split in dict.fromkeys(faces.split[group])]
    return tuple(part for part in parts if len(part) > 1)


def _single(rows: Mask, by: Floats | None = None) -> Groups:
    """One group per row; the lowest ``by`` first."""
    found = np.flatnonzero(rows)
    return tuple((found if by is None else found[np.argsort(by[found], kind="stable")])[:, None])


def find_problems(found: Inspection) -> tuple[Problem, ...]:
    """All kinds of problems that were looked for, those that no image has included, in the order of ``Kind``."""
    empty = tuple((file.name, "0 bytes") for file in found.damaged if file.empty)
    corrupt = tuple((file.name, file.why) for file in found.damaged if not file.empty)
    return (
        Problem(Kind.EMPTY, "Empty files", "Files without any bytes. Copy or download them again.", files=empty),
        Problem(
            Kind.CORRUPT, "Corrupt files", "Files that cannot be decoded. Training leaves them out.", files=corrupt
        ),
        *(_file_problems(found.files, found.side) if found.files else ()),
        *_quality_problems(found.quality),
        *_duplicate_problems(found.faces, found.copies),
        _augmented_across(found),
        *([_no_face(found.detection)] if found.detection else ()),
        *([_label_errors(found.faces, found.labels)] if found.labels else ()),
    )


def _file_problems(files: FileHeaders, side: int) -> tuple[Problem, ...]:
    sizes, modes = dict(enumerate(files.size.tolist())), dict(enumerate(files.mode.tolist()))
    size, mode = (most_common(values)[0][0] for values in (files.size, files.mode))
    small = np.asarray((files.shorter_side < side) & (files.mode != ""), bool)
    enlarged = "Their shorter side is smaller: they are enlarged without new detail."
    odd_size, odd_mode = _single(unusual(files.size)), _single(unusual(files.mode))
    return (
        Problem(
            Kind.ODD_SIZE, "Files of unusual size", f"Most files are {size} pixels.", groups=odd_size, remarks=sizes
        ),
        Problem(
            Kind.ODD_MODE, "Files of unusual mode", f"Most have Pillow's mode {mode}.", groups=odd_mode, remarks=modes
        ),
        Problem(Kind.SMALL, f"Files under {side} pixels", enlarged, groups=_single(small), remarks=sizes),
    )


def _quality_problems(quality: Quality) -> tuple[Problem, ...]:
    limit = "The limit is the median of this dataset less 3.5 robust standard deviations (1.4826 x MAD)"
    unknown = "The dataset is too small, or too uniform, for a limit."
    blank = f"Uniform gray: its standard deviation is below {LEAST_CONTRAST:g} of 255. No label fits them."
    dark = f"95% of their pixels are below gray level {quality.least_light:.0f} of 255. {limit}."
    dark = dark if np.isfinite(quality.least_light) else unknown
    blurred = (
        f"The variance of their Laplacian is less than {quality.least_sharpness:.2f} times that of their gray values. "
        f"{limit}, on a logarithmic scale. Smooth skin under soft light can have the same effect."
    )
    blurred = blurred if quality.least_sharpness > 0 else unknown
    return (
        Problem(Kind.BLANK, "Blank images", blank, _single(quality.blank)),
        Problem(Kind.DARK, "Dark images", dark, _single(quality.dark, quality.light)),
        Problem(Kind.BLURRED, "Blurred images", blurred, _single(quality.blurred, quality.sharpness)),
    )


def _duplicate_problems(faces: Dataset, copies: Duplicates) -> tuple[Problem, ...]:
    exact, near = _groups(copies.exact), _groups(copies.near)
    near_only = _differing(near, copies.exact)
    leak = "A model that learns from one and is evaluated on the other gets too good a score."
    alike = "Perceptual hashes and pixels agree, as after scaling, recompression or a watermark."
    one_right = "At most one of the labels can be right."
    wrong = f"{alike} The labels may be wrong, or the images may be neighboring frames of a video."
    across, within, conflict = (
        "duplicates across splits",
        "duplicates within a split",
        "duplicates with different labels",
    )
    return (
        Problem(Kind.EXACT_ACROSS, f"Exact {across}", f"The same pixels. {leak}", _differing(exact, faces.split)),
        Problem(Kind.EXACT_WITHIN, f"Exact {within}", "The same pixels, counted twice.", _within(exact, faces)),
        Problem(Kind.EXACT_CONFLICT, f"Exact {conflict}", one_right, _differing(exact, faces.labels)),
        Problem(Kind.NEAR_ACROSS, f"Near {across}", f"{alike} {leak}", _differing(near_only, faces.split)),
        Problem(Kind.NEAR_WITHIN, f"Near {within}", alike, _differing(_within(near, faces), copies.exact)),
        Problem(Kind.NEAR_CONFLICT, f"Near {conflict}", wrong, _differing(near_only, faces.labels)),
    )


def _augmented_across(found: Inspection) -> Problem:
    copies = found.augmented
    new = [n for n, (one, other) in enumerate(copies.pairs) if found.copies.near[one] != found.copies.near[other]]
    meaning = (
        "A training image resembles an image of another split after mirroring, turning or cropping it, as if data had been "
        "augmented before it was split. A model that learns from it gets too good a score. Look at them: some are chance."
    )
    remarks = {int(copies.pairs[n, 0]): copies.changed[n] for n in new}
    title = "Augmented copies across splits"
    return Problem(Kind.AUGMENTED_ACROSS, title, meaning, tuple(copies.pairs[n] for n in new), remarks=remarks)


def _no_face(check: FaceCheck) -> Problem:
    meaning = (
        f"Images checked without a face: {len(check.missed):,} of {check.n:,} ({percent(len(check.missed) / check.n)}, 95% "
        f"CI {interval(check.interval)}). Look at them: in tight crops, without hair and chin, the detector misses real "
        "faces too."
    )
    return Problem(Kind.NO_FACE, "No face found", meaning, tuple(check.missed[:, None]))


def _label_errors(faces: Dataset, check: LabelCheck) -> Problem:
    judge = f"the model {check.judge}" if check.judge else "a classifier trained on the other four fifths of the images"
    meaning = (
        f"Confident learning (Northcutt et al. 2021): {judge} predicts another emotion with a probability at least "
        f"{LEAST_MARGIN:g} higher than the label's. It agrees with {percent(check.accuracy)} of the labels, so check the "
        "images. Largest margin first."
    )
    majority = None if faces.votes is None else faces.votes.majority()
    remarks = {}
    for row in check.errors.tolist():
        words = f"{EMOTIONS[faces.labels[row]]} → {EMOTIONS[check.guess[row]]}, margin {check.margin[row]:.2f}"
        if majority is not None:
            words += f", votes {EMOTIONS[majority[row]] if majority[row] >= 0 else 'without majority'}"
        remarks[row] = words
    return Problem(Kind.LABEL, "Probable label errors", meaning, tuple(check.errors[:, None]), remarks=remarks)


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
    """The images to leave out. Test images always stay, so that scores remain comparable.

    ``use``, bool (N,), is False for images to leave out; ``why`` and ``rule``, the value of the ``Kind``, are empty for
    others.
    """

    use: Mask
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
    copied = _groups(copies.exact, learned)
    for group in _differing(copied, faces.labels):
        for row in group.tolist():
            other = int(group[faces.labels[group] != faces.labels[row]][0])
            why = f"exact copy of {faces.names[other]}, {EMOTIONS[faces.labels[other]]}"
            left.setdefault(row, (Kind.EXACT_CONFLICT, why))
    for group in copied:
        for row in group[1:].tolist():
            left.setdefault(row, (Kind.EXACT_WITHIN, f"exact copy of {faces.names[group[0]]}"))
    for row, other in _leaks(copies.near, faces, learned):
        left.setdefault(row, (Kind.NEAR_ACROSS, f"near copy of {faces.names[other]} in {faces.split[other]}"))
    if drop_label_errors and found.labels:
        for row in found.labels.errors[learned[found.labels.errors]].tolist():
            left.setdefault(row, (Kind.LABEL, f"label probably wrong: looks {EMOTIONS[found.labels.guess[row]]}"))
    whys = tuple(left[row][1] if row in left else "" for row in range(len(faces)))
    rule = np.array([left[row][0].value if row in left else "" for row in range(len(faces))], np.str_)
    return Cleaning(rule == "", whys, rule)


def _leaks(ids: Rows, faces: Dataset, learned: Mask) -> list[tuple[int, int]]:
    """Training images with a duplicate in a split that evaluates, each with that duplicate."""
    return [
        (int(row), int(group[~learned[group]][0]))
        for group in _differing(_groups(ids), faces.split)
        if (~learned[group]).any()
        for row in group[learned[group]]
    ]
