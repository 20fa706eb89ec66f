"""How to read: every choice a user has, with its default, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .emotions import LABEL_SETS
from .errors import OptionError

DETECTORS = ("centerface", "yunet", "none")


@dataclass(frozen=True)
class ReadOptions:
    """Choices for reading images.

    Attributes:
        emotions: label set, one of ``happy-sad``, ``four``, ``seven``, ``eight``; probabilities are conditioned on it.
            None takes every emotion that the head knows.
        model: name of a model that comes with mien, or the path of an ONNX file with its card beside it.
        head: whose labels: ``ferplus`` (ten annotators an image) or ``fer2013`` (one label an image); None takes the
            model's first.
        detector: ``centerface``, ``yunet`` (give its file as ``detector_file``) or ``none`` (the image is the face).
        detector_file: path of the detector's weights, where they do not come with mien.
        detector_threshold: faces scored lower are dropped, 0 to 1; None takes the detector's own default.
        min_face: the smallest face to look for, its side in pixels of the image; larger is faster. None takes a twelfth
            of the height in videos and from cameras, 20 at least; in photos it looks as finely as the faces found suggest,
            down to 20 where they are small or none is seen. YuNet looks for all.
        min_confidence: a reading abstains when its confidence is below this, or when the face is less likely than this to
            show an emotion of the label set at all; 0 to 1.
        flip: read each face and its mirror image and average: more accurate, half as fast.
        threads: processor threads for the networks; 0 takes all.
        max_megapixels: refuse images that unpack to more.
    """

    emotions: str | None = None
    model: str | Path = "default"
    head: str | None = None
    detector: str = "centerface"
    detector_file: str | Path | None = None
    detector_threshold: float | None = None
    min_face: int | None = None
    min_confidence: float = 0.5
    flip: bool = True
    threads: int = 0
    max_megapixels: float = 200.0

    def __post_init__(self) -> None:
        _one_of("detector", self.detector, DETECTORS)
        if self.emotions is not None:
            _one_of("emotions", self.emotions, tuple(LABEL_SETS))
        if self.min_face is not None and self.min_face < 4:
            raise OptionError(f"min_face: got {self.min_face}, expected at least 4 pixels")
        if self.threads < 0:
            raise OptionError(f"threads: got {self.threads}, expected 0 (all) or more")
        for name in ("min_confidence", "detector_threshold"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise OptionError(f"{name}: got {value}, expected 0 to 1")


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionError(f"{name}: got {value!r}, expected one of {', '.join(choices)}")
