"""Values that pass between the stages: images, boxes, faces and readings; frozen, checked on construction."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import MienError, OptionError


def checked(
    name: str, array: Any, dtype: npt.DTypeLike, shape: tuple[int | None, ...], hint: str = ""
) -> npt.NDArray[Any]:
    """Return ``array`` if it has ``dtype`` and ``shape`` (None stands for any length), else raise an ``OptionError``."""
    wanted = f"{np.dtype(dtype)} ({', '.join('any' if n is None else str(n) for n in shape)})"
    if not isinstance(array, np.ndarray):
        message = f"{name}: got {type(array).__name__}, expected a numpy array, {wanted}"
        raise OptionError(message, hint=hint, field=name)
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape))
    if array.dtype != dtype or not fits:
        raise OptionError(f"{name}: got {array.dtype} {array.shape}, expected {wanted}", hint=hint, field=name)
    return array


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of its frame; x runs right, y down. It may reach past the border."""

    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if not (self.x1 > self.x0 and self.y1 > self.y0 and all(map(math.isfinite, self.xyxy))):
            raise OptionError(f"box: got {self.xyxy}, expected finite numbers, x1 > x0 and y1 > y0", field="box")

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1)."""
        return self.x0, self.y0, self.x1, self.y1

    @property
    def width(self) -> float:
        """In pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """In pixels."""
        return self.y1 - self.y0

    def iou(self, other: Box) -> float:
        """Intersection over union with another box, 0 to 1."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        shared = max(0.0, width) * max(0.0, height)
        return shared / (self.width * self.height + other.width * other.height - shared)


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a frame.

    Attributes:
        box: tight around the face, from brow to chin.
        score: the detector's confidence, 0 to 1.
        landmarks: float32 (5, 2), x and y in pixels: left eye, right eye, nose, left and right corner of the mouth, left
            and right as seen in the image; None if the detector has none.
        margin: side of the square crop around the face, as a multiple of the detector's box.
    """

    box: Box
    score: float = 1.0
    landmarks: npt.NDArray[np.float32] | None = None
    margin: float = 1.0

    def __post_init__(self) -> None:
        if self.landmarks is not None:
            checked("landmarks", self.landmarks, np.float32, (5, 2))
            if not np.isfinite(self.landmarks).all():
                raise OptionError(f"landmarks: got {self.landmarks.tolist()}, expected finite numbers")


@dataclass(frozen=True, eq=False)
class Frame:
    """An image, or one frame of a video.

    Attributes:
        image: uint8 (H, W, 3), RGB, 0-255, upright (EXIF orientation applied).
        name: path of the source, or a word such as ``"array"``.
        index, time_s: frame number from 0, and time in seconds from the start of the source; 0 for an image.
    """

    image: npt.NDArray[np.uint8]
    name: str = "array"
    index: int = 0
    time_s: float = 0.0

    def __post_init__(self) -> None:
        hint = "Give RGB pixels with values 0-255; convert OpenCV's BGR with image[..., ::-1].copy()."
        checked("image", self.image, np.uint8, (None, None, 3), hint)
        if not self.image.size:
            raise OptionError(f"image: got {self.image.shape}, expected at least 1 x 1 pixels")

    @property
    def height(self) -> int:
        """Rows, in pixels."""
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        """Columns, in pixels."""
        return int(self.image.shape[1])


#: Smallest vote share of an emotion of ``Reading.mixed``; see ``docs/concepts/calibration.md``.
SHARE = 0.25
#: A reading abstains below this sharpness. For its choice see ``docs/concepts/calibration.md``.
MIN_SHARPNESS = 0.03


class AbstainReason(str, Enum):
    """Why a reading abstains."""

    NOT_A_FACE = "not_a_face"  # the detector's score is below ``min_face_score``: probably no face
    BLURRED = "blurred"  # ``sharpness`` is below ``MIN_SHARPNESS``: too small or too blurred
    LOW_CONFIDENCE = "low_confidence"  # ``confidence`` is below ``min_confidence``
    OUTSIDE_LABEL_SET = "outside_label_set"  # ``in_label_set`` is below ``min_confidence``


