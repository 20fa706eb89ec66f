"""What is wrong with a data set, as a list of problems: each with its meaning and the images that have it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...emotions import EMOTIONS
from .copies import Groups, across, contradicting, groups, near_only, within
from .detected import FaceCheck
from .inspection import Inspection
from .labels import LEAST_MARGIN, LabelCheck
from .quality import LEAST_CONTRAST


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


def problems_of(inspection: Inspection) -> tuple[Problem, ...]:
    """All kinds of problems that were looked for, those that no image has included."""
    found = [*_unreadable(inspection), *_files(inspection), *_looks(inspection), *_copies(inspection)]
    if inspection.detection:
        found.append(_faceless(inspection.detection))
    if inspection.labels:
        found.append(_mislabeled(inspection, inspection.labels))
    return tuple(found)


def _unreadable(inspection: Inspection) -> list[Problem]:
    empty = tuple((file.name, "0 bytes") for file in inspection.damaged if file.empty)
    corrupt = tuple((file.name, file.why) for file in inspection.damaged if not file.empty)
    return [
        Problem("empty", "Empty files", "Files that hold no bytes. Copy or download them again.", files=empty),
        Problem(
            "corrupt",
            "Corrupt files",
            "Files that cannot be decoded whole. They are among no count below, and training leaves them out.",
            files=corrupt,
        ),
    ]


def _files(inspection: Inspection) -> list[Problem]:
    facts, side = inspection.files, inspection.side
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


def _looks(inspection: Inspection) -> list[Problem]:
    quality = inspection.quality
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


def _copies(inspection: Inspection) -> list[Problem]:
    faces, copies = inspection.faces, inspection.copies
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
    share = 100 * len(check.missed) / check.looked_at
    return Problem(
        "no-face",
        "No face found",
        f"The detector found no face in {len(check.missed):,} of {check.looked_at:,} images looked at ({share:.1f} %, "
        f"95 % interval {low:.1f} to {high:.1f}). A miss means: look at it, not that there is no face: in tight "
        "crops, which cut off hair and chin, the detector misses real faces too.",
        tuple(check.missed[:, None]),
    )


def _mislabeled(inspection: Inspection, check: LabelCheck) -> Problem:
    labels = inspection.faces.labels
    votes = inspection.faces.votes
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
