"""Every model under every condition, kept as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ...io.journal import Journal
from ...io.rows import Row
from .conditions import CONDITIONS, Condition
from .images import Drawn
from .reading import CROP, DETECTED, Finder, Judge, Said
from .subject import Subject

#: One row of ``answers.csv``: what one model said of one image under one condition.
COLUMNS = ("model", "condition", "way", "image", "answer", "emotion", "confidence", "abstained")

#: Called with what is measured now, the steps done, and all steps.
Tell = Callable[[str, int, int], None]


def steps(drawn: Drawn, conditions: Sequence[Condition] = CONDITIONS) -> list[tuple[Condition, str]]:
    """What is measured, in order: each condition, and how the face is got at. Cut-out faces are never detected."""
    return list(_steps(drawn, conditions))


def measure(
    drawn: Drawn,
    judges: Sequence[Judge],
    journal: Journal,
    *,
    seed: int,
    threads: int = 0,
    conditions: Sequence[Condition] = CONDITIONS,
    tell: Tell = lambda _what, _done, _total: None,
) -> None:
    """Ask every model about every image under every condition; what ``journal`` has already is not asked again.

    All models see the very same spoiled pixels, and the same detections.

    Args:
        drawn: the images.
        judges: the models.
        journal: open, with ``COLUMNS``.
        seed: of the spoilings.
        threads: processor threads of the detector; 0 takes all.
        conditions: which.
        tell: called before each step and at the end.

    Raises:
        OutputError: the disk is full or gone.
    """
    finder = Finder(threads)
    todo = steps(drawn, conditions)
    for number, (condition, way) in enumerate(todo):
        tell(f"{condition.name}, {way}", number, len(todo))
        left = [judge for judge in judges if _key(judge, condition, way) not in journal.done]
        if not left:
            continue
        spoiled = [condition.apply(subject, seed) for subject in drawn.subjects]
        faces = [finder.find(one) if way == DETECTED else one.face for one in spoiled]
        for judge in left:
            said = judge.read(spoiled, faces)
            rows = [_row(judge, condition, way, *one) for one in zip(drawn.subjects, drawn.answers, said)]
            journal.write([(_key(judge, condition, way), rows)])
    tell("done", len(todo), len(todo))


def _steps(drawn: Drawn, conditions: Sequence[Condition]) -> Iterator[tuple[Condition, str]]:
    for condition in conditions:
        if not (drawn.whole or condition.crop_only):
            yield condition, DETECTED
        yield condition, CROP


def _key(judge: Judge, condition: Condition, way: str) -> str:
    return f"{judge.name}, {condition.name}, {way}"


def _row(judge: Judge, condition: Condition, way: str, subject: Subject, answer: str, said: Said) -> Row:
    return {
        "model": judge.name,
        "condition": condition.name,
        "way": way,
        "image": subject.name,
        "answer": answer,
        "emotion": said.emotion,
        "confidence": round(said.confidence, 6),
        "abstained": said.abstained,
    }