@dataclass(frozen=True, eq=False)
class Reading:
    """The prediction for one face.

    Attributes:
        emotions: the label set, in the vocabulary's order; length K.
        probabilities: float32 (K,), calibrated, summing to 1: how likely each emotion is the majority label. Smoothed over
            time in a video.
        vote_shares: float32 (K,), summing to 1: the expected share of annotators per emotion; None if unknown.
        in_label_set: probability that the face shows an emotion of the label set, 0 to 1.
        min_confidence: the reading abstains if ``confidence`` or ``in_label_set`` is lower, 0 to 1.
        min_face_score: the reading abstains if the detector's score is below this, 0 to 1.
        track_id: number of the person in a video; None in an image.
        frame_probabilities: float32 (K,), the probabilities of this frame alone; None in an image.
        sharpness: see ``mien.model.preprocess.sharpness``; None if unknown.
        source, frame_index, time_s: ``name``, ``index`` and ``time_s`` of the ``Frame``.
        face_index: index of the face in its frame, from 0, most certain detection first.
    """

    face: Face
    emotions: tuple[str, ...]
    probabilities: npt.NDArray[np.float32]
    vote_shares: npt.NDArray[np.float32] | None = None
    in_label_set: float = 1.0
    min_confidence: float = 0.5
    min_face_score: float = 0.0
    track_id: int | None = None
    frame_probabilities: npt.NDArray[np.float32] | None = None
    sharpness: float | None = None
    source: str = "array"
    frame_index: int = 0
    time_s: float = 0.0
    face_index: int = 0

    def __post_init__(self) -> None:
        _check_distribution("probabilities", self.probabilities, len(self.emotions))
        for name in ("vote_shares", "frame_probabilities"):
            given = getattr(self, name)
            if given is not None:
                _check_distribution(name, given, len(self.emotions))

    @property
    def emotion(self) -> str:
        """The most likely emotion, even if the reading abstained."""
        return self.emotions[int(self.probabilities.argmax())]

    @property
    def confidence(self) -> float:
        """The probability of ``emotion``, 0 to 1."""
        return float(self.probabilities.max())

    @property
    def mixed(self) -> tuple[str, ...]:
        """The emotions of a mixed expression, strongest first; empty for one emotion or unknown ``vote_shares``."""
        if self.vote_shares is None:
            return ()
        strong = [int(i) for i in np.argsort(-self.vote_shares, kind="stable") if self.vote_shares[i] >= SHARE]
        return tuple(self.emotions[i] for i in strong) if len(strong) > 1 else ()

    @property
    def abstain_reasons(self) -> tuple[AbstainReason, ...]:
        """Why the reading is unreliable, most basic reason first; empty if it is reliable."""
        holds = {
            AbstainReason.NOT_A_FACE: self.face.score < self.min_face_score,
            AbstainReason.BLURRED: self.sharpness is not None and self.sharpness < MIN_SHARPNESS,
            AbstainReason.LOW_CONFIDENCE: self.confidence < self.min_confidence,
            AbstainReason.OUTSIDE_LABEL_SET: self.in_label_set < self.min_confidence,
        }
        return tuple(reason for reason, applies in holds.items() if applies)

    @property
    def abstained(self) -> bool:
        """Whether the reading is unreliable and ``emotion`` should not be used; see ``abstain_reasons``."""
        return bool(self.abstain_reasons)

    def scores(self) -> dict[str, float]:
        """Return emotion -> probability, most likely first."""
        return dict(sorted(zip(self.emotions, self.probabilities.tolist()), key=lambda pair: -pair[1]))

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, as in a row of ``mien read --json``; ``mien.io.tables`` documents the columns."""
        row = {
            **frame_cells(self.source, self.frame_index, self.time_s),
            "face": self.face_index + 1,
            "track_id": self.track_id,
            **{name: round(float(at), 2) for name, at in zip(("x0", "y0", "x1", "y1"), self.face.box.xyxy)},
            "score": round(float(self.face.score), 4),
            "emotion": self.emotion,
            "confidence": round(self.confidence, 4),
            "mixed": list(self.mixed),
            "abstained": self.abstained,
            **{emotion: round(p, 4) for emotion, p in zip(self.emotions, self.probabilities.tolist())},
        }
        if self.frame_probabilities is not None:
            row |= {f"frame_{e}": round(p, 4) for e, p in zip(self.emotions, self.frame_probabilities.tolist())}
        return row


def frame_cells(source: str, index: int, time_s: float) -> dict[str, Any]:
    """The cells of a row that say where a frame comes from."""
    return {"source": table_text(source), "frame": index, "time_s": round(float(time_s), 3)}


def table_text(text: str) -> str:
    """A text that tables can hold: lone surrogates, of file names that are not UTF-8, are spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Readings(list[Reading]):
    """A list of the readings of one or several images.

    ``sources`` lists all images that were read, including those without a face. ``errors`` lists the images that could not
    be read, with ``errors="return"``.
    """

    def __init__(
        self, readings: Iterable[Reading] = (), sources: Sequence[str] = (), errors: Sequence[MienError] = ()
    ) -> None:
        super().__init__(readings)
        self.sources, self.errors = tuple(sources), tuple(errors)

    def filter(
        self,
        *,
        emotion: str | Collection[str] | None = None,
        min_confidence: float = 0.0,
        min_face: float = 0.0,
        abstained: bool | None = None,
    ) -> Readings:
        """Return the readings that meet all conditions.

        Args:
            emotion: one or several predicted emotions; None keeps all.
            min_confidence: 0 to 1.
            min_face: smallest width of the face, in pixels.
            abstained: keep readings that abstained (True), that did not (False), or both (None).
        """
        wanted = (emotion,) if isinstance(emotion, str) else emotion
        kept = (
            reading
            for reading in self
            if (wanted is None or reading.emotion in wanted)
            and reading.confidence >= min_confidence
            and reading.face.box.width >= min_face
            and abstained in (None, reading.abstained)
        )
        return Readings(kept, self.sources, self.errors)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one row per face; see ``Reading.to_dict``."""
        return [reading.to_dict() for reading in self]


def _check_distribution(name: str, values: npt.NDArray[np.float32], length: int) -> None:
    checked(name, values, np.float32, (length,))
    total = float(values.sum())
    if not abs(total - 1) < 1e-3:
        raise OptionError(f"{name}: got a sum of {total:.4f}, expected 1", field=name)
