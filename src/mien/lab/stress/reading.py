"""What the reader says of spoiled images: with detection, and of the true crop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...detection import create_detector
from ...emotions import LABEL_SETS
from ...errors import ModelError
from ...options import ReadOptions
from ...reader import Reader
from ...types import Face, Frame
from ..comparison.compare import Task
from ..comparison.models import Engine, Model
from ..evaluation.classifier import weights_file
from .subject import Subject

#: Ways to get at the face: the reader's own detection, or the place that is known from the clean image.
DETECTED, CROP = "detected", "crop"
#: A detected face is the one asked about when its box overlaps the true one by this (intersection over union).
_SAME_FACE = 0.3


@dataclass(frozen=True)
class Said:
    """What a model said of one image; ``emotion`` is empty, and the rest means nothing, where no face was found."""

    emotion: str = ""
    confidence: float = 0.0
    abstained: bool = False


class Finder:
    """Finds the face asked about as the reader would, once for all models."""

    def __init__(self, threads: int = 0) -> None:
        self._detector = create_detector(ReadOptions(threads=threads))

    def find(self, subject: Subject) -> Face | None:
        """The detected face that is the subject's; None where there is none."""
        faces = self._detector.detect(Frame(subject.image, subject.name))
        best = max(faces, key=lambda face: face.box.iou(subject.face.box), default=None)
        return best if best is not None and best.box.iou(subject.face.box) >= _SAME_FACE else None


class Judge:
    """A model inside the whole reader, which is told where the faces are.

    Raises:
        ModelError: the member is no exported model, and the reader takes no other.
        OptionError: see ``Reader``.
    """

    def __init__(self, member: Model, question: Task, threads: int = 0) -> None:
        if member.engine == Engine.TORCH:
            raise ModelError(
                f"{member.path}: got a model for {member.engine.value}, expected an exported one: the reader takes no other",
                hint="Export it first with 'mien lab export'.",
            )
        model = weights_file(member.path) if member.path.exists() else member.path
        label_set = next(name for name, emotions in LABEL_SETS.items() if emotions == question.emotions)
        options = ReadOptions(emotions=label_set, model=str(model), head=question.heads[member.name], threads=threads)
        self.name = member.name
        self._given = _Given()
        self._reader = Reader(options, detector=self._given)
        self.sha256 = self._reader.card.sha256

    def read(self, subjects: Sequence[Subject], faces: Sequence[Face | None]) -> list[Said]:
        """One answer for each subject, whose face is at ``faces``."""
        self._given.faces = faces
        frames = (Frame(subject.image, subject.name, index) for index, subject in enumerate(subjects))
        return [
            Said(readings[0].emotion, readings[0].confidence, readings[0].abstained) if readings else Said()
            for _, readings in self._reader.read_frames(frames)
        ]


class _Given:
    """A detector that was told."""

    def __init__(self) -> None:
        self.faces: Sequence[Face | None] = ()

    def detect(self, frame: Frame) -> list[Face]:
        face = self.faces[frame.index]
        return [] if face is None else [face]
