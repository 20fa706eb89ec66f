"""What is wrong with a dataset: each kind of problem with the images that have it, and which images to leave out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...data.dataset import TEST, Dataset
from ...emotions import EMOTIONS
from .duplicates import LEARNED, Duplicates, Groups, across, contradicting, groups, near_only, within
from .labels import LEAST_MARGIN, LabelCheck
from .measures import LEAST_CONTRAST, FaceCheck, FileHeaders, Quality


@dataclass(frozen=True)
class Damaged:
    """A file that could not be decoded.

    Attributes:
        name: the file.
        why: what is wrong with it.
        empty: it holds no bytes at all.
    """

    name: str
    why: str
    empty: bool


@dataclass(frozen=True)
class Findings:
    """What was measured of a dataset.

    Attributes:
        faces: the N images that could be decoded.
        side: the side in pixels that images were asked for at.
        damaged: files that could not be decoded.
        quality: brightness, contrast and sharpness.
        copies: exact and near copies.
        files: sizes and modes of the files; None where the images have none of their own.
        labels: probable label errors; None where there are too few images to say.
        detection: images without a face; None where that was not asked for.
    """

    faces: Dataset
    side: int
    damaged: tuple[Damaged, ...]
    quality: Quality
    copies: Duplicates
    files: FileHeaders | None
    labels: LabelCheck | None
    detection: FaceCheck | None


@dataclass(frozen=True)
class Problem:
    """Something that may be wrong with some images.

    Attributes:
        key: its name for programs.
        title: its name for people.
        meaning: how it was found, and what it means.
        groups: int64 rows of images; those of one group belong together.
        files: (name, why) of files that are not among the images.
        remarks: (row, words) that belong beside single images.
    """

    key: str
    title: str
    meaning: str
    groups: Groups = ()
    files: tuple[tuple[str, str], ...] = ()
    remarks: tuple[tuple[int, str], ...] = ()

    @property
    def count(self) -> int:
        """Images or files that have the problem."""
        return len({int(row) for group in self.groups for row in group}) + len(self.files)

    @property
    def paired(self) -> bool:
        """Whether images are to be seen beside one another."""
        return any(len(group) > 1 for group in self.groups)


def find_problems(found: Findings) -> tuple[Problem, ...]:
    """All kinds of problems that were looked for, those that no image has included."""
    problems = [*_unreadable(found), *_files(found), *_quality(found), *_duplicates(found)]
    if found.detection:
        problems.append(_faceless(found.detection))
    if found.labels:
        problems.append(_mislabeled(found, found.labels))
    return tuple(problems)


def _unreadable(found: Findings) -> list[Problem]:
    empty = tuple((file.name, "0 bytes") for file in found.damaged if file.empty)
    corrupt = tuple((file.name, file.why) for file in found.damaged if not file.empty)
    return [
        Problem("empty", "Empty files", "Files that hold no bytes. Copy or download them again.", files=empty),
        Problem(
            "corrupt",
            "Corrupt files",
            "Files that cannot be decoded whole. They are among no count below, and training leaves them out.",
            files=corrupt,
        ),
    ]


def _files(found: Findings) -> list[Problem]:
    facts, side = found.files, found.side
    if facts is None:
        return []
    sizes, modes = (
        [(row, words) for row, words in enumerate(values)]
        for values in ([f"{width} x {height}" for width, height in facts.size], facts.mode.tolist())
    )
    odd_size, odd_mode, small = _single(facts.odd_size), _single(facts.odd_mode), _single(facts.smaller_than(side))
    return [
        Problem(
            "odd-size",
            "Files of another size than most",
            f"Most files are {facts.sizes[0][0]} pixels."
            if len(odd_size)
            else "All files have one size, or no size is that of most.",
            odd_size,
            remarks=tuple(sizes),
        ),
        Problem(
            "odd-mode",
            "Files of another mode than most",
            f"Most files have Pillow's mode {facts.modes[0][0]} (L: gray, RGB: color, P: palette, A: with transparency).",
            odd_mode,
            remarks=tuple(modes),
        ),
        Problem(
            "small",
            f"Files smaller than {side} pixels",
            f"Their shorter side has less than {side} pixels, so they are enlarged, which adds no detail.",
            small,
            remarks=tuple(sizes),
        ),
    ]


def _quality(found: Findings) -> list[Problem]:
    quality = found.quality
    light, sharp = quality.least_light, quality.least_sharpness
    outlying = "the median of this set less 3.5 robust standard deviations (1.4826 x median absolute deviation)"
    dark = (
        f"95 % of their pixels stay below the gray {light:.0f} of 255: even the brightest parts are dark. The limit is "
        f"{outlying}."
        if np.isfinite(light)
        else "The set is too small, or too even, to say what is dark in it."
    )
    blurred = (
        f"The variance of their Laplacian is less than {sharp:.2f} times the variance of their grays: few edges for their "
        f"contrast. The limit is {outlying}, on the logarithmic scale. Smooth skin under soft light can look so too."
        if sharp > 0
        else "The set is too small, or too even, to say what is blurred in it."
    )
    return [
        Problem(
            "blank",
            "Blank images",
            f"One gray all over: its standard deviation is below {LEAST_CONTRAST:g} of 255. No label fits them.",
            _single(quality.blank),
        ),
        Problem("dark", "Dark images", dark, _single(quality.dark, quality.light)),
        Problem("blurred", "Blurred images", blurred, _single(quality.blurred, quality.sharpness)),
    ]


def _duplicates(found: Findings) -> list[Problem]:
    faces, copies = found.faces, found.copies
    exact, near = groups(copies.exact), groups(copies.near)
    leak = "Who learns from one and is judged by the other is judged too well."
    alike = "Near copies: perceptual hashes and pixels agree, as after scaling, recompressing, or a watermark."
    return [
        Problem(
            "exact-across",
            "Exact copies across parts",
            f"The same pixels in two parts of the data: a leak. {leak}",
            across(exact, faces),
        ),
        Problem(
            "exact-within",
            "Exact copies within a part",
            "The same pixels several times in one part: they count several times.",
            within(exact, faces),
        ),
        Problem(
            "exact-conflict",
            "Exact copies with different labels",
            "At most one of the labels can be right.",
            contradicting(exact, faces),
        ),
        Problem("near-across", "Near copies across parts", f"{alike} {leak}", across(near_only(near, copies), faces)),
        Problem("near-within", "Near copies within a part", alike, near_only(within(near, faces), copies)),
        Problem(
            "near-conflict",
            "Near copies with different labels",
            f"{alike} The labels may be wrong, or the images may be neighbors of one video.",
            contradicting(near_only(near, copies), faces),
        ),
    ]


def _faceless(check: FaceCheck) -> Problem:
    low, high = (100 * end for end in check.interval)
    share = 100 * len(check.missed) / check.n
    return Problem(
        "no-face",
        "No face found",
        f"The detector found no face in {len(check.missed):,} of {check.n:,} images looked at ({share:.1f} %, "
        f"95 % interval {low:.1f} to {high:.1f}). A miss means: look at it, not that there is no face: in tight "
        "crops, which cut off hair and chin, the detector misses real faces too.",
        tuple(check.missed[:, None]),
    )


def _mislabeled(found: Findings, check: LabelCheck) -> Problem:
    labels = found.faces.labels
    votes = found.faces.votes
    majority = None if votes is None else votes.majority()
    remarks = []
    for row in check.errors.tolist():
        words = f"{EMOTIONS[labels[row]]} → {EMOTIONS[check.guess[row]]}, margin {check.margin[row]:.2f}"
        if majority is not None:
            words += f", votes {EMOTIONS[majority[row]] if majority[row] >= 0 else 'divided'}"
        remarks.append((row, words))
    return Problem(
        "label",
        "Probable label errors",
        "Confident learning (Northcutt et al. 2021): a quick classifier (gradient histograms, logistic regression), which "
        f"learned from the other four fifths of the images, takes another emotion to be at least {LEAST_MARGIN:g} more "
        f"likely than the label. The classifier itself agrees with only {100 * check.accuracy:.1f} % of the labels: a weak "
        "judge. Take this as a list of images to look at, most suspicious first.",
        tuple(check.errors[:, None]),
        remarks=tuple(remarks),
    )


def _single(rows: npt.NDArray[np.bool_], by: npt.NDArray[np.float32] | None = None) -> Groups:
    """Each row a group of its own; the lowest ``by`` first."""
    found = np.flatnonzero(rows)
    return tuple((found if by is None else found[np.argsort(by[found], kind="stable")])[:, None])


#: Every rule with its words, in the order in which they are applied: the first that fits an image is the one that counts.
RULES = {
    "blank": "Blank images, but for those of the test part.",
    "exact-across": "Training images whose exact copy is in another part. The copy that judges stays.",
    "exact-conflict": "Exact copies within training that have different labels: all of them.",
    "exact-within": "Further exact copies within training: all but the first.",
    "near-across": "Training images whose near copy is in another part. The copy that judges stays.",
    "label": "Probable label errors in training. Only with drop_label_errors.",
}


@dataclass(frozen=True)
class Cleaning:
    """What to leave out of N images. Test images always stay, so that scores on them stay comparable.

    Attributes:
        use: bool (N,), False for images to leave out.
        why: for each image, why it is left out; empty where it is used.
        rule: str (N,), the key of the rule; empty where it is used.
    """

    use: npt.NDArray[np.bool_]
    why: tuple[str, ...]
    rule: npt.NDArray[np.str_]


def clean(found: Findings, *, drop_label_errors: bool = False) -> Cleaning:
    """Decide which images to leave out; ``RULES`` has the rules.

    Args:
        found: what was measured.
        drop_label_errors: leave out training images whose label is probably wrong.
    """
    faces = found.faces
    left: dict[int, tuple[str, str]] = {}

    def leave_out(row: int, rule: str, why: str) -> None:
        left.setdefault(row, (rule, why))

    for row in np.flatnonzero(found.quality.blank & (faces.split != TEST)).tolist():
        leave_out(row, "blank", "blank")
    learned = np.isin(faces.split, LEARNED)
    exact = groups(found.copies.exact)
    for row, other in _leaks(exact, faces, learned):
        leave_out(row, "exact-across", f"exact copy of {faces.names[other]} in {faces.split[other]}")
    for group in contradicting(groups(found.copies.exact, learned), faces):
        labels = faces.labels[group]
        for row in group.tolist():
            other = int(group[labels != faces.labels[row]][0])
            leave_out(row, "exact-conflict", f"exact copy of {faces.names[other]}, {EMOTIONS[faces.labels[other]]}")
    for group in groups(found.copies.exact, learned):
        for row in group[1:].tolist():
            leave_out(row, "exact-within", f"exact copy of {faces.names[group[0]]}")
    for row, other in _leaks(groups(found.copies.near), faces, learned):
        leave_out(row, "near-across", f"near copy of {faces.names[other]} in {faces.split[other]}")
    if drop_label_errors and found.labels:
        for row in found.labels.errors[learned[found.labels.errors]].tolist():
            leave_out(row, "label", f"label probably wrong: looks {EMOTIONS[found.labels.guess[row]]}")
    rules = [left.get(row, ("", ""))[0] for row in range(len(faces))]
    use = np.array([not rule for rule in rules], bool)
    return Cleaning(use, tuple(left.get(row, ("", ""))[1] for row in range(len(faces))), np.array(rules, np.str_))


def _leaks(
    groups_found: tuple[npt.NDArray[np.int64], ...], faces: Dataset, learned: npt.NDArray[np.bool_]
) -> list[tuple[int, int]]:
    """Training images with a copy in a part that judges, each with that copy."""
    return [
        (int(row), int(group[~learned[group]][0]))
        for group in across(groups_found, faces)
        if (~learned[group]).any()
        for row in group[learned[group]]
    ]
