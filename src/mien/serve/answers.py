"""Answers of the server: OpenAPI describes them by these models, and the clients return them."""

from __future__ import annotations

from enum import Enum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..emotions import EMOTIONS


class Answer(BaseModel):
    """Fields that a newer server adds are ignored."""

    model_config = ConfigDict(frozen=True)


class ProblemDetails(Answer):
    """Why something failed (RFC 9457): ``code``, ``what`` was ``got`` and what is ``expected``, and a ``hint``."""

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    code: str = "unknown"
    detail: str = "the server refused the request"
    what: str | None = None
    got: bool | int | float | str | None = None
    expected: str | None = None
    hint: str = ""
    request_id: str | None = None


class ServedReading(Answer):
    """The prediction for one face: a row of ``mien read --json``, with an ``id`` that names it in feedback.

    The probability of each emotion of the label set is a field with its name; see ``probabilities``.
    """

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, float] = Field(init=False)

    id: str
    source: str
    frame: int
    time_s: float
    face: int
    track_id: int | None
    x0: float
    y0: float
    x1: float
    y1: float
    score: float
    emotion: str
    confidence: float
    mixed: tuple[str, ...]
    abstained: bool

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 in pixels."""
        return self.x0, self.y0, self.x1, self.y1

    @property
    def probabilities(self) -> dict[str, float]:
        """Emotion -> probability, in the order of the label set."""
        return {name: self.__pydantic_extra__[name] for name in EMOTIONS if name in self.__pydantic_extra__}


class ServedImage(Answer):
    """One image: its size in pixels and readings; or ``error``, where it could not be read."""

    source: str
    width: int | None = None
    height: int | None = None
    readings: tuple[ServedReading, ...] = ()
    error: ProblemDetails | None = None


class ImagesAnswer(Answer):
    """Answer of ``/v1/images`` and ``/v1/faces``; images are in the order of the request."""

    schema_version: int
    model: dict[str, str]
    images: tuple[ServedImage, ...]


class JobState(str, Enum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def ended(self) -> bool:
        """Whether the job will not change any more."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


class ServedJob(Answer):
    """A video to be read.

    Attributes:
        created, ended: seconds since 1970.
        frames, total: frames read, and in the video where known; ``faces``: in a finished job.
        error: of a failed job; ``problems``: what could not be read of a damaged video.
    """

    id: str
    source: str
    interval_s: float
    state: JobState
    created: float
    ended: float | None = None
    frames: int
    total: int | None = None
    faces: int | None = None
    error: ProblemDetails | None = None
    problems: tuple[str, ...] = ()


class ServedModel(Answer):
    """A model's card in short: label sets of its heads, number of parameters, and scores."""

    name: str
    sha256: str
    heads: dict[str, tuple[str, ...]]
    parameters: int
    precision: str
    license: str
    data: str
    scores: dict[str, Any]


class ModelsAnswer(Answer):
    """The served model with its label set, and the names of the models that come with mien."""

    served: ServedModel
    emotions: tuple[str, ...]
    included: tuple[str, ...]


class FeedbackAnswer(Answer):
    """What was stored; ``image``: whether the face was too."""

    reading: str
    emotion: str
    annotator: str
    image: bool
