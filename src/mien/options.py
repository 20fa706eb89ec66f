"""Options for reading images, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from .emotions import label_set
from .errors import OptionError

#: The class frequencies that probabilities assume: ``data``, those of the training data; ``balanced``, their square roots.
Prior: TypeAlias = Literal["balanced", "data"]
DETECTORS = ("mien", "centerface", "yunet:FILE", "none")
#: What the networks run on.
DEVICES = ("cpu", "cuda", "coreml", "openvino")
#: Clockwise turns in degrees that ``ReadOptions.rotate`` accepts.
ROTATIONS = (0, 90, 180, 270)
#: Larger images are refused unless the user chooses, in millions of pixels: 100 take 300 MB as RGB.
MAX_MEGAPIXELS = 100.0


@dataclass(frozen=True)
class ReadOptions:
    """Options for reading images.

    Attributes:
        emotions: label set, one of ``happy-sad``, ``four``, ``seven``, ``eight``; probabilities are conditioned on it.
            None uses all emotions of the head.
        model: name of an included model, or path of an ONNX file with its card beside it.
        head: ``ferplus`` (ten annotators per image) or ``fer2013`` (one label per image); None uses the first head.
        prior: class frequencies that the head ``ferplus`` assumes. ``data``: those of its training data, of which 37% are
            neutral. ``balanced``: their square roots; recall of rare emotions is higher, and fewer posed expressions are
            read as neutral.
        prefer_recall: emotions that must not be missed: their probability is raised so that 90% of the validation images
            that show one are read as it, with more false readings. Their probabilities are then not calibrated.
        detector: ``mien``; ``centerface``, slower and better at faces below 64 pixels (extra ``centerface``);
            ``yunet:FILE``, YuNet with your copy of its weights; or ``none`` (the image is one face).
        detector_threshold: faces with a lower score are dropped, 0 to 1; None uses the detector's default.
        min_face: smallest face to find, in pixels of the image; larger is faster. None means 1/18 of the height, at
            least 20, in videos and from cameras; in photos, 20 if no large faces are found. YuNet ignores it.
        rotate: degrees by which images are turned clockwise before the search for faces: 0, 90, 180 or 270. None turns
            photos without a clear upright face if a turned copy shows one, and no videos. Boxes refer to the image as given.
        min_confidence: a reading abstains if its ``confidence`` or ``in_label_set`` is lower; 0 to 1.
        flip: average the outputs for each face and its mirror image. More accurate; classification takes twice the time.
        threads: how many images are read at once, each on one processor core; 0 uses all cores.
        device: ``cpu``; or ``cuda``, ``coreml`` or ``openvino``, which need an onnxruntime with that provider.
        max_megapixels: refuse images that unpack to more.
    """

    emotions: str | None = None
    model: str | Path = "default"
    head: str | None = None
    prior: Prior = "balanced"
    prefer_recall: tuple[str, ...] = ()
    detector: str = "mien"
    detector_threshold: float | None = None
    min_face: int | None = None
    rotate: int | None = None
    min_confidence: float = 0.5
    flip: bool = True
    threads: int = 0
    device: str = "cpu"
    max_megapixels: float = MAX_MEGAPIXELS

    def __post_init__(self) -> None:
        kind, _, file = self.detector.partition(":")
        known = bool(file) if kind == "yunet" else self.detector in DETECTORS
        _check("detector", self.detector, known, f"one of {', '.join(DETECTORS)}")
        if self.emotions is not None:
            label_set(self.emotions)
        _check("prior", self.prior, self.prior in get_args(Prior), f"one of {', '.join(get_args(Prior))}")
        _check("min_face", self.min_face, self.min_face is None or self.min_face >= 4, "at least 4 pixels")
        _check("rotate", self.rotate, self.rotate in (None, *ROTATIONS), f"{', '.join(map(str, ROTATIONS))} or None")
        if self.detector == "none" and self.rotate:
            message = f"rotate: got {self.rotate} with detector none, expected a detector that finds landmarks"
            raise OptionError(message, field="rotate", value=self.rotate, hint="Turn the crops before reading them.")
        _check("device", self.device, self.device in DEVICES, f"one of {', '.join(DEVICES)}")
        _check("threads", self.threads, self.threads >= 0, "0 (all) or more")
        for name in ("min_confidence", "detector_threshold"):
            value = getattr(self, name)
            hint = f"For {value:g}%, use {value / 100:g}." if value is not None and 1 < value <= 100 else ""
            _check(name, value, value is None or 0 <= value <= 1, "0 to 1", hint)


def _check(name: str, value: object, holds: bool, expected: str, hint: str = "") -> None:
    if not holds:
        raise OptionError(f"{name}: got {value!r}, expected {expected}", field=name, value=value, hint=hint)
