"""The images that models are tried on: some of each emotion, the same ones for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ...data.dataset import TEST, UNDIVIDED, Dataset
from ...data.loading import load
from ...data.preprocessing import FaceFinder
from ...detection.centerface import centerface
from ...errors import DataError, SourceError
from ...io.images import read_image
from ...types import Frame
from ..comparison.compare import Task, build_test_set, common_task, rows_of
from ..comparison.models import Model
from .subject import Subject, as_whole, in_window

#: Side at which images are read; a face that fills its image is then as large as it needs to be.
_SIDE = 128
#: A cut-out face is looked at this large when its landmarks are looked for.
_LOOK = 192

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Drawn:
    """What was drawn.

    Attributes:
        subjects: the faces.
        answers: the right emotion of each.
        whole: whether the images are cut-out faces, so that nothing is detected.
        left_out: images drawn in which no face was found even when clean.
    """

    subjects: tuple[Subject, ...]
    answers: tuple[str, ...]
    whole: bool
    left_out: int


def read_images(path: Path, on_damaged: Callable[[Path, str], None], progress: Progress) -> Dataset:
    """Any form of data that the lab reads, undivided where nobody divided it: nothing is learned from it here.

    Raises:
        DataError: the data cannot be used.
    """
    return load(path, _SIDE, color="rgb", split=False, progress=progress, on_damaged=on_damaged)


def part_to_ask(faces: Dataset, split: str) -> Dataset:
    """The images of ``split``, as the only part of their set; an undivided set has one part, which is all of it.

    Raises:
        DataError: there is no such part.
    """
    undivided = bool((faces.split == UNDIVIDED).all())
    part = faces if split == "all" or undivided else faces.part(split)
    return replace(part, split=np.full(len(part), TEST))


def question_for(members: Sequence[Model], part: Dataset, head: str = "") -> Task:
    """What all members are asked; without ``head``, through the head that the first member's reader takes unasked.

    Where there are no votes, heads that learned from votes are marked against the labels.

    Raises:
        OptionError, ModelError: see ``common_task``.
    """
    question = common_task(members, head or next(iter(members[0].classifier.heads)))
    return question if part.votes is not None else replace(question, truth="labels")


def draw(
    part: Dataset,
    question: Task,
    members: Sequence[Model],
    n: int,
    seed: int,
    *,
    whole: bool,
    progress: Progress = lambda _done, _total: None,
) -> Drawn:
    """Draw ``n`` images, as many of each emotion as there are and no more, and find the face in each.

    Args:
        part: from ``part_to_ask``.
        question: from ``question_for``.
        members: the models asked.
        n: how many, at most.
        seed: of the draw.
        whole: the images are cut-out faces.
        progress: called with (images done, images in all).

    Raises:
        DataError: there is no image that all models can be marked on, or no face in any.
    """
    asked = build_test_set(question, members, part, TEST)
    chosen = _evenly(asked.y_true, n, np.random.default_rng(seed))
    rows = rows_of(asked.names[chosen], part)
    subjects, answers, left_out = [], [], 0
    find: Callable[[Frame], Subject | None] = _Wholes() if whole else _Windows()
    for done, (row, answer) in enumerate(zip(rows.tolist(), asked.y_true[chosen].tolist()), start=1):
        image = part.images[row]
        rgb = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
        subject = find(Frame(np.ascontiguousarray(rgb, np.uint8), str(part.names[row])))
        if subject is None:
            left_out += 1
        else:
            subjects.append(subject)
            answers.append(question.emotions[answer])
        progress(done, len(rows))
    if not subjects:
        raise DataError(
            f"{part.name}: no face found in any of {len(rows)} images",
            hint="If the images are faces cut out already, say so with --crops.",
        )
    return Drawn(tuple(subjects), tuple(answers), whole, left_out)


def example_of(picture: Path | None, drawn: Drawn) -> Subject:
    """The face to show conditions on: that of a photo, or the first one drawn.

    Raises:
        SourceError: the photo cannot be read, or there is no face in it.
    """
    if picture is None:
        return drawn.subjects[0]
    frame = read_image(picture)
    return in_window(frame, FaceFinder().find(frame))


def _evenly(answers: npt.NDArray[np.int64], n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """int64 (m,), m <= n: rows with as equal numbers of each answer as there are; sorted."""
    piles = [rng.permutation(np.flatnonzero(answers == value)) for value in np.unique(answers)]
    taken: list[npt.NDArray[np.int64]] = []
    for left, pile in zip(range(len(piles), 0, -1), sorted(piles, key=len)):
        share = (n - sum(map(len, taken))) // left
        taken.append(pile[:share])
    return np.sort(np.concatenate(taken))


class _Windows:
    """Photos: the face that each is about."""

    def __init__(self) -> None:
        self._finder = FaceFinder()

    def __call__(self, frame: Frame) -> Subject | None:
        try:
            return in_window(frame, self._finder.find(frame))
        except SourceError:  # no face
            return None


class _Wholes:
    """Cut-out faces, with the landmarks that the detector finds in them, or those of an average face."""

    def __init__(self) -> None:
        self._detector = centerface(min_face=_LOOK // 4)

    def __call__(self, frame: Frame) -> Subject:
        large = np.asarray(cv2.resize(frame.image, (_LOOK, _LOOK), interpolation=cv2.INTER_CUBIC), np.uint8)
        faces = self._detector.detect(Frame(large, frame.name))
        points = faces[0].landmarks if faces else None
        return as_whole(frame, None if points is None else (points / _LOOK).astype(np.float32))
