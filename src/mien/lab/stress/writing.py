"""What a run leaves behind: tables, figure, and what must be known to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ...io.atomic import write_atomically
from ..comparison.compare import Task
from .figure import figure
from .marks import Mark
from .reading import DETECTED
from .subject import FACE, WHOLE
from .table import as_csv, as_json, as_markdown


def write_marks(
    rows: Sequence[Mark], out: Path, title: str, notes: Sequence[str], about: Mapping[str, object]
) -> list[Path]:
    """Write ``stress.csv``, ``stress.md``, ``stress.png`` and ``stress.json`` into the folder ``out``.

    Returns:
        The files written.

    Raises:
        OutputError: the folder cannot be written to.
    """
    written = [out / "stress.csv", out / "stress.md", out / "stress.png", out / "stress.json"]
    write_atomically(written[0], as_csv(rows).encode())
    write_atomically(written[1], as_markdown(rows, title, notes).encode())
    figure(rows, title, written[2])
    write_atomically(written[3], as_json(rows, about, notes).encode())
    return written


def reading_notes(rows: Sequence[Mark], question: Task, left_out: int) -> list[str]:
    """All that the figures depend on, a sentence or two a line."""
    truth = "the majority of the votes" if question.truth == "votes" else "the labels"
    notes = [
        f"Head {' and '.join(sorted(set(question.heads.values())))}, marked against {truth}; the mirror image "
        "averaged, as the reader does unless told otherwise. As many images of each emotion as there are: accuracies "
        "are not those of the whole data set; compare them with the clean row.",
        "Every model sees the same spoiled pixels; levels of one kind share their random draws.",
        "found: the detected box overlaps the true one by at least 0.3 (intersection over union). right of all: a missed "
        "face is a wrong answer. balanced: mean recall of emotions with at least ten images, missed faces wrong. ECE in "
        "15 bins of equal size, and abstained, over the faces found. Bold: ten points or more below clean.",
    ]
    if any(row.way == DETECTED for row in rows):
        notes.append(
            f"Each image is scaled so that its face measures {FACE} pixels from brow to chin, in a window that shows "
            "what is around it. true crop: cut where the clean image has the face, not turned with a tilt."
        )
    else:
        notes.append(
            f"The images are faces cut out already, enlarged to {WHOLE} pixels: nothing is detected, and what a shifted "
            "or looser crop would show outside of them is their repeated border."
        )
    if left_out:
        notes.append(f"Left out: {left_out:,} images in which no face is found even when clean.")
    if any(row.p is not None for row in rows):
        notes.append(
            "vs first: points of accuracy over all images against the first model, with the 95 % interval of the paired "
            "difference; p after McNemar, with Holm's correction over all rows of a model."
        )
    return notes
