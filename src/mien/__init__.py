"""mien recognizes facial expressions in images, video and webcam streams. It runs locally; probabilities are calibrated.

    >>> import mien
    >>> for reading in mien.read("examples/astronaut.png"):
    ...     print(reading.emotion, round(reading.confidence, 2))

Importing this module loads nothing heavy: each public name is fetched from its file when first used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "EMOTIONS",
    "LABEL_SETS",
    "AbstainReason",
    "BatchResult",
    "BenchResult",
    "Box",
    "DataError",
    "Explainer",
    "Explanation",
    "Face",
    "Failure",
    "Frame",
    "MienError",
    "MissingExtraError",
    "ModelError",
    "OptionError",
    "OutputError",
    "Privacy",
    "ReadOptions",
    "Reader",
    "Reading",
    "Readings",
    "RecipeError",
    "SourceError",
    "TableFile",
    "Timeline",
    "TooLargeError",
    "Tracker",
    "Video",
    "VideoFile",
    "VideoResult",
    "VideoSink",
    "Watch",
    "annotate",
    "audit_compare",
    "audit_fairness",
    "audit_predict",
    "audit_thresholds",
    "bench",
    "explain",
    "find_images",
    "measure_attributes",
    "process_video",
    "read",
    "read_files",
    "read_image",
    "read_video",
    "timeline",
    "to_dataframe",
    "watch",
]

_HOMES = {
    "AbstainReason": ".types",
    "annotate": ".drawing",
    "audit_compare": ".audit.compare",
    "audit_fairness": ".audit.fairness",
    "audit_predict": ".audit.predict",
    "audit_thresholds": ".audit.thresholds",
    "BatchResult": ".batch",
    "bench": ".benchmarking.bench",
    "BenchResult": ".benchmarking.bench",
    "Box": ".types",
    "DataError": ".errors",
    "EMOTIONS": ".emotions",
    "explain": ".explanations.explainer",
    "Explainer": ".explanations.explainer",
    "Explanation": ".explanations.explanation",
    "Face": ".types",
    "Failure": ".batch",
    "find_images": ".io.discovery",
    "Frame": ".types",
    "LABEL_SETS": ".emotions",
    "measure_attributes": ".audit.attributes",
    "MienError": ".errors",
    "MissingExtraError": ".errors",
    "ModelError": ".errors",
    "OptionError": ".errors",
    "OutputError": ".errors",
    "Privacy": ".redaction",
    "process_video": ".video",
    "read": ".reader",
    "read_files": ".batch",
    "read_image": ".io.images",
    "read_video": ".video",
    "Reader": ".reader",
    "Reading": ".types",
    "Readings": ".types",
    "ReadOptions": ".options",
    "RecipeError": ".errors",
    "SourceError": ".errors",
    "TableFile": ".io.video_sinks",
    "Timeline": ".timelines.timeline",
    "timeline": ".timelines.timeline",
    "to_dataframe": ".io.rows",
    "TooLargeError": ".errors",
    "Tracker": ".tracking.tracker",
    "Video": ".io.video",
    "VideoFile": ".io.video_sinks",
    "VideoResult": ".video",
    "VideoSink": ".io.video_sinks",
    "watch": ".video",
    "Watch": ".video",
}

if TYPE_CHECKING:
    from .audit.attributes import measure_attributes
    from .audit.compare import audit_compare
    from .audit.fairness import audit_fairness
    from .audit.predict import audit_predict
    from .audit.thresholds import audit_thresholds
    from .batch import BatchResult, Failure, read_files
    from .benchmarking.bench import BenchResult, bench
    from .drawing import annotate
    from .emotions import EMOTIONS, LABEL_SETS
    from .errors import (
        DataError,
        MienError,
        MissingExtraError,
        ModelError,
        OptionError,
        OutputError,
        RecipeError,
        SourceError,
        TooLargeError,
    )
    from .explanations.explainer import Explainer, explain
    from .explanations.explanation import Explanation
    from .io.discovery import find_images
    from .io.images import read_image
    from .io.rows import to_dataframe
    from .io.video import Video
    from .io.video_sinks import TableFile, VideoFile, VideoSink
    from .options import ReadOptions
    from .reader import Reader, read
    from .redaction import Privacy
    from .timelines.timeline import Timeline, timeline
    from .tracking.tracker import Tracker
    from .types import AbstainReason, Box, Face, Frame, Reading, Readings
    from .video import VideoResult, Watch, process_video, read_video, watch


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
