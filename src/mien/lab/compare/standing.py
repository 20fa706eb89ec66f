"""The comparison itself: every model asked the same question of the same images, marked, timed and ranked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

import numpy as np
import numpy.typing as npt

from ...data.dataset import Dataset
from ...emotions import positions
from ..evaluate.predict import open_classifier, predict
from ..evaluate.protocol import machine
from ..evaluate.scores import Scores, score
from .latency import Latency, latencies, one_torch_thread
from .members import Member
from .question import Exam, Question, common_question, exam, rows_of
from .significance import pairwise

#: Gives the whole data set with images of at most this side in pixels, ``gray`` or ``rgb``.
OpenData = Callable[[int, str], Dataset]

_TIMED_IMAGES = 16


@dataclass(frozen=True)
class Standing:
    """How one member did.

    Attributes:
        member: which.
        head: the head that was asked.
        scores: on all images of the exam; logits restricted to the emotions asked for, one view, the head's temperature.
        dedup: the same without exact copies of training images; None where there are no copies, or nothing else.
        guesses: int64 (n,), index into the emotions asked for.
        latency: of one image on one thread.
        p: that the best member is no better than this one, after McNemar and Holm; None for the best itself.
    """

    member: Member
    head: str
    scores: Scores
    dedup: Scores | None
    guesses: npt.NDArray[np.int64]
    latency: Latency
    p: float | None = None


@dataclass(frozen=True)
class Comparison:
    """Models on the same images, the most accurate first.

    Attributes:
        data: the data set's name.
        split: the part of it.
        question: what was asked.
        exam: of which images.
        date: when, ISO 8601, UTC.
        machine: processor and number of cores.
        standings: one a member; of equally accurate ones the one with the higher macro-F1 first.
    """

    data: str
    split: str
    question: Question
    exam: Exam
    date: str
    machine: str
    standings: tuple[Standing, ...]


def compare(
    members: Sequence[Member],
    open_data: OpenData,
    split: str = "validation",
    *,
    head: str = "",
    seconds: float = 10.0,
    progress: Callable[[str], None] = lambda _step: None,
) -> Comparison:
    """Ask all ``members`` the same question of the same images.

    Args:
        members: from ``open_members``, at least one.
        open_data: called once for each size and color that the members want.
        split: ``validation`` or ``test``.
        head: see ``common_question``.
        seconds: to spend on timing, about.
        progress: called with what happens next, in words.

    Raises:
        OptionError, ModelError: see ``common_question``.
        DataError: see ``exam``.
    """
    question = common_question(members, head)
    asked: Exam | None = None
    data = ""
    logits: dict[str, npt.NDArray[np.float32]] = {}
    samples: dict[str, npt.NDArray[np.uint8]] = {}
    # One size at a time: the images of all sizes at once may not fit into memory.
    for size, color in sorted({_wants(member) for member in members}):
        faces = open_data(size, color)
        if asked is None:
            data, asked = faces.name, exam(question, members, faces, split)
        part = faces.part(split)
        images = part.images[rows_of(asked.names, part)]
        del faces, part
        for member in (member for member in members if _wants(member) == (size, color)):
            progress(f"asking {member.name}")
            logits[member.name] = predict(member.classifier, images, flip=False)[question.heads[member.name]]
            samples[member.name] = images[:_TIMED_IMAGES].copy()
    if asked is None:
        raise ValueError("members: got none, expected at least one")
    progress("timing")
    times = _timed(members, samples, seconds)
    standings = [_mark(member, question, asked, logits[member.name], time) for member, time in zip(members, times)]
    return Comparison(
        data, split, question, asked, datetime.now(timezone.utc).isoformat(timespec="seconds"), machine(),
        _ranked(standings, asked),
    )  # fmt: skip


def _wants(member: Member) -> tuple[int, str]:
    return member.classifier.input.size, member.classifier.input.color


def _timed(members: Sequence[Member], samples: dict[str, npt.NDArray[np.uint8]], seconds: float) -> list[Latency]:
    def call(member: Member) -> Callable[[int], object]:
        classifier, pictures = open_classifier(member.path, threads=1), samples[member.name]
        return lambda number: classifier.logits(pictures[number % len(pictures)][None])

    with one_torch_thread():
        return latencies([call(member) for member in members], seconds)


def _mark(
    member: Member, question: Question, asked: Exam, logits: npt.NDArray[np.float32], latency: Latency
) -> Standing:
    name = question.heads[member.name]
    head = member.classifier.heads[name]
    own = logits[:, positions(question.emotions, head.emotions)]

    def marked(rows: npt.NDArray[np.int64]) -> Scores:
        return score(own[rows], asked.answers[rows], question.emotions, temperature=head.temperature)

    everything = np.arange(len(own))
    rest = everything if asked.copies is None else np.flatnonzero(~asked.copies)
    dedup = marked(rest) if 0 < len(rest) < len(own) else None
    return Standing(member, name, marked(everything), dedup, own.argmax(1).astype(np.int64), latency)


def _ranked(standings: Sequence[Standing], asked: Exam) -> tuple[Standing, ...]:
    best_first = sorted(standings, key=lambda one: (-one.scores.accuracy, -one.scores.macro_f1, one.member.name))
    p_values = pairwise([one.guesses == asked.answers for one in best_first])
    return tuple(replace(one, p=p_values[0, rank] if rank else None) for rank, one in enumerate(best_first))
