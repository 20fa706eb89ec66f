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
    "Address",
    "Agreement",
    "Annotation",
    "AsyncClient",
    "Baseline",
    "BatchResult",
    "BenchResult",
    "Box",
    "Client",
    "DataError",
    "DatasetResult",
    "EventResponses",
    "Explainer",
    "Explanation",
    "Face",
    "Failure",
    "Frame",
    "ImportedTable",
    "LslStream",
    "MienError",
    "MissingExtraError",
    "ModelError",
    "OptionError",
    "OscMessages",
    "OutputError",
    "Privacy",
    "ReadOptions",
    "Reader",
    "Reading",
    "Readings",
    "RecipeError",
    "ServerError",
    "SourceError",
    "Study",
    "TableFile",
    "Timeline",
    "TooLargeError",
    "TrackPart",
    "Tracker",
    "Video",
    "VideoFile",
    "VideoResult",
    "VideoSink",
    "Watch",
    "WebSocketServer",
    "agreement",
    "annotate",
    "audit_compare",
    "audit_fairness",
    "audit_predict",
    "audit_thresholds",
    "bench",
    "code_study",
    "event_responses",
    "explain",
    "find_images",
    "import_table",
    "join_tracks",
    "measure_attributes",
    "process_video",
    "read",
    "read_annotations",
    "read_dataset",
    "read_files",
    "read_image",
    "read_video",
    "suggest_links",
    "timeline",
    "to_dataframe",
    "watch",
]

_NAMES = {
    ".audit.attributes": "measure_attributes",
    ".audit.compare": "audit_compare",
    ".audit.fairness": "audit_fairness",
    ".audit.predict": "audit_predict",
    ".audit.thresholds": "audit_thresholds",
    ".batch": "BatchResult Failure read_files",
    ".benchmarking.bench": "BenchResult bench",
    ".coding.agreement": "Agreement agreement",
    ".coding.baseline": "Baseline",
    ".coding.relinking": "suggest_links",
    ".coding.responses": "EventResponses event_responses",
    ".coding.study": "Study code_study",
    ".coding.tracks": "TrackPart join_tracks",
    ".drawing": "annotate",
    ".emotions": "EMOTIONS LABEL_SETS",
    ".errors": "DataError MienError MissingExtraError ModelError OptionError OutputError RecipeError SourceError "
    "TooLargeError",
    ".explanations.explainer": "Explainer Explanation explain",
    ".io.annotations": "Annotation read_annotations",
    ".io.discovery": "find_images",
    ".io.images": "read_image",
    ".io.imports": "ImportedTable import_table",
    ".io.live_outputs": "Address LslStream OscMessages WebSocketServer",
    ".io.tables": "to_dataframe",
    ".io.video": "Video",
    ".io.video_sinks": "TableFile VideoFile VideoSink",
    ".options": "ReadOptions",
    ".reader": "Reader read",
    ".redaction": "Privacy",
    ".scale.dataset": "DatasetResult read_dataset",
    ".serve.client": "AsyncClient Client ServerError",
    ".timelines.timeline": "Timeline timeline",
    ".tracking": "Tracker",
    ".types": "AbstainReason Box Face Frame Reading Readings",
    ".video": "VideoResult Watch process_video read_video watch",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

if TYPE_CHECKING:
    from .audit.attributes import measure_attributes
    from .audit.compare import audit_compare
    from .audit.fairness import audit_fairness
    from .audit.predict import audit_predict
    from .audit.thresholds import audit_thresholds
    from .batch import BatchResult, Failure, read_files
    from .benchmarking.bench import BenchResult, bench
    from .coding.agreement import Agreement, agreement
    from .coding.baseline import Baseline
    from .coding.relinking import suggest_links
    from .coding.responses import EventResponses, event_responses
    from .coding.study import Study, code_study
    from .coding.tracks import TrackPart, join_tracks
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
    from .explanations.explainer import Explainer, Explanation, explain
    from .io.annotations import Annotation, read_annotations
    from .io.discovery import find_images
    from .io.images import read_image
    from .io.imports import ImportedTable, import_table
    from .io.live_outputs import Address, LslStream, OscMessages, WebSocketServer
    from .io.tables import to_dataframe
    from .io.video import Video
    from .io.video_sinks import TableFile, VideoFile, VideoSink
    from .options import ReadOptions
    from .reader import Reader, read
    from .redaction import Privacy
    from .scale.dataset import DatasetResult, read_dataset
    from .serve.client import AsyncClient, Client, ServerError
    from .timelines.timeline import Timeline, timeline
    from .tracking import Tracker
    from .types import AbstainReason, Box, Face, Frame, Reading, Readings
    from .video import VideoResult, Watch, process_video, read_video, watch


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
