"""Which images to leave out, and by which rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...data.dataset import TEST, Dataset
from ...emotions import EMOTIONS
from .copies import LEARNED, across, contradicting, groups
from .inspection import Inspection

#: Every rule with its words, in the order in which they are applied: the first that fits an image is the one that counts.
RULES = {
    "blank": "Blank images, but for those of the test part.",
    "exact-across": "Training images whose exact copy is in another part. The copy that judges stays.",
    "exact-conflict": "Exact copies within training that have different labels: all of them.",
    "exact-within": "Further exact copies within training: all but the first.",
    "near-across": "Training images whose near copy is in another part. The copy that judges stays.",
    "label": "Probable label errors in training. Only with --drop-label-errors.",
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


def clean(inspection: Inspection, *, drop_label_errors: bool = False) -> Cleaning:
    """Decide which images to leave out; ``RULES`` has the rules.

    Args:
        inspection: what was found.
        drop_label_errors: leave out training images whose label is probably wrong.
    """
    faces = inspection.faces
    found: dict[int, tuple[str, str]] = {}

    def leave_out(row: int, rule: str, why: str) -> None:
        found.setdefault(row, (rule, why))

    for row in np.flatnonzero(inspection.quality.blank & (faces.split != TEST)).tolist():
        leave_out(row, "blank", "blank")
    learned = np.isin(faces.split, LEARNED)
    exact = groups(inspection.copies.exact)
    for row, other in _leaks(exact, faces, learned):
        leave_out(row, "exact-across", f"exact copy of {faces.names[other]} in {faces.split[other]}")
    for group in contradicting(groups(inspection.copies.exact, learned), faces):
        labels = faces.labels[group]
        for row in group.tolist():
            other = int(group[labels != faces.labels[row]][0])
            leave_out(row, "exact-conflict", f"exact copy of {faces.names[other]}, {EMOTIONS[faces.labels[other]]}")
    for group in groups(inspection.copies.exact, learned):
        for row in group[1:].tolist():
            leave_out(row, "exact-within", f"exact copy of {faces.names[group[0]]}")
    for row, other in _leaks(groups(inspection.copies.near), faces, learned):
        leave_out(row, "near-across", f"near copy of {faces.names[other]} in {faces.split[other]}")
    if drop_label_errors and inspection.labels:
        for row in inspection.labels.errors[learned[inspection.labels.errors]].tolist():
            leave_out(row, "label", f"label probably wrong: looks {EMOTIONS[inspection.labels.guess[row]]}")
    rules = [found.get(row, ("", ""))[0] for row in range(len(faces))]
    use = np.array([not rule for rule in rules], bool)
    return Cleaning(use, tuple(found.get(row, ("", ""))[1] for row in range(len(faces))), np.array(rules, np.str_))


def _leaks(
    found: tuple[npt.NDArray[np.int64], ...], faces: Dataset, learned: npt.NDArray[np.bool_]
) -> list[tuple[int, int]]:
    """Training images with a copy in a part that judges, each with that copy."""
    return [
        (int(row), int(group[~learned[group]][0]))
        for group in across(found, faces)
        if (~learned[group]).any()
        for row in group[learned[group]]
    ]
